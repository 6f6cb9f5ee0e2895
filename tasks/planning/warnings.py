"""Warnings of a plan: a valid board may not give the film that its author expects.

What only another prompt can change is never an error: a shot with a changed prompt is paid again.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from storyboards.board import Board
from storyboards.problems import MAX_CANDIDATES, Problem
from storyboards.prompts import MediaKind, find_mentions
from storyboards.terminal_text import quote, shorten
from tasks.plan import MediaSource, PlannedShot, Size
from tasks.planning.references import number_references
from tasks.planning.requests import PreparedRequest
from tasks.planning.shot_settings import (
    ShotSettings,
    ShotWarning,
    find_families,
    format_candidates,
)

_FLAG_KEYS = {
    **dict.fromkeys(("resolution", "rs"), "resolution"),
    **dict.fromkeys(("ratio", "rt", "ar"), "ratio"),
    **dict.fromkeys(("duration", "dur"), "seconds"),
    "seed": "seed",
    **dict.fromkeys(("camerafixed", "camera_fixed", "cf"), "camera_fixed"),
    **dict.fromkeys(("watermark", "wm"), "watermark"),
}
"""Parameters that other tools take in the prompt, and the key of a shot that is the same."""
_FLAG = re.compile(rf"(?:^|\s)(?:--|[—–])({'|'.join(_FLAG_KEYS)})\s+[\w:.]+", re.IGNORECASE)
"""Also with the dashes that a text editor makes of two hyphens."""
_DASHES = ("--", "—", "–")
_MAX_WORDS = 1_000
_MAX_CROP = 0.04
"""The part of a picture that a crop may remove without a warning. Sizes of the vendors differ from
their ratios by up to 3 %."""

_KIND_OF_ROLE: dict[str, MediaKind] = {
    "reference_image": "image",
    "reference_video": "video",
    "reference_audio": "audio",
}
_KEY_OF_KIND: dict[MediaKind, str] = {"image": "images", "video": "videos", "audio": "audio"}
_NOUN_OF_KIND: dict[MediaKind, str] = {"image": "picture", "video": "clip", "audio": "sound"}


def merge_warnings(warnings: Iterable[ShotWarning], shot_count: int) -> Iterator[Problem]:
    """Yield each warning once, with the first shots that it is about and their number.

    Args:
        warnings: In the order in which they were found.
        shot_count: The number of shots that are rendered. A warning about all of them names none.
    """
    groups: dict[tuple[str, str], list[ShotWarning]] = defaultdict(list)
    for warning in warnings:
        groups[warning.problem.message, warning.problem.remedy].append(warning)
    for group in groups.values():
        shots = list(dict.fromkeys(warning.shot for warning in group))
        problem = group[0].problem
        if len(shots) > 1:
            about = "all shots" if len(shots) == shot_count else list_shots(shots)
            problem = problem._replace(message=f"{problem.message} ({about})")
        yield problem


def list_shots(ids: Sequence[str]) -> str:
    """Return ids as "a, b, c and 9 more"."""
    shown = ", ".join(map(shorten, ids[:MAX_CANDIDATES]))
    more = len(ids) - MAX_CANDIDATES
    return f"{shown} and {more} more" if more > 0 else shown


def warn_about_cast(
    settings: ShotSettings, inputs: tuple[MediaSource, ...], prompt: str, plain_prompt: str
) -> None:
    """Report which images of the cast are sent, and by which names the prompt refers to them.

    Args:
        settings: The settings of the shot.
        inputs: Its media.
        prompt: The prompt as it is sent.
        plain_prompt: The prompt without the numbers of these images.
    """
    if not any(source.cast_member for source in inputs):
        return
    names: dict[str, list[str]] = defaultdict(list)
    for source, number in number_references(inputs):
        if source.cast_member:
            names[source.cast_member].append(settings.dialect.name_reference(source.role, number))
    mentioned = {each.number for each in find_mentions(plain_prompt) if each.kind == "image"}
    for member, numbered in names.items():
        message, remedy = (
            f"the images of {member} are sent as references: {', '.join(numbered)}",
            "",
        )
        if prompt == plain_prompt and not mentioned:
            message = (
                f"the images of {member} are sent as references without their numbers in the "
                "prompt, as it was rendered"
            )
            remedy = "A new take names them."
        settings.add_warning(message, remedy)


def warn_about_mentions(
    settings: ShotSettings, prompt: str, inputs: tuple[MediaSource, ...]
) -> None:
    """Warn if a prompt names media, such as Image 1, that are not sent with the shot.

    Args:
        settings: The settings of the shot.
        prompt: Its full prompt.
        inputs: Its media, the clip that it continues included.
    """
    counts = Counter(_KIND_OF_ROLE.get(source.role, "") for source in inputs)
    if settings.dialect.first_frame_anchor == "soft" and settings.start_mode == "frame":
        # "[Image 1] is the first frame": such a vendor numbers its one picture.
        counts["image"] += 1
    missing: dict[MediaKind, str] = {}
    for mention in find_mentions(prompt):
        if mention.number > counts[mention.kind]:
            missing.setdefault(mention.kind, mention.text)
    for kind, text in missing.items():
        noun, count = _NOUN_OF_KIND[kind], counts[kind]
        message = f"the prompt names {quote(text)}, and no {noun} of `references` is sent with it"
        if count:
            are = f"is only 1 {noun}" if count == 1 else f"are only {count} {noun}s"
            message = f"the prompt names {quote(text)}, and there {are} of `references`"
        settings.add_warning(message, _mention_remedy(settings, kind), key="prompt")


def _mention_remedy(settings: ShotSettings, kind: MediaKind) -> str:
    key = _KEY_OF_KIND[kind]
    add = f"Add `references: {{{key}: [FILE]}}`"
    if settings.start_mode == "frame":
        add += " and first_frame: none"
    field = "reference_audio" if kind == "audio" else f"reference_{key}"
    if not getattr(settings.family, field):
        names = find_families(settings.provider, lambda other: getattr(other, field))
        add = f"Use {format_candidates(names)} with references" if names else ""
    elsewise = "describe it in words"
    return f"{add}, or {elsewise}." if add else f"{elsewise.capitalize()}."


def warn_about_prompt(settings: ShotSettings, prompt: str) -> None:
    """Warn about parameters in a prompt, which have no effect there, and about a very long one."""
    flag = _FLAG.search(prompt) if any(dash in prompt for dash in _DASHES) else None
    if flag:
        message = f"the prompt contains {quote(flag[0].strip())}, which sets nothing"
        settings.add_warning(
            message, f"Set the key of the shot: {_FLAG_KEYS[flag[1].lower()]}.", key="prompt"
        )
    # Words of languages with blanks; Chinese is advised to have at most 500 characters.
    word_count = len(prompt.split()) if len(prompt) > _MAX_WORDS else 0
    if word_count > _MAX_WORDS:
        message = f"the prompt has {word_count:,} words, and vendors advise at most {_MAX_WORDS:,}"
        settings.add_warning(
            message, "Shorten it: models ignore the details of a long one.", key="prompt"
        )


def warn_about_crops(
    settings: ShotSettings,
    prepared: PreparedRequest,
    inputs: tuple[MediaSource, ...],
    chained_size: Size,
) -> None:
    """Warn if the vendor crops the first or the last frame to the shape of the clip.

    Args:
        settings: The settings of the shot.
        prepared: Its request, with the size of the clip.
        inputs: Its media.
        chained_size: The size of the frame of another shot that it starts on; else (0, 0).
    """
    if not prepared.width or not prepared.height:
        return
    clip_size = (prepared.width, prepared.height)
    keeps_first = not settings.family.supports_ratio_with_frame
    frames = [
        (source.role, source.path.name if source.path else source.url, source.width, source.height)
        for source in inputs
        if source.role == "last_frame" or (source.role == "first_frame" and not keeps_first)
    ]
    frames.append(("first_frame", "the frame that it starts on", *chained_size))
    for role, name, width, height in frames:
        if width and height and _is_cropped((width, height), clip_size):
            message = f"{name} is {width}x{height} and the clip {clip_size[0]}x{clip_size[1]}"
            settings.add_warning(
                f"{message}: the vendor cuts off what does not fit",
                _crop_remedy(settings, role, clip_size, is_chained=(width, height) == chained_size),
                key=role,
            )


def _is_cropped(picture: Size, clip: Size) -> bool:
    ratio = picture[0] / picture[1] / (clip[0] / clip[1])
    return 1 - min(ratio, 1 / ratio) > _MAX_CROP


def _crop_remedy(settings: ShotSettings, role: str, clip_size: Size, *, is_chained: bool) -> str:
    save = f"save it as {clip_size[0]}x{clip_size[1]}"
    if is_chained:
        return "Give both shots one ratio, or set first_frame: none or ratio: adaptive."
    can_adapt = role == "first_frame" and "adaptive" in settings.family.ratios
    if can_adapt and settings.get("ratio") != "adaptive":
        return f"Set ratio: adaptive to keep its shape, or {save}."
    return f"{save.capitalize()}."


def warn_about_sizes(board: Board, shots: Sequence[PlannedShot]) -> Iterator[Problem]:
    """Yield a warning if the clips of the film differ in size: what the film and the others become.

    Shots whose size the model decides are left out.
    """
    by_size: dict[Size, list[PlannedShot]] = defaultdict(list)
    for shot in shots:
        if size := _find_size(shot):
            by_size[size].append(shot)
    if len(by_size) < 2:
        return
    # The rule of `media.compatibility.choose_target`, without loading av.
    film = max(by_size, key=lambda size: len(by_size[size]))
    others = [shot for shot in shots if _find_size(shot) not in (None, film)]
    fitted = [
        f"{size[0]}x{size[1]} {_describe_fit(size, film)} ({list_shots([s.id for s in group])})"
        for size, group in by_size.items()
        if size != film
    ]
    more = len(fitted) - MAX_CANDIDATES
    parts = [*fitted[:MAX_CANDIDATES], *([f"{more} more sizes"] if more > 0 else [])]
    message = f"the film will be {film[0]}x{film[1]}, and clips of other sizes are fitted into it: "
    remedy = "Set one ratio and one resolution in `look`, and remove those of the shots."
    yield board.problem(("shots", others[0].index), message + "; ".join(parts), remedy)


def _find_size(shot: PlannedShot) -> Size | None:
    """Return the size of a shot's clip as it is shown, or None if it is not known."""
    if hasattr(shot, "measured"):
        return shot.measured.display_size
    return (shot.width, shot.height) if shot.width and shot.height else None


def _describe_fit(size: Size, film: Size) -> str:
    return "gets black borders" if _is_cropped(size, film) else "is scaled"


def warn_about_shared_keys(board: Board, shots: Sequence[PlannedShot]) -> Iterator[Problem]:
    """Yield a warning about each shot with the key of an earlier one."""
    first: dict[str, PlannedShot] = {}
    for shot in shots:
        other = first.setdefault(shot.key, shot)
        if other is not shot:
            message = f"{shot.id} is the same picture as {other.id}: it is rendered once"
            remedy = "Increase its take, or change its prompt, to render another one."
            yield board.problem(("shots", shot.index), message, remedy)
