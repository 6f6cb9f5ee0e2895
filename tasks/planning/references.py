"""The media inputs of a shot: gathered from the board and its cast, checked against model and dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from storyboards.board import Board
from storyboards.prompts import Prompt
from tasks.plan import MediaSource
from tasks.planning.media_files import MediaInputError, find_audio, find_image, find_video, is_url
from tasks.planning.shot_settings import ShotSettings, join_with_or
from tasks.providers import Provider
from tasks.providers.dialects import DIALECTS
from tasks.providers.families import Family
from tasks.providers.types import MediaRole

_IMAGE_ROLE: MediaRole = "reference_image"


@dataclass(frozen=True)
class MediaGatherer:
    """Gathers the media of one board's shots."""

    board: Board
    add_problem: Callable[[tuple[str | int, ...], str, str], None]
    """Told the path of what is wrong, what it is, and the remedy."""
    add_warning: Callable[[int, str], None]
    """Told the index of a shot and what its author should know."""
    _cache: dict[tuple[MediaRole, str], MediaSource | MediaInputError] = field(default_factory=dict)
    """A board may name one large file in every shot: it is looked at once."""

    def shot_media(self, index: int) -> tuple[MediaSource, ...]:
        """What the shot itself names, as far as it can be used."""
        shot, found = self.board.storyboard.shots[index], []
        given = shot.references
        wanted: list[tuple[str, MediaRole, tuple[str, ...]]] = [
            ("references", "reference_image", given.images if given else ()),
            ("references", "reference_video", given.videos if given else ()),
            ("references", "reference_audio", given.audio if given else ()),
        ]
        if isinstance(shot.first_frame, str) and shot.first_frame not in ("previous", "none"):
            wanted.insert(0, ("first_frame", "first_frame", (shot.first_frame,)))
        if shot.last_frame:
            wanted.append(("last_frame", "last_frame", (shot.last_frame,)))
        for word, role, written in wanted:
            for one in written:
                try:
                    found.append(self._find(role, one))
                except MediaInputError as error:
                    self.add_problem(("shots", index, word), error.message, error.remedy)
        return tuple(found)

    def _find(self, role: MediaRole, reference: str) -> MediaSource:
        found = self._cache.get((role, reference))
        if found is None:
            try:
                found = self._load(role, reference)
            except MediaInputError as error:
                found = error
            self._cache[role, reference] = found
        if isinstance(found, MediaInputError):
            raise found
        return found

    def _load(self, role: MediaRole, reference: str) -> MediaSource:
        if role == "reference_audio":
            return find_audio(self.board, reference)
        if role == "reference_video":
            return find_video(self.board, reference)
        return find_image(self.board, role, reference)

    def cast_images(
        self, index: int, prompt: Prompt, provider: Provider, *, has_first_frame: bool
    ) -> Iterator[MediaSource]:
        """The cast's images where the model takes references beside what else is given."""
        shot = self.board.storyboard.shots[index]
        word = shot.model or self.board.storyboard.model
        family = provider.get_family(word) if word in provider.models else None
        room = family.reference_images if family else 0
        room -= len(shot.references.images) if shot.references else 0
        for name in prompt.cast:
            member = self.board.storyboard.cast[name]
            if not member.images:
                continue
            why = _why_images_not_accepted(provider, member.images)
            if has_first_frame or shot.last_frame:
                why = "a shot that starts on a frame takes no references"
            elif family is None or not family.reference_images:
                why = f"{word} takes no reference images"
            elif len(member.images) > room:
                why = f"{word} takes {family.reference_images} reference images"
            if why:
                self._report_unsent_cast(index, name, why, is_required=member.required)
                continue
            room -= len(member.images)
            for image in member.images:
                try:
                    yield self._find(_IMAGE_ROLE, image)
                except MediaInputError as error:
                    self.add_problem(("cast", name, "images"), error.message, error.remedy)
            self.add_warning(index, f"the images of {name} are sent as references")

    def _report_unsent_cast(self, index: int, name: str, reason: str, *, is_required: bool) -> None:
        message = f"the images of {name} are not sent: {reason}"
        if is_required:
            remedy = "Take a model with references and first_frame: none, or drop required."
            self.add_problem(("shots", index), message, remedy)
        else:
            self.add_warning(index, message)


def _why_images_not_accepted(provider: Provider, images: tuple[str, ...]) -> str:
    """Why the wire format does not carry the images of a member; empty where it does."""
    dialect = DIALECTS[provider.dialect]
    if any(not is_url(image) for image in images) and _IMAGE_ROLE not in dialect.inline_roles:
        return f"{provider.name} takes reference images by URL only"
    if any(is_url(image) for image in images) and _IMAGE_ROLE not in dialect.url_roles:
        return f"{provider.name} takes reference images as files only"
    return ""


REFERENCE_CLIP_REMEDY = (
    "Give a public URL or an asset:// id of the vendor's; the clip of the shot before goes by "
    "`continue: clip` while the same provider's job is younger than 20 hours; "
    "the simulator takes files."
)
"""How a reference clip gets to a vendor, which takes it by URL only."""

_KEY_OF_ROLE = {
    "first_frame": "first_frame",
    "last_frame": "last_frame",
    "reference_image": "references",
    "reference_video": "references",
    "reference_audio": "references",
}


def check_media_inputs(
    settings: ShotSettings,
    provider: Provider,
    inputs: tuple[MediaSource, ...],
    *,
    has_chained_frame: bool,
) -> None:
    """All that goes with an order; `chained` tells that a frame of another shot opens it."""
    if not inputs:
        return
    check_reference_counts(settings, provider, inputs)
    for given in inputs:
        if not given.source_shot:
            _check_transport(settings, provider, given)
    if settings.dialect.inline_media_exclusive and len(inputs) + has_chained_frame > 1:
        inline = has_chained_frame or any(given.path for given in inputs)
        if inline:
            settings.add_problem(
                _KEY_OF_ROLE[inputs[-1].role],
                f"{settings.dialect.name} sends one file and nothing beside it",
                "Give every picture as a URL, or only one picture.",
            )


def _check_transport(settings: ShotSettings, provider: Provider, media: MediaSource) -> None:
    """Whether the wire format carries this medium, as a file or as a URL."""
    dialect, word = settings.dialect, _KEY_OF_ROLE[media.role]
    role = media.role.replace("_", " ")
    if media.path is None and media.role not in dialect.url_roles:
        way = "Give a file." if media.role in dialect.inline_roles else f"Leave {word} out."
        settings.add_problem(word, f"{dialect.name} takes no {role} by URL", way)
    elif media.path is not None and not accepts_file(provider, settings, media.role):
        if media.role == "reference_video" and media.role in dialect.url_roles:
            name = media.path.name
            message = f"{provider.name} takes reference clips by URL only, and {name} is a file"
            settings.add_problem(word, message, REFERENCE_CLIP_REMEDY)
            return
        way = "Give a public URL." if media.role in dialect.url_roles else f"Leave {word} out."
        settings.add_problem(word, f"{dialect.name} takes no {role} as a file", way)
    elif media.mime.startswith("image/") and media.mime not in dialect.inline_image_types:
        takes = join_with_or(sorted(dialect.inline_image_types))
        settings.add_problem(word, f"{dialect.name} takes {takes}, not {media.mime}", "Save it so.")


def accepts_file(provider: Provider, settings: ShotSettings, role: str) -> bool:
    """Whether a file of that role gets to the vendor: within the order, or left with it before."""
    dialect = settings.dialect
    return role in dialect.inline_roles or bool(provider.upload_path and role in dialect.url_roles)


def check_reference_counts(
    settings: ShotSettings, provider: Provider, inputs: tuple[MediaSource, ...]
) -> None:
    """Reference media: how many, how long, of which kinds, beside what."""
    family = settings.family
    if settings.continues_clip and not family.reference_videos:
        message = (
            f"{family.name} at {provider.name} takes no reference clip, so it can't continue one"
        )
        able = _supporting_families(provider, "reference_video", 1)
        remedy = "Leave continue out" + (f", or take {join_with_or(able)}." if able else ".")
        settings.add_problem("continue_", message, remedy)
        inputs = tuple(given for given in inputs if not given.source_shot)
    for word, role in _ROLE_OF_KEY.items():
        given = [one for one in inputs if one.role == role]
        most = _max_references(family, role)
        if len(given) > most:
            names = _supporting_families(provider, role, len(given))
            says = f"takes {most} reference {word}" if most else f"takes no reference {word}"
            remedy = f"Take {join_with_or(names)}." if names else "Give fewer."
            message = (
                f"{family.name} {says}, and {len(given)} {'is' if len(given) == 1 else 'are'} given"
            )
            settings.add_problem("references", message, remedy)
        elif role != "reference_image":
            _check_durations(settings, provider, given)
    _check_combination(settings, {given.role for given in inputs})


def _check_durations(settings: ShotSettings, provider: Provider, inputs: list[MediaSource]) -> None:
    """Each long enough, all together short enough, as far as the lengths are known."""
    least, most = settings.family.reference_duration_range_seconds
    known = [one for one in inputs if one.duration_seconds is not None]
    for one in known:
        if one.duration_seconds is not None and one.duration_seconds < least:
            whose = (
                f"the clip of {one.source_shot}"
                if one.source_shot
                else one.path.name
                if one.path
                else ""
            )
            message = (
                f"{whose} lasts {one.duration_seconds:.1f} s, and a reference at least {least} s"
            )
            settings.add_problem(
                "continue_" if one.source_shot else "references", message, "Take a longer one."
            )
    total = sum(one.duration_seconds or 0 for one in known)
    if total > most:
        shot = all(one.source_shot for one in known)
        noun = "video" if inputs[0].role == "reference_video" else "audio"
        message = (
            f"{settings.family.name} takes {most} s of reference {noun} in all, not {total:.4g}"
        )
        longer = [
            name
            for name in provider.models
            if provider.get_family(name).reference_duration_range_seconds[1] >= total
        ]
        remedy = "Give shorter ones" + (f", or take {join_with_or(longer)}." if longer else ".")
        settings.add_problem("continue_" if shot else "references", message, remedy)


def _check_combination(settings: ShotSettings, roles: set[str]) -> None:
    """What may stand beside what."""
    frames = roles & {"first_frame", "last_frame"}
    media = roles & set(MAX_REFERENCES_FIELD)
    if media and (frames or settings.opening == "frame"):
        settings.add_problem(
            "last_frame" if settings.continues_clip else "references",
            "references can't go together with a first or last frame",
            "Set first_frame: none and leave last_frame out, or leave the references out.",
        )
    if media == {"reference_audio"} and not settings.family.supports_audio_only_reference:
        settings.add_problem(
            "references", "audio can't be the only reference", "Add an image or video."
        )


def _supporting_families(provider: Provider, role: str, count: int) -> list[str]:
    """The provider's families that take so many references of a role."""
    return [
        name
        for name in provider.models
        if _max_references(provider.get_family(name), role) >= count
    ]


def _max_references(family: Family, role: str) -> int:
    most: int = getattr(family, MAX_REFERENCES_FIELD[role])
    return most


MAX_REFERENCES_FIELD = {
    "reference_image": "reference_images",
    "reference_video": "reference_videos",
    "reference_audio": "reference_audio",
}

_ROLE_OF_KEY = {
    "images": "reference_image",
    "videos": "reference_video",
    "audio": "reference_audio",
}
"""What the board calls each kind of reference."""
