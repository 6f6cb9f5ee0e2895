"""From a plan to the edit of its film: what the words of the board mean for picture and sound.

Nothing here changes what is rendered, or a shot's key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

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
    STEM_SUFFIXES,
    CaptionsEdit,
    CardEdit,
    ClipPlace,
    EditClip,
    FilmEdit,
    InputFile,
    LengthMismatch,
    LoudnessEdit,
    MusicEdit,
    PictureEdit,
    SoundEdit,
    Title,
    Transition,
    TransitionKind,
    count_frames,
    cut_to_length,
    lay_out,
)
from tasks.plan import ExistingClip, Plan, PlannedShot, ShotToRender, UsedRange, is_chained
from tasks.planning.dialogue_times import place_dialogue

_DIPS = {"black": TransitionKind.DIP_TO_BLACK, "white": TransitionKind.DIP_TO_WHITE}


def build_edit(plan: Plan, clips: Mapping[str, InputFile], *, title: str = "") -> FilmEdit:
    """Return the edit of the film of these clips.

    Args:
        plan: The plan of the board.
        clips: The clip of each shot that has one, by the shot's id.
        title: The title of the film.
    """
    return _EditBuilder(plan).build(clips, title)


def list_side_suffixes(plan: Plan) -> tuple[str, ...]:
    """Return the suffixes of the files beside the film of a plan, such as `.en.srt`."""
    storyboard = plan.board.storyboard
    captions = storyboard.film.captions
    language = expand_variables(storyboard, captions.language) if captions else ""
    texts = (f".{language}.srt", f".{language}.vtt") if captions else ()
    return (*texts, *(STEM_SUFFIXES if storyboard.film.stems else ()))


def count_planned_frames(plan: Plan) -> int | None:
    """Return the frames of the film of a plan at 24 per second; None if they are not known yet."""
    edit = plan_edit(plan)
    return None if edit is None else count_frames(edit, count_clip_frames(edit))


def plan_edit(plan: Plan) -> FilmEdit | None:
    """Return the edit of a film whose clips may not exist yet; None if a length is not known."""
    if any(_has_unknown_length(shot) for shot in plan):
        return None
    files = {shot.id: InputFile(Path(shot.id), shot.key, shot.frames) for shot in plan}
    return build_edit(plan, files)


def count_clip_frames(edit: FilmEdit) -> list[int]:
    """Return the number of frames of each clip of an edit, as planned or counted."""
    return [clip.file.frames or 0 for clip in edit.clips]


def plan_film(plan: Plan) -> tuple[FilmEdit, tuple[ClipPlace, ...]] | None:
    """Return the edit of the film of a plan and the places of its clips, without any clip.

    A length that a model decides is the longest one. None if a recorded take has no clip.
    """
    if any(take.attempt.clip is None for shot in plan for take in shot.used_takes):
        return None
    files = {shot.id: InputFile(Path(shot.id), shot.key, shot.frames) for shot in plan}
    edit = build_edit(plan, files)
    # A length that the clips can't give is a problem of its own.
    with suppress(LengthMismatch):
        edit = cut_to_length(edit, count_clip_frames(edit))
    return edit, lay_out(edit.clips, count_clip_frames(edit))


def has_exact_lengths(plan: Plan) -> bool:
    """Return True if it is known how much of each shot the film shows."""
    return not any(_has_unknown_length(shot) for shot in plan)


def _has_unknown_length(shot: PlannedShot) -> bool:
    """Return whether it is not known yet how much of a shot the film shows."""
    if any(take.attempt.clip is None or not take.attempt.frames for take in shot.used_takes):
        return True
    if not isinstance(shot, ShotToRender) or not shot.has_auto_duration:
        return False
    return any(used.take is None and used.end_frame is None for used in shot.used_ranges)


class _EditBuilder:
    """Builds the edit of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._storyboard = plan.board.storyboard
        self._film: Film = self._storyboard.film

    def build(self, clips: Mapping[str, InputFile], title: str) -> FilmEdit:
        shots = [shot for shot in self._plan if shot.id in clips or not shot.shows_own_clip]
        film, target = self._film, self._plan.target
        edit_clips = tuple(
            clip
            for shot, following in zip_longest(shots, shots[1:])
            for clip in self._clips(shot, following, clips.get(shot.id))
        )
        return FilmEdit(
            clips=edit_clips,
            title=title,
            fade_in_frames=film.fade_in,
            fade_out_frames=film.fade_out,
            card=self._card(film.card) if film.card else None,
            titles=self._legal_line(),
            captions=self._captions(film.captions, edit_clips) if film.captions else None,
            sound=self._sound(),
            picture=PictureEdit(target.ratio, target.fit, film.codec, film.rate),
            length=target.length,
        )

    def _clips(
        self, shot: PlannedShot, following: PlannedShot | None, own_clip: InputFile | None
    ) -> Iterator[EditClip]:
        """Yield the ranges of a shot; what belongs to the shot as a whole is in the first one."""
        if own_clip and isinstance(shot, ExistingClip):
            own_clip = replace(own_clip, frames=shot.frames)
        files = [_find_file(used, own_clip) for used in shot.used_ranges]
        frames = [_count_frames(shot, file) for file in files]
        is_cut = following is not None and self._transition(following) is None
        # A chained seam shows the same picture twice: the earlier clip loses its last frame.
        drops_last = (
            following is not None and is_cut and is_chained(shot, following, clip_frames=frames[-1])
        )
        lengths = list(map(UsedRange.count_frames, shot.used_ranges, frames))
        titles = self._titles(shot, sum(lengths) - drops_last)
        voice = self._voice_of(shot)
        last = len(files) - 1
        for number, (used, file) in enumerate(zip(shot.used_ranges, files, strict=True)):
            clip = EditClip(
                file,
                shot.id,
                None,
                first_frame=used.first_frame,
                end_frame=None if used.shows_end(frames[number]) else used.end_frame,
                drop_last_frame=drops_last and number == last,
                focus=shot.shot.focus or (0.5, 0.5),
            )
            if number == 0:
                clip = replace(
                    clip,
                    chapter_title=shot.chapter_title,
                    transition=self._transition(shot),
                    titles=titles,
                    voice=self._find(voice.file) if voice else None,
                    voice_frame=voice.at if voice else 0,
                    voice_gain_db=voice.gain_db if voice else 0.0,
                )
            yield clip

    def _titles(self, shot: PlannedShot, frames: int) -> tuple[Title, ...]:
        """Return the titles over a shot, which may last longer than its first range.

        Args:
            shot: The shot.
            frames: The number of frames of all its ranges.
        """
        titles = map(self._title, shot.shot.on_screen_titles)
        if len(shot.used_ranges) == 1:
            return tuple(titles)
        return tuple(
            replace(title, end_frame=frames if title.end_frame is None else title.end_frame)
            for title in titles
        )

    def _transition(self, shot: PlannedShot) -> Transition | None:
        return _build_transition(shot.shot.transition or self._film.join)

    def _voice_of(self, shot: PlannedShot) -> Voice | None:
        voices = self._film.voice
        voice = voices.get(shot.shot.id) if isinstance(voices, dict) else None
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

    def _captions(self, captions: Captions, clips: Sequence[EditClip]) -> CaptionsEdit:
        if captions.file is None:
            texts = place_dialogue(self._find_dialogue(), clips)
        else:
            texts = self._plan.caption_files[self._expand(captions.file)]
        return CaptionsEdit(texts, self._expand(captions.language), captions.burn)

    def _find_dialogue(self) -> dict[str, tuple[str, ...]]:
        """Return the spoken lines of each shot, by its id."""
        # Boards without it do not need its patterns.
        from storyboards.dialogue import find_dialogue

        return {shot.id: find_dialogue(self._storyboard, shot) for shot in self._storyboard.shots}

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


def _find_file(used: UsedRange, own_clip: InputFile | None) -> InputFile:
    """Return the clip of a range: of a recorded take, or of the shot itself."""
    if used.take is None:
        assert own_clip is not None  # noqa: S101 - a shot without its clip is not in the film
        return own_clip
    attempt = used.take.attempt
    assert attempt.clip is not None  # noqa: S101 - checked before the run, see `store.locked`
    return InputFile(used.take.folder / attempt.clip.name, attempt.clip.sha256, attempt.frames)


def _count_frames(shot: PlannedShot, file: InputFile) -> int:
    """Return the frames of a clip, as planned if they were not counted."""
    return shot.frames if file.frames is None else file.frames


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
