"""The keys of the language at each place, and what an unknown key was probably meant to be."""

from __future__ import annotations

from pydantic import BaseModel

from storyboards.models import (
    CastMember,
    Crossfade,
    Film,
    FromShot,
    Look,
    Money,
    Music,
    References,
    Shot,
    Storyboard,
)
from storyboards.problems import find_similar
from storyboards.yaml_nodes import NodePath

_MODELS: dict[str, type[BaseModel]] = {
    "look": Look,
    "film": Film,
    "music": Music,
    "join": Crossfade,
    "transition": Crossfade,
    "first_frame": FromShot,
    "references": References,
    "budget": Money,
}
_SYNONYMS = {
    "scenes": "shots",
    "clips": "shots",
    "characters": "cast",
    "vars": "variables",
    "text": "prompt",
    "description": "prompt",
    "scene": "prompt",
    "action": "prompt",
    "duration": "seconds",
    "length": "seconds",
    "aspect_ratio": "ratio",
    "aspect": "ratio",
    "size": "resolution",
    "quality": "resolution",
    "image": "first_frame",
    "start_frame": "first_frame",
    "first_image": "first_frame",
    "end_frame": "last_frame",
    "last_image": "last_frame",
    "generate_audio": "audio",
    "sound": "audio",
    "camerafixed": "camera_fixed",
    "extends": "continue",
    "words": "is",
    "picture": "images",
    "name": "id",
    "volume": "gain_db",
    "fade": "crossfade",
    "from": "shot",
}
"""Names that other tools and the vendors use for the same key."""
_IN_PROMPT = "Describe it in the prompt, or in `style` for every shot."
_KEY_REMEDIES = {
    "<<": "Merge keys are not part of the language; `look` holds what shots share.",
    "negative_prompt": "The models have none: describe what is to be seen, in the prompt.",
    "fps": "Remove it: a clip has 24 frames a second.",
    "images": "Write `references: {images: [FILE]}`.",
    "videos": "Write `references: {videos: [FILE]}`.",
    **dict.fromkeys(
        ("camera", "camera_movement", "movement", "motion", "lens", "lighting", "mood"),
        _IN_PROMPT,
    ),
}
"""Unknown keys that are not misspelt: what to write instead."""
_MAX_LISTED_KEYS = 3


def resolve_key(path: NodePath) -> NodePath:
    """Return the path with the key that its misspelt last key was probably meant to be."""
    if not path or not isinstance(path[-1], str):
        return path
    known = known_keys(path[:-1])
    if not known or path[-1] in known:
        return path
    meant = _find_meant(path[-1], known)
    return (*path[:-1], meant) if meant else path


def known_keys(path: NodePath) -> tuple[str, ...]:
    """Return the keys that the mapping at this path may have; () if it is not one of ours."""
    model = _model_at(path)
    return _keys_of(model) if model else ()


def suggest_key(path: NodePath) -> str:
    """Return the remedy for the unknown key at the end of a path."""
    key, known = str(path[-1]), known_keys(path[:-1])
    if key in _KEY_REMEDIES:
        return _KEY_REMEDIES[key]
    meant = _find_meant(key, known)
    if meant:
        return f"Did you mean {meant}?"
    return _other_level(key, len(path)) or _list_keys(known)


def _find_meant(key: str, known: tuple[str, ...]) -> str:
    """Return the known key that an unknown one was probably meant to be; else ""."""
    name = key.strip("“”„‘’'\" ").lower().replace("-", "_")
    synonym = _SYNONYMS.get(name, "")
    if synonym in known:
        return synonym
    is_elsewhere = key in _KEY_REMEDIES or any(key in _keys_of(each) for each in (Storyboard, Shot))
    return "" if is_elsewhere else next(iter(find_similar(name, known)), "")


def _other_level(key: str, depth: int) -> str:
    """Return the remedy for a known key at the wrong level; else ""."""
    homes: dict[str, type[BaseModel]] = {"to the board": Storyboard}
    if depth == 1:
        homes = {"under `look`": Look, "under `film`": Film, "to each shot": Shot}
    for home, model in homes.items():
        if key in _keys_of(model):
            return f"It belongs {home}."
    return ""


def _list_keys(known: tuple[str, ...]) -> str:
    if len(known) > _MAX_LISTED_KEYS:
        return "Remove it; `storyboard.schema.json` lists the keys."
    return f"Write one of: {', '.join(known)}."


def _keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _model_at(path: NodePath) -> type[BaseModel] | None:
    match path:
        case ():
            return Storyboard
        case ("shots", int()):
            return Shot
        case ("cast", str()):
            return CastMember
        case ("cast" | "variables", *_):
            return None
        case (*_, str() as last):
            return _MODELS.get(last)
    return None
