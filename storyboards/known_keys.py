"""The keys of the language at each place, and what an unknown key was probably meant to be."""

from __future__ import annotations

from pydantic import BaseModel

from storyboards.models import (
    Captions,
    Card,
    CastMember,
    Crossfade,
    Dip,
    Film,
    FromShot,
    LegalLine,
    Look,
    LoudnessTarget,
    Money,
    Music,
    OnScreenTitle,
    Quality,
    References,
    Select,
    Shot,
    Storyboard,
    Version,
    VersionShot,
    Voice,
)
from storyboards.problems import find_similar
from storyboards.yaml_nodes import NodePath

_SHOT_MODELS: dict[str, tuple[type[BaseModel], ...]] = {
    "first_frame": (FromShot,),
    "references": (References,),
    "transition": (Crossfade, Dip),
    "title": (OnScreenTitle,),
}
_FILM_MODELS: dict[str, tuple[type[BaseModel], ...]] = {
    "join": (Crossfade, Dip),
    "music": (Music,),
    "voice": (Voice,),
    "loudness": (LoudnessTarget,),
    "captions": (Captions,),
    "card": (Card,),
    "legal": (LegalLine,),
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
    "from": "shot",
    **dict.fromkeys(("dissolve", "xfade", "cross_fade", "mix", "fade"), "crossfade"),
    **dict.fromkeys(("cuts", "selects", "ranges", "range", "trim", "parts"), "use"),
    **dict.fromkeys(("overlay", "super", "supers", "titles", "on_screen_text"), "title"),
    **dict.fromkeys(("src", "path", "srt", "vtt", "track", "url"), "file"),
    **dict.fromkeys(("color", "text_color", "text_colour", "font_color"), "colour"),
    **dict.fromkeys(("bg", "background_color", "background_colour"), "background"),
    **dict.fromkeys(("position", "pos", "anchor"), "place"),
    **dict.fromkeys(("soundtrack", "bgm", "score", "song"), "music"),
    **dict.fromkeys(("vo", "voiceover", "voice_over", "narration", "narrator"), "voice"),
    **dict.fromkeys(("subtitles", "subs", "closed_captions", "cc"), "captions"),
    **dict.fromkeys(("endcard", "end_card", "packshot", "outro"), "card"),
    **dict.fromkeys(("disclaimer", "small_print", "fine_print", "legal_line"), "legal"),
    **dict.fromkeys(("burn_in", "burnt", "burned", "hardcode"), "burn"),
    **dict.fromkeys(("ducking", "sidechain", "auto_duck"), "duck"),
    **dict.fromkeys(("repeat", "looped"), "loop"),
    **dict.fromkeys(("lang", "locale"), "language"),
    **dict.fromkeys(("poi", "focal_point", "focus_point", "center", "point"), "focus"),
    **dict.fromkeys(("variants", "formats", "outputs", "cutdowns", "deliverables"), "versions"),
    **dict.fromkeys(("lufs", "integrated"), "target"),
    **dict.fromkeys(("true_peak", "peak", "tp"), "peak_db"),
    **dict.fromkeys(("fps", "frame_rate", "framerate"), "rate"),
    "lengths": "length",
    **dict.fromkeys(("quality_control", "limits", "thresholds"), "qc"),
    **dict.fromkeys(("freeze", "still"), "frozen"),
    **dict.fromkeys(("flashes", "flicker"), "flash"),
    **dict.fromkeys(("silent", "mute"), "silence"),
    **dict.fromkeys(("blur", "softness"), "sharpness"),
}
"""Names that other tools and the vendors use for the same key."""
_OTHER_SYNONYMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("start", "begin", "start_time", "in_point", "in"), ("in", "from", "at")),
    **dict.fromkeys(("end", "stop", "until", "end_time", "out_point", "out"), ("out", "to")),
    "from": ("in", "at"),
    "to": ("out",),
    "at": ("in", "from"),
    "duration": ("length",),
    "seconds": ("length",),
    "length": ("crossfade",),
    "frames": ("length", "crossfade"),
    "gain": ("gain_db",),
    "fade": ("fade_in",),
    "text": ("is",),
    "vars": ("set",),
    "variables": ("set",),
    "id": ("shot", "name"),
    "words": ("text",),
    "title": ("text", "name"),
    "image": ("file",),
    "picture": ("image",),
    "crop": ("fit",),
    "aspect": ("ratio",),
}
"""More such names, whose key depends on the place: the first that is known there."""
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
    keys = (key for model in _models_at(path) for key in _keys_of(model))
    return tuple(dict.fromkeys(keys))


def suggest_key(path: NodePath) -> str:
    """Return the remedy for the unknown key at the end of a path."""
    key, known = str(path[-1]), known_keys(path[:-1])
    meant = _find_synonym(key, known)
    if not meant and key in _KEY_REMEDIES:
        return _KEY_REMEDIES[key]
    meant = meant or _find_meant(key, known)
    if meant:
        return f"Did you mean {meant}?"
    return _other_level(key, len(path)) or _list_keys(known)


def _find_meant(key: str, known: tuple[str, ...]) -> str:
    """Return the known key that an unknown one was probably meant to be; else ""."""
    if synonym := _find_synonym(key, known):
        return synonym
    is_elsewhere = key in _KEY_REMEDIES or any(key in _keys_of(each) for each in (Storyboard, Shot))
    return "" if is_elsewhere else next(iter(find_similar(_normalise(key), known)), "")


def _find_synonym(key: str, known: tuple[str, ...]) -> str:
    """Return the known key for which other tools write an unknown one; else ""."""
    name = _normalise(key)
    synonyms = (_SYNONYMS.get(name, ""), *_OTHER_SYNONYMS.get(name, ()))
    return next((synonym for synonym in synonyms if synonym in known), "")


def _normalise(key: str) -> str:
    return key.strip("“”„‘’'\" ").lower().replace("-", "_")


def _other_level(key: str, depth: int) -> str:
    """Return the remedy for a known key at the wrong level; else ""."""
    homes: dict[str, type[BaseModel]] = {"to the board": Storyboard}
    if depth == 1:
        homes = {"under `look`": Look, "under `film`": Film, "to each shot": Shot}
    elif depth == 3:
        homes["under `film`"] = Film
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


def _models_at(path: NodePath) -> tuple[type[BaseModel], ...]:
    """Return the models of the mapping at a path: two where the keys decide which it is."""
    match path:
        case ():
            return (Storyboard,)
        case ("look",):
            return (Look,)
        case ("budget",):
            return (Money,)
        case ("qc",):
            return (Quality,)
        case ("cast", str()):
            return (CastMember,)
        case ("shots", int(), *keys):
            return _models_in_shot(keys)
        case ("film", *keys):
            return _models_in_film(keys)
        case ("versions", int(), *keys):
            return _models_in_version(keys)
    return ()


def _models_in_shot(keys: list[str | int]) -> tuple[type[BaseModel], ...]:
    match keys:
        case []:
            return (Shot,)
        case ["use", int()]:
            return (Select,)
        case ["title", int()]:
            return (OnScreenTitle,)
        case [str() as key]:
            return _SHOT_MODELS.get(key, ())
    return ()


def _models_in_film(keys: list[str | int]) -> tuple[type[BaseModel], ...]:
    match keys:
        case []:
            return (Film,)
        case ["card", "transition"]:
            return (Crossfade, Dip)
        case ["voice", str()]:
            return (Voice,)
        case [str() as key]:
            return _FILM_MODELS.get(key, ())
    return ()


def _models_in_version(keys: list[str | int]) -> tuple[type[BaseModel], ...]:
    match keys:
        case []:
            return (Version,)
        case ["shots", int()]:
            return (VersionShot,)
        case ["shots", int(), "use", int()]:
            return (Select,)
        case ["film", *rest]:
            return _models_in_film(rest)
    return ()
