"""Every request that the planner can accept is encoded by its dialect; others are rejected."""

import itertools

import httpx
import pytest

from tasks.errors import InvalidRequest
from tasks.providers import PROVIDERS
from tasks.providers.dialects import DIALECTS
from tasks.providers.families import MAX_SEED
from tasks.providers.http_bodies import build_body
from tasks.providers.types import MediaInput, RenderRequest
from tests.support.wire import PNG

IMAGE_URL = "https://example.com/a.png"
CLIP_URL = "https://example.com/b.mp4"
SOUND_URL = "https://example.com/c.mp3"


def iter_accepted_requests(provider, name):
    """Yield requests for a family at a provider, by the rules that the planner reads from data."""
    family, dialect = provider.get_family(name), DIALECTS[provider.dialect]
    for mode, media in iter_media(family, dialect):
        model = provider.resolve_model(name, with_image=bool(media)).id
        for resolution, ratio, params in itertools.product(
            find_resolutions(family, mode),
            find_ratios(family, mode),
            iter_params(family, dialect, mode),
        ):
            yield RenderRequest(
                model=model,
                prompt="A lamp turns on.",
                media=media,
                resolution=resolution,
                ratio=ratio,
                duration_seconds=family.default_duration_seconds,
                **params,
            )


def iter_media(family, dialect):
    """Yield start modes and media, each medium as a file and as a URL if both are supported."""
    if family.text_to_video:
        yield "text", ()
    if family.first_frame and dialect.first_frame_anchor != "no":
        for first in iter_forms("first_frame", dialect):
            yield "frame", (first,)
            if family.last_frame:
                yield from iter_pairs("frame", first, "last_frame", dialect)
    for max_count, role in (
        (family.reference_images, "reference_image"),
        (family.reference_videos, "reference_video"),
    ):
        for medium in iter_forms(role, dialect) if max_count else ():
            yield "reference", (medium,)
            if max_count > 1:
                yield from iter_pairs("reference", medium, role, dialect)
            if family.reference_audio:
                yield from iter_pairs("reference", medium, "reference_audio", dialect)


def iter_forms(role, dialect):
    """Yield a medium of that role as a file and as a URL."""
    urls = {"reference_video": CLIP_URL, "reference_audio": SOUND_URL}
    mime_type = "audio/wav" if role == "reference_audio" else "image/png"
    if role in dialect.inline_roles:
        yield MediaInput(role, data=PNG, mime_type=mime_type)
    if role in dialect.url_roles:
        yield MediaInput(role, url=urls.get(role, IMAGE_URL))


def iter_pairs(mode, medium, other_role, dialect):
    """Yield a medium together with a medium of another role."""
    for other in iter_forms(other_role, dialect):
        if not dialect.inline_media_exclusive or (medium.url and other.url):
            yield mode, (medium, other)


def find_resolutions(family, mode):
    """Return the allowed resolutions."""
    limited = family.reference_resolutions if mode == "reference" else ()
    return limited or family.resolutions


def find_ratios(family, mode):
    """Return the allowed ratios."""
    supports_adaptive = {
        "text": family.supports_adaptive_with_text,
        "frame": True,
        "reference": family.supports_adaptive_with_references,
    }[mode]
    supports_others = mode != "frame" or family.supports_ratio_with_frame
    return [
        ratio
        for ratio in family.ratios
        if (supports_adaptive if ratio == "adaptive" else supports_others)
    ]


def iter_params(family, dialect, mode):
    """Yield no other parameter, and all other supported parameters at once."""
    yield {}
    params = {
        "seed": MAX_SEED if family.seed else None,
        "camera_fixed": mode != "reference" if family.camera_fixed else None,
        "watermark": True if family.watermark else None,
        "audio": False if family.audio else None,
        "return_last_frame": True,
        "callback_url": "https://example.com/hook",
        "safety_identifier": "5f4dcc",
        "execution_expires_after_seconds": 3600,
        "priority": 0 if family.priority else None,
        "service_tier": "flex" if family.flex else None,
    }
    supported = dialect.supported_fields | {"return_last_frame"}
    yield {name: value for name, value in params.items() if name in supported}
    if family.supports_auto_duration:
        yield {"audio": True}


@pytest.mark.parametrize(
    ("name", "family"),
    [(name, family) for name, provider in PROVIDERS.items() for family in provider.models],
)
def test_every_accepted_request_is_encoded(name, family):
    """The dialect can express everything that the provider's data allows."""
    provider = PROVIDERS[name]
    requests = list(iter_accepted_requests(provider, family))

    for request in requests:
        call = DIALECTS[provider.dialect].build_create(request)
        body = httpx.Request("POST", "https://vendor.example", **build_body(call)).read()
        assert request.model.encode() in body
    assert len(requests) >= 12


FIRST_FRAME = MediaInput("first_frame", data=PNG)


@pytest.mark.parametrize(
    ("provider", "media"),
    [
        ("infinity-blue", (FIRST_FRAME, MediaInput("last_frame", data=PNG))),
        ("infinity-blue", (FIRST_FRAME, MediaInput("last_frame", url=IMAGE_URL))),
        ("infinity-blue", (MediaInput("reference_image", data=PNG),)),
        ("cometapi-videos", (MediaInput("first_frame", url=IMAGE_URL),)),
        ("cometapi-videos", (MediaInput("first_frame", data=b"GIF89a"),)),
        ("cometapi-videos", (MediaInput("last_frame", data=PNG),)),
        ("cometapi-volc", (MediaInput("reference_image", data=PNG),)),
        ("kkiai", (MediaInput("reference_video", url=CLIP_URL),)),
    ],
)
def test_unsupported_media_are_rejected(provider, media):
    """If the planner misses them, they still cost nothing."""
    dialect = DIALECTS[PROVIDERS[provider].dialect]

    with pytest.raises(InvalidRequest):
        dialect.build_create(RenderRequest(model="m", prompt="p", media=media))


def test_videos_rejects_ratio_adaptive():
    """The form has six ratios and no other."""
    with pytest.raises(InvalidRequest, match="adaptive"):
        DIALECTS["videos"].build_create(RenderRequest(model="m", prompt="p", ratio="adaptive"))


def test_kkiai_omits_ratio_adaptive_with_first_frame():
    """It is the default there."""
    request = RenderRequest(model="m", prompt="p", media=(FIRST_FRAME,), ratio="adaptive")

    body = DIALECTS["kkiai"].build_create(request).json

    assert body["content"][0]["text"] == "p"


def test_kkiai_rejects_ratio_adaptive_with_references():
    """The default there is 16:9."""
    reference = MediaInput("reference_image", data=PNG)

    with pytest.raises(InvalidRequest, match="adaptive"):
        DIALECTS["kkiai"].build_create(
            RenderRequest(model="m", prompt="p", media=(reference,), ratio="adaptive")
        )


def test_form_rejects_invalid_unicode():
    """As JSON does."""
    with pytest.raises(InvalidRequest, match="prompt") as raised:
        DIALECTS["videos"].build_create(RenderRequest(model="m", prompt="bad \ud800 letter"))

    assert raised.value.__context__ is None


def test_sora_sends_parameters_outside_metadata():
    """Infinity Blue does not document which value wins if a parameter is sent twice."""
    request = RenderRequest(
        model="m",
        prompt="p",
        media=(MediaInput("first_frame", url=IMAGE_URL),),
        resolution="480p",
        ratio="1:1",
        duration_seconds=4,
        seed=1,
        audio=True,
    )

    body = DIALECTS["sora"].build_create(request).json

    assert set(body["metadata"]) == {"content"}
    assert body["seconds"] == "4"
    assert not {"image", "duration", "size", "images", "ref_images"} & set(body)
