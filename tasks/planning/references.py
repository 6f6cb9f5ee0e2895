"""The media inputs of a shot: gathered from the board and its cast, checked against the model.

Files are read in `media_files`; what goes into the request's text is in `storyboards.prompts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from storyboards.problems import join_or
from storyboards.prompts import Prompt, find_mentions
from tasks.plan import MediaSource, Size
from tasks.planning.media_files import (
    MediaInputError,
    find_audio,
    find_image,
    find_video,
    is_url,
    measure_shot_clip,
    resolve_file,
)
from tasks.planning.shot_settings import (
    ProblemLog,
    ShotSettings,
    find_families,
    format_candidates,
)
from tasks.providers import Provider
from tasks.providers.dialect import Dialect
from tasks.providers.dialects import DIALECTS
from tasks.providers.families import Family, StartMode
from tasks.providers.names import match_name
from tasks.providers.types import MediaRole
from tasks.store.atomic_files import digest_file

if TYPE_CHECKING:
    from tasks.media.probe import Clip

REFERENCE_CLIP_REMEDY = (
    "Give a public URL or an asset:// id of the vendor; the clip of the previous shot is sent with "
    "`continue: clip` while the same provider's job is younger than 20 hours; "
    "the simulator takes files."
)
"""The remedy for a reference clip that can't be sent; vendors take it by URL only."""

KEY_OF_ROLE: dict[MediaRole, str] = {
    "first_frame": "first_frame",
    "last_frame": "last_frame",
    "reference_image": "references",
    "reference_video": "references",
    "reference_audio": "references",
}
"""The key of a shot that names the media of a role."""

_MAX_COUNT_FIELD: dict[MediaRole, str] = {
    "reference_image": "reference_images",
    "reference_video": "reference_videos",
    "reference_audio": "reference_audio",
}
"""The field of a family with the maximum number of references."""

_REFERENCE_NOUNS: dict[MediaRole, str] = {
    "reference_image": "reference images",
    "reference_video": "reference videos",
    "reference_audio": "reference audio",
}


@dataclass(frozen=True)
class MediaGatherer:
    """Gathers the media that the shots of one board name."""

    log: ProblemLog
    # A board may name one large file in every shot, spelled in many ways: it is read once.
    _cache: dict[tuple[MediaRole, str], MediaSource | MediaInputError] = field(default_factory=dict)
    _by_path: dict[tuple[MediaRole, Path], MediaSource | MediaInputError] = field(
        default_factory=dict
    )
    _clips: dict[Path, tuple[Clip, str] | MediaInputError] = field(default_factory=dict)

    def shot_clip(self, reference: str) -> tuple[Clip, str]:
        """Return the measurements and the digest of the file that a shot is already.

        Raises:
            MediaInputError: If it is not in the board's folder, or not a usable clip.
        """
        path = resolve_file(self.log.board, reference)
        result = self._clips.get(path)
        if result is None:
            try:
                result = measure_shot_clip(path, reference), digest_file(path)
            except MediaInputError as error:
                result = error
            self._clips[path] = result
        if isinstance(result, MediaInputError):
            raise result
        return result

    def shot_media(self, index: int) -> tuple[MediaSource, ...]:
        """Return the media that a shot names; what can't be used becomes a problem instead."""
        return tuple(self._iter_shot_media(index))

    def _iter_shot_media(self, index: int) -> Iterator[MediaSource]:
        shot = self.log.board.storyboard.shots[index]
        references = shot.references
        named: list[tuple[MediaRole, tuple[str, ...]]] = [
            ("reference_image", references.images if references else ()),
            ("reference_video", references.videos if references else ()),
            ("reference_audio", references.audio if references else ()),
        ]
        if isinstance(shot.first_frame, str) and shot.first_frame not in ("previous", "none"):
            named.insert(0, ("first_frame", (shot.first_frame,)))
        if shot.last_frame:
            named.append(("last_frame", (shot.last_frame,)))
        for role, written in named:
            for reference in written:
                try:
                    yield self._find(role, reference)
                except MediaInputError as error:
                    self.log.add(("shots", index, KEY_OF_ROLE[role]), error.problem)

    def _find(self, role: MediaRole, reference: str) -> MediaSource:
        result = self._cache.get((role, reference))
        if result is None:
            try:
                result = self._load_once(role, reference)
            except MediaInputError as error:
                result = error
            self._cache[role, reference] = result
        if isinstance(result, MediaInputError):
            raise result
        return result

    def _load_once(self, role: MediaRole, reference: str) -> MediaSource | MediaInputError:
        if is_url(reference):
            return self._load(role, reference)
        path = resolve_file(self.log.board, reference)
        result = self._by_path.get((role, path))
        if result is None:
            try:
                result = self._load(role, reference)
            except MediaInputError as error:
                result = error
            self._by_path[role, path] = result
        return result

    def _load(self, role: MediaRole, reference: str) -> MediaSource:
        board = self.log.board
        if role == "reference_audio":
            return find_audio(board, reference)
        if role == "reference_video":
            return find_video(board, reference)
        return find_image(board, role, reference)

    def cast_images(
        self, index: int, prompt: Prompt, provider: Provider, *, has_first_frame: bool
    ) -> Iterator[MediaSource]:
        """Yield the images of the cast in a prompt, if the model accepts them.

        Images that are not sent are a warning, or a problem if the member is `required`.

        Args:
            index: The shot's place in the board.
            prompt: The shot's prompt.
            provider: The provider that renders it.
            has_first_frame: True if the shot starts on a frame.
        """
        storyboard = self.log.board.storyboard
        shot = storyboard.shots[index]
        model = shot.model or storyboard.model
        family_name = match_name(model, provider.models)
        family = provider.get_family(family_name) if family_name else None
        max_images = family.reference_images if family else 0
        free = max_images - (len(shot.references.images) if shot.references else 0)
        for name in prompt.cast:
            member = storyboard.cast[name]
            if not member.images:
                continue
            if has_first_frame or shot.last_frame:
                reason = "a shot that starts on a frame can't have references"
            elif not max_images:
                reason = f"{model} does not support reference images"
            elif len(member.images) > free:
                reason = f"{model} takes at most {max_images} reference images"
            else:
                reason = _find_transport_obstacle(provider, member.images)
            if reason:
                self._report_unsent_cast(index, name, reason, is_required=member.required)
                continue
            free -= len(member.images)
            for image in member.images:
                try:
                    yield self._find("reference_image", image)._replace(cast_member=name)
                except MediaInputError as error:
                    self.log.add(("cast", name, "images"), error.problem)

    def _report_unsent_cast(self, index: int, name: str, reason: str, *, is_required: bool) -> None:
        message = f"the images of {name} are not sent: {reason}"
        if is_required:
            remedy = "Use a model with references and first_frame: none, or remove required."
            self.log.add_problem(("shots", index), message, remedy)
        else:
            self.log.add_warning(index, message)


def number_references(
    inputs: tuple[MediaSource, ...],
) -> Iterator[tuple[MediaSource, int]]:
    """Yield each input with its number among the references of its role, from 1; 0 for frames."""
    counts: Counter[MediaRole] = Counter()
    for source in inputs:
        counts[source.role] += 1
        yield source, counts[source.role] if source.role in _MAX_COUNT_FIELD else 0


def label_cast(
    dialect: Dialect, prompt: Prompt, inputs: tuple[MediaSource, ...]
) -> Mapping[str, str]:
    """Return the names by which a prompt refers to the images of the cast, by member.

    An image that the author names by its number has none here.

    Args:
        dialect: The wire format, which decides how a prompt names an image.
        prompt: The prompt without these names.
        inputs: The media of the shot in the order in which they are sent.
    """
    if not any(source.cast_member for source in inputs):
        return {}
    by_author = {each.number for each in find_mentions(prompt.text) if each.kind == "image"}
    labels: dict[str, list[str]] = {}
    for source, number in number_references(inputs):
        if source.cast_member and number not in by_author:
            name = dialect.name_reference(source.role, number)
            labels.setdefault(source.cast_member, []).append(name)
    return {member: ", ".join(names) for member, names in labels.items()}


def _find_transport_obstacle(provider: Provider, images: tuple[str, ...]) -> str:
    """Return why the wire format can't send a member's images, or "" if it can."""
    dialect = DIALECTS[provider.dialect]
    if any(not is_url(image) for image in images) and "reference_image" not in dialect.inline_roles:
        return f"{provider.name} takes reference images by URL only"
    if any(is_url(image) for image in images) and "reference_image" not in dialect.url_roles:
        return f"{provider.name} takes reference images as files only"
    return ""


def find_start(inputs: tuple[MediaSource, ...]) -> tuple[StartMode, Size]:
    """Return what a shot without a chained frame starts from, and the size that decides its ratio.

    The first clip decides the ratio, else the first image (powertokens' create page).
    """
    for role in ("first_frame", "reference_video", "reference_image"):
        for source in inputs:
            if source.role == role:
                mode: StartMode = "frame" if role == "first_frame" else "reference"
                return mode, (source.width, source.height)
    has_reference = any(source.role.startswith("reference") for source in inputs)
    return "reference" if has_reference else "text", (0, 0)


def check_media_inputs(
    settings: ShotSettings, inputs: tuple[MediaSource, ...], *, has_chained_frame: bool
) -> None:
    """Check everything that is sent with a request against the model and the wire format.

    Args:
        settings: The settings of the shot.
        inputs: Its media.
        has_chained_frame: True if it starts on the frame of another shot, which is sent as well.
    """
    if not inputs:
        return
    check_reference_counts(settings, inputs)
    for source in inputs:
        if not source.source_shot:
            _check_transport(settings, source)
    if settings.dialect.inline_media_exclusive and len(inputs) + has_chained_frame > 1:
        has_file = has_chained_frame or any(source.path for source in inputs)
        if has_file:
            settings.add_problem(
                KEY_OF_ROLE[inputs[-1].role],
                f"{settings.provider.name} can send one file and nothing else beside it",
                "Give every image as a URL, or only one image.",
            )


def _check_transport(settings: ShotSettings, media: MediaSource) -> None:
    """Check that the wire format can send a medium as a file or as a URL."""
    dialect, provider = settings.dialect, settings.provider
    key, noun = KEY_OF_ROLE[media.role], media.role.replace("_", " ")
    if media.path is None:
        if media.role not in dialect.url_roles:
            remedy = "Give a file." if media.role in dialect.inline_roles else f"Remove {key}."
            settings.add_problem(key, f"{provider.name} can't send a {noun} by URL", remedy)
    elif not accepts_file(provider, settings, media.role):
        if media.role == "reference_video" and media.role in dialect.url_roles:
            name = media.path.name
            message = f"{provider.name} takes reference clips by URL only, and {name} is a file"
            settings.add_problem(key, message, REFERENCE_CLIP_REMEDY)
            return
        remedy = "Give a public URL." if media.role in dialect.url_roles else f"Remove {key}."
        settings.add_problem(key, f"{provider.name} can't send a {noun} as a file", remedy)
    elif media.mime.startswith("image/") and media.mime not in dialect.inline_image_types:
        types = join_or(sorted(dialect.inline_image_types))
        message = f"{provider.name} takes {types}, not {media.mime}"
        settings.add_problem(key, message, "Save it in that format.")


def accepts_file(provider: Provider, settings: ShotSettings, role: str) -> bool:
    """Return whether a file of that role can be sent: in the request, or uploaded before it."""
    dialect = settings.dialect
    return role in dialect.inline_roles or bool(provider.upload_path and role in dialect.url_roles)


def check_reference_counts(settings: ShotSettings, inputs: tuple[MediaSource, ...]) -> None:
    """Check the number, the lengths and the combination of a shot's references."""
    family = settings.family
    if settings.continues_clip and not family.reference_videos:
        name = f"{family.name} at {settings.provider.name}"
        message = f"{name} does not support reference clips, so it can't continue a clip"
        alternatives = settings.format_alternatives("reference_videos")
        settings.add_problem("continues", message, f"Remove continue{alternatives}.")
        inputs = tuple(source for source in inputs if not source.source_shot)
    for role in _MAX_COUNT_FIELD:
        sources = [source for source in inputs if source.role == role]
        if len(sources) > _max_references(family, role):
            _report_excess(settings, role, len(sources))
        elif role != "reference_image":
            _check_durations(settings, sources)
    _check_combination(settings, {source.role for source in inputs})


def _report_excess(settings: ShotSettings, role: MediaRole, count: int) -> None:
    family, noun = settings.family, _REFERENCE_NOUNS[role]
    max_count = _max_references(family, role)
    names = find_families(settings.provider, lambda family: _max_references(family, role) >= count)
    limit = f"takes at most {max_count} {noun}" if max_count else f"does not support {noun}"
    message = f"{family.name} {limit}, and {count} {'is' if count == 1 else 'are'} given"
    remedy = f"Use {format_candidates(names)}." if names else "Give fewer."
    settings.add_problem("references", message, remedy)


def _check_durations(settings: ShotSettings, sources: list[MediaSource]) -> None:
    """Check that each is long enough and all together are short enough, if lengths are known."""
    min_seconds, max_seconds = settings.family.reference_duration_range_seconds
    total_seconds = 0.0
    for source in sources:
        if source.duration_seconds is None:
            continue
        total_seconds += source.duration_seconds
        if source.duration_seconds < min_seconds:
            key = "continues" if source.source_shot else "references"
            length = f"{source.duration_seconds:.1f} s"
            message = (
                f"{_describe(source)} lasts {length}, and a reference at least {min_seconds} s"
            )
            settings.add_problem(key, message, "Use a longer clip or audio file.")
    if total_seconds > max_seconds:
        known = [source for source in sources if source.duration_seconds is not None]
        noun = _REFERENCE_NOUNS[sources[0].role].removesuffix("s")
        message = (
            f"{settings.family.name} takes at most {max_seconds} s of {noun} in total, "
            f"not {total_seconds:.4g}"
        )
        names = find_families(
            settings.provider,
            lambda family: family.reference_duration_range_seconds[1] >= total_seconds,
        )
        remedy = "Use less" + (f", or use {format_candidates(names)}." if names else ".")
        is_continued = all(source.source_shot for source in known)
        settings.add_problem("continues" if is_continued else "references", message, remedy)


def _describe(source: MediaSource) -> str:
    if source.source_shot:
        return f"the clip of {source.source_shot}"
    return source.path.name if source.path else source.url


def _check_combination(settings: ShotSettings, roles: set[MediaRole]) -> None:
    has_frames = bool(roles & {"first_frame", "last_frame"})
    references = roles & set(_MAX_COUNT_FIELD)
    if references and (has_frames or settings.start_mode == "frame"):
        settings.add_problem(
            "last_frame" if settings.continues_clip else "references",
            "references can't be combined with a first or last frame",
            "Set first_frame: none and remove last_frame, or remove the references.",
        )
    if references == {"reference_audio"} and not settings.family.supports_audio_only_reference:
        message = "audio can't be the only reference"
        settings.add_problem("references", message, "Add an image or a video.")


def _max_references(family: Family, role: MediaRole) -> int:
    max_count: int = getattr(family, _MAX_COUNT_FIELD[role])
    return max_count
