"""From a plan to the edit of its film: what the words of the board mean for picture and sound.

Nothing here changes what is rendered, or a shot's key.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest

from storyboards.models import (
    Captions,
    Card,
    Crossfade,
    Dip,
    Film,
    Join,
    LegalLine,
    LoudnessTarget,
    OnScreenTitle,
    Voice,
    parse_loudness,
)
from storyboards.prompts import expand_variables
from tasks.edit import (
    CaptionsEdit,
    CardEdit,
    EditClip,
    FilmEdit,
    InputFile,
    LoudnessEdit,
    MusicEdit,
    PictureEdit,
    SoundEdit,
    Title,
    Transition,
    TransitionKind,
)
from tasks.plan import Plan, PlannedShot, is_chained

_DIPS = {"black": TransitionKind.DIP_TO_BLACK, "white": TransitionKind.DIP_TO_WHITE}


def build_edit(plan: Plan, clips: Mapping[str, InputFile], *, title: str = "") -> FilmEdit:
    """Return the edit of the film of these clips.

    Args:
        plan: The plan of the board.
        clips: The clip of each shot that has one, by the shot's id.
        title: The title of the film.
    """
    return _EditBuilder(plan).build(clips, title)


class _EditBuilder:
    """Builds the edit of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._storyboard = plan.board.storyboard
        self._film: Film = self._storyboard.film

    def build(self, clips: Mapping[str, InputFile], title: str) -> FilmEdit:
        shots = [shot for shot in self._plan if shot.id in clips]
        film = self._film
        return FilmEdit(
            clips=tuple(
                self._clip(shot, following, clips[shot.id])
                for shot, following in zip_longest(shots, shots[1:])
            ),
            title=title,
            fade_in_frames=film.fade_in,
            fade_out_frames=film.fade_out,
            card=self._card(film.card) if film.card else None,
            titles=self._legal_line(),
            captions=self._captions(film.captions) if film.captions else None,
            sound=self._sound(),
            picture=PictureEdit(codec=film.codec, rate=film.rate),
        )

    def _clip(self, shot: PlannedShot, following: PlannedShot | None, file: InputFile) -> EditClip:
        is_cut = following is not None and self._transition(following) is None
        written = shot.shot
        voice = self._voice_of(shot)
        return EditClip(
            file,
            shot.id,
            shot.chapter_title,
            # A chained seam shows the same picture twice: the earlier clip loses its last frame.
            drop_last_frame=is_cut and following is not None and is_chained(shot, following),
            transition=self._transition(shot),
            titles=tuple(map(self._title, written.on_screen_titles)),
            voice=self._find(voice.file) if voice else None,
            voice_frame=voice.at if voice else 0,
            voice_gain_db=voice.gain_db if voice else 0.0,
            focus=written.focus or (0.5, 0.5),
        )

    def _transition(self, shot: PlannedShot) -> Transition | None:
        return _build_transition(shot.shot.transition or self._film.join)

    def _voice_of(self, shot: PlannedShot) -> Voice | None:
        voices = self._film.voice
        voice = voices.get(shot.id) if isinstance(voices, dict) else None
        return Voice(file=voice) if isinstance(voice, str) else voice

    def _film_voice(self) -> Voice | None:
        voice = self._film.voice
        if isinstance(voice, dict):
            return None
        return Voice(file=voice) if isinstance(voice, str) else voice

    def _title(self, title: OnScreenTitle) -> Title:
        return Title(
            self._expand(title.text or ""),
            self._find_optional(title.image),
            title.start,
            title.end,
            title.place,
            self._find_optional(title.font),
            title.size,
            title.colour,
            title.fade,
        )

    def _legal_line(self) -> tuple[Title, ...]:
        legal = self._film.legal
        if legal is None:
            return ()
        line = legal if isinstance(legal, LegalLine) else LegalLine(text=legal)
        text = self._expand(line.text)
        return (Title(text, first_frame=line.start, end_frame=line.end, place="legal"),)

    def _card(self, card: Card) -> CardEdit:
        return CardEdit(
            card.seconds,
            self._find_optional(card.image),
            self._expand(card.text or ""),
            card.background,
            card.colour,
            _build_transition(card.transition),
        )

    def _captions(self, captions: Captions) -> CaptionsEdit:
        return CaptionsEdit(self._plan.captions, captions.language, captions.burn)

    def _sound(self) -> SoundEdit:
        film, music, voice = self._film, self._film.music, self._film_voice()
        return SoundEdit(
            music=MusicEdit(
                self._find(music.file),
                music.gain_db,
                music.start,
                music.duck,
                music.fade_in,
                music.fade_out,
                music.loop,
            )
            if music
            else None,
            voice=self._find(voice.file) if voice else None,
            voice_frame=voice.at if voice else 0,
            voice_gain_db=voice.gain_db if voice else 0.0,
            loudness=_build_loudness(film.loudness),
            stems=film.stems,
        )

    def _expand(self, text: str) -> str:
        return expand_variables(self._storyboard, text)

    def _find(self, reference: str) -> InputFile:
        """Return a file of the film, which the plan has read."""
        return self._plan.film_files[self._expand(reference)]

    def _find_optional(self, reference: str | None) -> InputFile | None:
        return None if reference is None else self._find(reference)


def _build_transition(join: Join) -> Transition | None:
    match join:
        case Crossfade():
            return Transition(TransitionKind.CROSSFADE, join.crossfade)
        case Dip():
            return Transition(_DIPS[join.dip], join.length)
        case _:
            return None


def _build_loudness(loudness: str | LoudnessTarget | None) -> LoudnessEdit | None:
    if loudness is None:
        return None
    target = loudness if isinstance(loudness, LoudnessTarget) else LoudnessTarget(target=loudness)
    return LoudnessEdit(parse_loudness(target.target), target.peak_db, target.max_gain_db)
