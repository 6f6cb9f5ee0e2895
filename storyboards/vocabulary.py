"""The keys a storyboard knows at each place, and what an unknown one was probably meant to be."""

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
from storyboards.nodes import Path
from storyboards.quoting import quote
from storyboards.suggesting import find_near

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
_OTHER_WORDS = {
    "scenes": "shots",
    "clips": "shots",
    "characters": "cast",
    "vars": "variables",
    "text": "prompt",
    "description": "prompt",
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
"""What other tools and the vendors call the same thing."""
_MANY = 12


def known_keys(path: Path) -> tuple[str, ...]:
    """The keys that the mapping at this path may hold."""
    return _keys_of(_model_at(path))


def hint_at(path: Path) -> str:
    """What to do about the unknown key at the end of this path."""
    key = str(path[-1])
    if key == "<<":
        return "Merge keys are not part of the language; `look` holds what shots share."
    meant = meant_key(path)
    if meant:
        return f"Did you mean {quote(meant)}?"
    return _hint_elsewhere(key, len(path)) or _offer(known_keys(path[:-1]))


def meant_key(path: Path) -> str:
    """The key that an unknown one was probably meant to be; empty where there is no telling."""
    key, known = str(path[-1]), known_keys(path[:-1])
    other = _OTHER_WORDS.get(key.lower().replace("-", "_"), "")
    return other if other in known else find_near(key, known)


def _hint_elsewhere(key: str, depth: int) -> str:
    """For a known key at the wrong height: where it belongs."""
    homes: dict[str, type[BaseModel]] = {"to the board": Storyboard}
    if depth == 1:
        homes = {"under `look`": Look, "under `film`": Film, "to each shot": Shot}
    for home, model in homes.items():
        if key in _keys_of(model):
            return f"It belongs {home}."
    return ""


def _offer(known: tuple[str, ...]) -> str:
    if len(known) > _MANY:
        return "Take it out; `storyboard.schema.json` lists the keys."
    return f"Write one of: {', '.join(known)}."


def _keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _model_at(path: Path) -> type[BaseModel]:
    match path:
        case ("shots", int()):
            return Shot
        case ("cast", _):
            return CastMember
        case (*_, str() as last) if last in _MODELS:
            return _MODELS[last]
    return Storyboard
