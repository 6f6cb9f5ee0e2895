"""Whatever the table and the dialects let a planner accept becomes a call that can be sent."""

import itertools

import httpx
import pytest

from tasks.errors import InvalidRequest
from tasks.providers import PROVIDERS
from tasks.providers.dialects import DIALECTS
from tasks.providers.families import MAX_SEED
from tasks.providers.http_bodies import build_body
from tasks.providers.types import MediaInput, RenderRequest

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8
CLIP = "https://example.com/b.mp4"
SOUND = "https://example.com/c.mp3"


def accepted(row, name):
    """Orders of a family at a provider, by the rules that a planner reads from the data."""
    family, dialect = row.get_family(name), DIALECTS[row.dialect]
    for opening, media in openings(family, dialect):
        model = row.resolve_model(name, with_image=bool(media)).id
        for resolution, ratio, extra in itertools.product(
            resolutions(family, opening), ratios(family, opening), extras(family, dialect, opening)
        ):
            yield RenderRequest(
                model=model,
                prompt="A lamp turns on.",
                media=media,
                resolution=resolution,
                ratio=ratio,
                duration_seconds=family.default_duration_seconds,
                **extra,
            )


def openings(family, dialect):
    """What a clip may start from, each medium by file and by URL as far as it may go so."""
    if family.text_to_video:
        yield "text", ()
    if family.first_frame and dialect.first_frame_anchor != "no":
        for first in given("first_frame", dialect):
            yield "frame", (first,)
            if family.last_frame:
                yield from together("frame", first, given("last_frame", dialect), dialect)
    for most, role in (
        (family.reference_images, "reference_image"),
        (family.reference_videos, "reference_video"),
    ):
        for one in given(role, dialect) if most else ():
            yield "reference", (one,)
            if most > 1:
                yield from together("reference", one, given(role, dialect), dialect)
            if family.reference_audio:
                yield from together("reference", one, given("reference_audio", dialect), dialect)


def given(role, dialect):
    urls = {"reference_video": CLIP, "reference_audio": SOUND}
    mime = "audio/wav" if role == "reference_audio" else "image/png"
    if role in dialect.inline_roles:
        yield MediaInput(role, data=PNG, mime_type=mime)
    if role in dialect.url_roles:
        yield MediaInput(role, url=urls.get(role, "https://example.com/a.png"))


def together(opening, one, others, dialect):
    for other in others:
        if not dialect.inline_media_exclusive or (one.url and other.url):
            yield opening, (one, other)


def resolutions(family, opening):
    narrower = family.reference_resolutions if opening == "reference" else ()
    return narrower or family.resolutions


def ratios(family, opening):
    adaptive = {
        "text": family.supports_adaptive_with_text,
        "frame": True,
        "reference": family.supports_adaptive_with_references,
    }[opening]
    only = opening == "frame" and not family.supports_ratio_with_frame
    return [one for one in family.ratios if (adaptive if one == "adaptive" else not only)]


def extras(family, dialect, opening):
    """Nothing else, and everything else at once."""
    yield {}
    told = {
        "seed": MAX_SEED if family.seed else None,
        "camera_fixed": opening != "reference" if family.camera_fixed else None,
        "watermark": True if family.watermark else None,
        "audio": False if family.audio else None,
        "return_last_frame": True,
        "callback_url": "https://example.com/hook",
        "safety_identifier": "5f4dcc",
        "execution_expires_after_seconds": 3600,
        "priority": 0 if family.priority else None,
        "service_tier": "flex" if family.flex else None,
    }
    needless = {"return_last_frame"}
    yield {name: told[name] for name in told if name in dialect.supported_fields | needless}
    if family.supports_auto_duration:
        yield {"audio": True}


CASES = [(name, family) for name, row in PROVIDERS.items() for family in row.models]


@pytest.mark.parametrize(("provider", "family"), CASES)
def test_every_order_that_may_be_accepted_becomes_a_call(provider, family):
    """A dialect is total over what the data allows."""
    row = PROVIDERS[provider]
    dialect = DIALECTS[row.dialect]
    orders = list(accepted(row, family))

    for order in orders:
        call = dialect.build_create(order)
        body = httpx.Request("POST", "https://vendor.example", **build_body(call)).read()
        assert order.model.encode() in body
    assert len(orders) >= 12


@pytest.mark.parametrize(
    ("provider", "media"),
    [
        (
            "infinity-blue",
            (MediaInput("first_frame", data=PNG), MediaInput("last_frame", data=PNG)),
        ),
        (
            "infinity-blue",
            (MediaInput("first_frame", data=PNG), MediaInput("last_frame", url=CLIP)),
        ),
        ("infinity-blue", (MediaInput("reference_image", data=PNG),)),
        ("cometapi-videos", (MediaInput("first_frame", url="https://example.com/a.png"),)),
        ("cometapi-videos", (MediaInput("first_frame", data=b"GIF89a"),)),
        ("cometapi-videos", (MediaInput("last_frame", data=PNG),)),
        ("cometapi-volc", (MediaInput("reference_image", data=PNG),)),
        ("kkiai", (MediaInput("reference_video", url=CLIP),)),
    ],
)
def test_what_a_planner_must_refuse_is_not_sent_either(provider, media):
    """So that it costs nothing where it slips through."""
    dialect = DIALECTS[PROVIDERS[provider].dialect]

    with pytest.raises(InvalidRequest):
        dialect.build_create(RenderRequest(model="m", prompt="p", media=media))


def test_a_form_has_no_word_for_adaptive():
    """Six ratios and no other."""
    with pytest.raises(InvalidRequest, match="adaptive"):
        DIALECTS["videos"].build_create(RenderRequest(model="m", prompt="p", ratio="adaptive"))


def test_kkiai_has_adaptive_by_silence_where_that_is_the_default():
    """Beside references it would get 16:9 instead, so that is refused."""
    kkiai = DIALECTS["kkiai"]
    frame = MediaInput("first_frame", data=PNG)
    reference = MediaInput("reference_image", data=PNG)

    body = kkiai.build_create(
        RenderRequest(model="m", prompt="p", media=(frame,), ratio="adaptive")
    ).json

    assert body["content"][0]["text"] == "p"
    with pytest.raises(InvalidRequest, match="adaptive"):
        kkiai.build_create(
            RenderRequest(model="m", prompt="p", media=(reference,), ratio="adaptive")
        )


def test_letters_that_can_t_be_written_are_told_before_a_form_is_sent():
    """As they are for JSON."""
    with pytest.raises(InvalidRequest, match="prompt"):
        DIALECTS["videos"].build_create(RenderRequest(model="m", prompt="bad \ud800 letter"))


def test_a_parameter_is_never_repeated_within_metadata():
    """Infinity Blue leaves open which of the two would count."""
    order = RenderRequest(
        model="m",
        prompt="p",
        media=(MediaInput("first_frame", url="https://example.com/a.png"),),
        resolution="480p",
        ratio="1:1",
        duration_seconds=4,
        seed=1,
        audio=True,
    )

    body = DIALECTS["sora"].build_create(order).json

    assert set(body["metadata"]) == {"content"}
    assert body["seconds"] == "4"
    assert not {"image", "duration", "size", "images", "ref_images"} & set(body)
