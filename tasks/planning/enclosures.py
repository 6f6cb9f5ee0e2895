"""What goes with an order: which pictures, clips and sounds a model and a wire format take.

Problems go to `Asked`. Where files are, and whether they are pictures at all, `inputs` tells.
"""

from __future__ import annotations

from tasks.planning.asking import Asked, either
from tasks.planning.inputs import Input
from tasks.providers import Provider
from tasks.providers.models import Family

WAYS = (
    "Give a public URL or an asset:// id of the vendor's; the clip of the shot before goes by "
    "`continue: clip` while the same provider's job is younger than 20 hours; "
    "the simulator takes files."
)
"""How a reference clip gets to a vendor, which takes it by URL only."""

_WORDS = {
    "first_frame": "first_frame",
    "last_frame": "last_frame",
    "reference_image": "references",
    "reference_video": "references",
    "reference_audio": "references",
}


def check_enclosures(
    asked: Asked, row: Provider, inputs: tuple[Input, ...], *, chained: bool
) -> None:
    """All that goes with an order; `chained` tells that a frame of another shot opens it."""
    if not inputs:
        return
    check_references(asked, row, inputs)
    for given in inputs:
        if not given.shot:
            _check_carried(asked, row, given)
    if asked.dialect.inlines_alone and len(inputs) + chained > 1:
        inline = chained or any(given.path for given in inputs)
        if inline:
            asked.refuse(
                _WORDS[inputs[-1].role],
                f"{asked.dialect.name} sends one file and nothing beside it",
                "Give every picture as a URL, or only one picture.",
            )


def _check_carried(asked: Asked, row: Provider, given: Input) -> None:
    """Whether the wire format carries this medium, as a file or as a URL."""
    dialect, word = asked.dialect, _WORDS[given.role]
    role = given.role.replace("_", " ")
    if given.path is None and given.role not in dialect.links:
        way = "Give a file." if given.role in dialect.inlines else f"Leave {word} out."
        asked.refuse(word, f"{dialect.name} takes no {role} by URL", way)
    elif given.path is not None and not carries(row, asked, given.role):
        if given.role == "reference_video" and given.role in dialect.links:
            name = given.path.name
            message = f"{row.name} takes reference clips by URL only, and {name} is a file"
            asked.refuse(word, message, WAYS)
            return
        way = "Give a public URL." if given.role in dialect.links else f"Leave {word} out."
        asked.refuse(word, f"{dialect.name} takes no {role} as a file", way)
    elif given.mime.startswith("image/") and given.mime not in dialect.picture_types:
        takes = either(sorted(dialect.picture_types))
        asked.refuse(word, f"{dialect.name} takes {takes}, not {given.mime}", "Save it so.")


def carries(row: Provider, asked: Asked, role: str) -> bool:
    """Whether a file of that role gets to the vendor: within the order, or left with it before."""
    dialect = asked.dialect
    return role in dialect.inlines or bool(row.uploads and role in dialect.links)


def check_references(asked: Asked, row: Provider, inputs: tuple[Input, ...]) -> None:
    """Reference media: how many, how long, of which kinds, beside what."""
    family = asked.family
    if asked.extends and not family.reference_videos:
        message = f"{family.name} at {row.name} takes no reference clip, so it can't continue one"
        able = _able(row, "reference_video", 1)
        remedy = "Leave continue out" + (f", or take {either(able)}." if able else ".")
        asked.refuse("continue_", message, remedy)
        inputs = tuple(given for given in inputs if not given.shot)
    for word, role in _KINDS.items():
        given = [one for one in inputs if one.role == role]
        most = _most(family, role)
        if len(given) > most:
            names = _able(row, role, len(given))
            says = f"takes {most} reference {word}" if most else f"takes no reference {word}"
            remedy = f"Take {either(names)}." if names else "Give fewer."
            message = (
                f"{family.name} {says}, and {len(given)} {'is' if len(given) == 1 else 'are'} given"
            )
            asked.refuse("references", message, remedy)
        elif role != "reference_image":
            _check_lengths(asked, row, given)
    _check_company(asked, {given.role for given in inputs})


def _check_lengths(asked: Asked, row: Provider, given: list[Input]) -> None:
    """Each long enough, all together short enough, as far as the lengths are known."""
    least, most = asked.family.reference_seconds
    known = [one for one in given if one.seconds is not None]
    for one in known:
        if one.seconds is not None and one.seconds < least:
            whose = f"the clip of {one.shot}" if one.shot else one.path.name if one.path else ""
            message = f"{whose} lasts {one.seconds:.1f} s, and a reference at least {least} s"
            asked.refuse("continue_" if one.shot else "references", message, "Take a longer one.")
    total = sum(one.seconds or 0 for one in known)
    if total > most:
        shot = all(one.shot for one in known)
        noun = "video" if given[0].role == "reference_video" else "audio"
        message = f"{asked.family.name} takes {most} s of reference {noun} in all, not {total:.4g}"
        longer = [name for name in row.models if row.family(name).reference_seconds[1] >= total]
        remedy = "Give shorter ones" + (f", or take {either(longer)}." if longer else ".")
        asked.refuse("continue_" if shot else "references", message, remedy)


def _check_company(asked: Asked, roles: set[str]) -> None:
    """What may stand beside what."""
    frames = roles & {"first_frame", "last_frame"}
    media = roles & set(MAXIMA)
    if media and (frames or asked.opening == "frame"):
        asked.refuse(
            "last_frame" if asked.extends else "references",
            "references can't go together with a first or last frame",
            "Set first_frame: none and leave last_frame out, or leave the references out.",
        )
    if media == {"reference_audio"} and not asked.family.reference_audio_alone:
        asked.refuse("references", "audio can't be the only reference", "Add an image or video.")


def _able(row: Provider, role: str, count: int) -> list[str]:
    """The provider's families that take so many references of a role."""
    return [name for name in row.models if _most(row.family(name), role) >= count]


def _most(family: Family, role: str) -> int:
    most: int = getattr(family, MAXIMA[role])
    return most


MAXIMA = {
    "reference_image": "reference_images",
    "reference_video": "reference_videos",
    "reference_audio": "reference_audio",
}

_KINDS = {
    "images": "reference_image",
    "videos": "reference_video",
    "audio": "reference_audio",
}
"""What the board calls each kind of reference."""
