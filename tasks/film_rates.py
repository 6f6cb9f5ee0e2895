"""The frame rates of finished films, and how a film at 24 per second is conformed to them.

Everything before the finished film counts frames at 24 per second: boards, ranges, titles and
captions. No code here reads a file, so that plans know the frames and the seconds of a film.

The rules:

- 23.976: every frame once, 0.1 % slower. The sound is resampled, so that it stays in sync.
- 25: the film keeps its length and its sound; one frame in 24 is shown twice. A spot of 15 seconds
  has exactly 375 frames, which broadcasters require. Every frame once at 25/24 of the speed would
  make it 14.4 seconds.
- 29.97: of four frames, the third is shown twice, at the speed of 23.976. A spot of 15 seconds has
  450 frames, which drop-frame time code counts as 15 seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from storyboards.frame_times import FRAMES_PER_SECOND

_NTSC = Fraction(1001, 1000)


@dataclass(frozen=True)
class FilmRate:
    """A frame rate, and the rule by which a film at 24 per second is conformed to it."""

    name: str
    """As in the board: `23.976`."""
    frames_per_second: Fraction
    stretch: Fraction = Fraction(1)
    """Length of the conformed film over that of the film at 24 per second."""
    repeats: Fraction = Fraction(1)
    """Frames of the conformed film for each frame of the film at 24 per second."""
    rule: str = ""
    """The treatment of the frames as a clause; empty if none is given."""
    is_drop_frame: bool = False
    """True if its time code leaves out numbers, so that it agrees with the clock."""

    @property
    def shows_each_frame_once(self) -> bool:
        """True if only the times of the frames change, so that they need not be encoded again."""
        return self.repeats == 1

    @property
    def time_code(self) -> str:
        """The time code of the first frame."""
        return f"01:00:00{';' if self.is_drop_frame else ':'}00"

    def count_frames(self, frames: int) -> int:
        """Return the frames of the conformed film, for a number of frames at 24 per second."""
        return int(frames * self.repeats + Fraction(1, 2))

    def count_source_frames(self, frames: int) -> int:
        """Return the frames at 24 per second of a conformed film that has so many."""
        return round(frames / self.repeats)

    def source_frame(self, number: int, frames: int) -> int:
        """Return the frame that the conformed film shows as frame `number`.

        The film at 24 per second shows it in the middle of that time, so that picture and sound are
        apart by half a frame at most.

        Args:
            number: A frame of the conformed film.
            frames: The number of frames at 24 per second.
        """
        return min(frames - 1, int((number + Fraction(1, 2)) / self.repeats))

    def seconds(self, frames: int) -> Fraction:
        """Return when a frame at 24 per second begins in the conformed film."""
        return frames * self.stretch / FRAMES_PER_SECOND

    def duration(self, frames: int) -> Fraction:
        """Return the seconds of the conformed film, for a number of frames at 24 per second."""
        return self.count_frames(frames) / self.frames_per_second


RATE_24 = FilmRate("24", Fraction(24))
RATES = (
    RATE_24,
    FilmRate(
        "23.976",
        Fraction(24_000, 1001),
        _NTSC,
        rule="every frame once, sound and picture 0.1 % slower",
    ),
    FilmRate("25", Fraction(25), repeats=Fraction(25, 24), rule="one frame in 24 shown twice"),
    FilmRate(
        "29.97",
        Fraction(30_000, 1001),
        _NTSC,
        Fraction(5, 4),
        rule="one frame in 4 shown twice, sound and picture 0.1 % slower",
        is_drop_frame=True,
    ),
)


def find_rate(value: float) -> FilmRate:
    """Return the rate that a board writes as this number; 24 for any other."""
    return next((rate for rate in RATES if rate.name == f"{value:g}"), RATE_24)
