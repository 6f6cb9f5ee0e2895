"""What goes with an order: which pictures, clips and sounds a model and a wire format take.

Problems go to `Asked`. Where files are, and whether they are pictures at all, `inputs` tells.
"""

from __future__ import annotations

from tasks.asking import Asked, either
from tasks.inputs import Input
from tasks.providers.models import FAMILIES, Family

_WORDS = {
    "first_frame": "first_frame",
    "last_frame": "last_frame",
    "reference_image": "references",
    "reference_video": "references",
    "reference_audio": "references",
}


def check_enclosures(asked: Asked, inputs: tuple[Input, ...], *, chained: bool) -> None:
    """All that goes with an order; `chained` tells that a frame of another shot opens it."""
    if not inputs:
        return
    check_references(asked, inputs)
    for given in inputs:
        _check_carried(asked, given)
    if asked.dialect.inlines_alone and len(inputs) + chained > 1:
        inline = chained or any(given.path for given in inputs)
        if inline:
            asked.refuse(
                _WORDS[inputs[-1].role],
                f"{asked.dialect.name} sends one file and nothing beside it",
                "Give every picture as a URL, or only one picture.",
            )


def _check_carried(asked: Asked, given: Input) -> None:
    """Whether the wire format carries this medium, as a file or as a URL."""
    dialect, word = asked.dialect, _WORDS[given.role]
    role = given.role.replace("_", " ")
    if given.path is None and given.role not in dialect.links:
        way = "Give a file." if given.role in dialect.inlines else f"Leave {word} out."
        asked.refuse(word, f"{dialect.name} takes no {role} by URL", way)
    elif given.path is not None and given.role not in dialect.inlines:
        way = "Give a public URL." if given.role in dialect.links else f"Leave {word} out."
        asked.refuse(word, f"{dialect.name} takes no {role} as a file", way)
    elif given.mime.startswith("image/") and given.mime not in dialect.picture_types:
        takes = either(sorted(dialect.picture_types))
        asked.refuse(word, f"{dialect.name} takes {takes}, not {given.mime}", "Save it so.")


def check_references(asked: Asked, inputs: tuple[Input, ...]) -> None:
    """Reference media: how many, of which kinds, beside what."""
    family = asked.family
    counts = (
        ("images", "reference_image", family.reference_images),
        ("videos", "reference_video", family.reference_videos),
        ("audio", "reference_audio", family.reference_audio),
    )
    for word, role, most in counts:
        count = sum(given.role == role for given in inputs)
        if count > most:
            names = [one.name for one in FAMILIES.values() if _most(one, role) >= count]
            says = f"takes {most} reference {word}" if most else f"takes no reference {word}"
            remedy = f"Take {either(names)}." if names else "Give fewer."
            asked.refuse("references", f"{family.name} {says}, and {count} are given", remedy)
    roles = {given.role for given in inputs}
    frames = roles & {"first_frame", "last_frame"}
    media = roles & set(MAXIMA)
    if media and (frames or asked.opening == "frame"):
        asked.refuse(
            "references",
            "references can't go together with a first or last frame",
            "Set first_frame: none and leave last_frame out, or leave the references out.",
        )
    if media == {"reference_audio"} and not family.reference_audio_alone:
        asked.refuse("references", "audio can't be the only reference", "Add an image or video.")


def _most(family: Family, role: str) -> int:
    most: int = getattr(family, MAXIMA[role])
    return most


MAXIMA = {
    "reference_image": "reference_images",
    "reference_video": "reference_videos",
    "reference_audio": "reference_audio",
}
