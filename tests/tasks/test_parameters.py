"""Every parameter of the vendors' pages at every provider: sent or rejected, never dropped.

`parameters.md` beside this file is the table. `PYTHONPATH=. python tests/tasks/test_parameters.py`
writes it again; review its diff before committing.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image
from pydantic import SecretStr

from storyboards import load
from storyboards.problems import InvalidStoryboard
from tasks.plan import ShotToRender
from tasks.providers import PROVIDERS
from tasks.providers.client import Client
from tasks.providers.dialects import DIALECTS
from tasks.providers.types import ApiCall, MediaInput, RenderRequest
from tasks.simulator.app import MOUNTS
from tasks.simulator.faults import Faults
from tasks.simulator.server import serve
from tasks.submission.payload import attach_media
from tests.support.boards import plan_shots, write_clip

TABLE = Path(__file__).with_name("parameters.md")
WIRE = Path(__file__).parents[1] / "wire"

IMAGE, AUDIO, CLIP = (f"https://example.com/a.{suffix}" for suffix in ("png", "mp3", "mp4"))


class Parameter(NamedTuple):
    """A parameter: its name in the table, the shot that sets it, and the shot without it."""

    name: str
    settings: str
    """The keys of the shot that set it."""
    baseline: str = ""
    """The keys of the shot it is compared with, so that only this parameter differs."""


PARAMETERS = (
    Parameter("first frame, a file", "first_frame: a.png"),
    Parameter("first frame, a URL", f"first_frame: '{IMAGE}'"),
    Parameter("first + last frame, files", "first_frame: a.png, last_frame: b.png"),
    Parameter("first + last frame, URLs", f"first_frame: '{IMAGE}', last_frame: '{IMAGE}'"),
    Parameter("reference image, a file", "references: {images: [a.png]}"),
    Parameter("reference image, a URL", f"references: {{images: ['{IMAGE}']}}"),
    Parameter("reference video, a file", "references: {videos: [a.mp4]}"),
    Parameter("reference video, a URL", f"references: {{videos: ['{CLIP}']}}"),
    Parameter("reference audio, a URL", f"references: {{images: ['{IMAGE}'], audio: ['{AUDIO}']}}"),
    Parameter("audio: true", "audio: true", "audio: false"),
    Parameter("audio: false", "audio: false", "audio: true"),
    Parameter("seed", "seed: 7"),
    Parameter("camera_fixed", "camera_fixed: true"),
    Parameter("watermark", "watermark: true"),
    Parameter("ratio", "ratio: '9:16'"),
    Parameter("ratio: adaptive, text", "ratio: adaptive"),
    Parameter("ratio: adaptive, a frame", f"first_frame: '{IMAGE}', ratio: adaptive"),
    Parameter("resolution: 480p", "resolution: 480p", "resolution: 720p"),
    Parameter("resolution: 720p", "resolution: 720p", "resolution: 480p"),
    Parameter("resolution: 1080p", "resolution: 1080p", "resolution: 480p"),
    Parameter("resolution: 4k", "resolution: 4k", "resolution: 480p"),
    Parameter("seconds", "seconds: 6", "seconds: 5"),
    Parameter("seconds: auto", "seconds: auto", "seconds: 5"),
    Parameter("frames", "frames: 57"),
    Parameter("draft", "draft: true, resolution: 480p", "resolution: 480p"),
    Parameter("draft: final", "draft: final", "draft: true, resolution: 480p"),
    Parameter("service_tier: flex", "service_tier: flex"),
    Parameter("priority", "priority: 5"),
    Parameter("execution_expires_after", "execution_expires_after: 7200"),
    Parameter("callback_url", "callback_url: 'https://example.com/called'"),
    Parameter("tools", "tools: [web_search]"),
    Parameter("safety_identifier, user", "safety_identifier: a1b2"),
)

ALWAYS_SENT = {"return_last_frame": "return_last_frame"}
"""Parameters that every request has if the wire format can send them, and their field."""

NEVER_SENT = {
    "n": "one clip a job; another is another shot",
    "response_format": "url is the only one, and the default",
}
"""Parameters of a vendor's page that no request has, and the reason."""

SENT_BY_OMISSION = {("cometapi-volc", "audio: true"), ("cometapi-videos", "audio: false")}
"""CometAPI has no parameter for sound. `audio: true` is its default, and `audio: false` is possible
only for models without sound."""


class Cell(NamedTuple):
    """The result of a parameter at a provider."""

    shots: dict[str, ShotToRender]
    """The planned shot by family, for the families that accept the parameter."""
    places: frozenset[str]
    """The places of the request that the parameter changes."""
    rejections: dict[str, str]
    """The message by family, for the families that reject the parameter."""

    def __str__(self) -> str:
        parts = []
        if self.shots:
            places = ", ".join(f"`{place}`" for place in sorted(self.places))
            parts.append(
                f"{places or 'not sent, because it is the default'} ({_short(self.shots)})"
            )
        if self.rejections:
            message = next(iter(self.rejections.values()))
            families = f" ({_short(self.rejections)})" if self.shots else ""
            parts.append(f"rejected{families}: {message}")
        return "<br>".join(parts)


def _short(families: dict[str, Any]) -> str:
    return " ".join(name.removeprefix("seedance-") for name in families)


@cache
def media_folder() -> Path:
    """Return a folder with the media that the boards name."""
    folder = Path(tempfile.mkdtemp(prefix="shotchain-parameters-"))
    for name, colour in (("a", "navy"), ("b", "teal")):
        Image.new("RGB", (864, 486), colour).save(folder / f"{name}.png")
    write_clip(folder / "a.mp4", width=864, height=486, frames=49)
    return folder


def plan_shot(provider: str, family: str, settings: str) -> ShotToRender:
    """Return the planned shot of a board with these settings.

    Raises:
        InvalidStoryboard: If the family rejects one of them.
    """
    board = media_folder() / "board.yaml"
    more = f", {settings}" if settings else ""
    board.write_text(
        f'provider: {provider}\nmodel: {family}\nshots:\n  - {{id: one, prompt: "A lamp."{more}}}\n'
    )
    (shot,) = plan_shots(load(board))
    return shot


def plan_baseline(provider: str, family: str, settings: str) -> ShotToRender:
    """Return the planned shot with these settings, or without any if the family rejects them."""
    try:
        return plan_shot(provider, family, settings)
    except InvalidStoryboard:
        return plan_shot(provider, family, "")


def create_call(shot: ShotToRender) -> ApiCall:
    """Return the create call of a shot."""
    request = complete_request(shot, _idle_client(shot.provider.name))
    return DIALECTS[shot.provider.dialect].build_create(request)


@cache
def _idle_client(name: str) -> Client:
    """Return a client that sends nothing."""
    provider = PROVIDERS[name]
    dialect = DIALECTS[provider.dialect]
    return Client(provider, dialect, api_key=SecretStr("k"), base_url="http://127.0.0.1:9")


def complete_request(shot: ShotToRender, client: Client) -> RenderRequest:
    """Return a request with its files read and stand-ins for what only a vendor returns."""
    if shot.draft:
        return shot.request._replace(draft_job="cgt-20260701000000-draft")
    request = attach_media(shot, shot.request, None, client)
    # A clip that can be sent by URL only is uploaded first.
    uploaded = MediaInput("reference_video", url=CLIP)
    media = [uploaded if medium.role == uploaded.role else medium for medium in request.media]
    return request._replace(media=tuple(media))


def flatten(call: ApiCall) -> Iterator[tuple[str, str]]:
    """Yield every place of a request with its value; flags in the prompt are places as well."""
    for part in call.parts:
        yield part.name, repr(part.data[:80])
    yield from _flatten(dict(call.json or {}), "")


def _flatten(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _flatten(child, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for child in value:
            label = child.get("role") or child.get("type") if isinstance(child, dict) else ""
            yield from _flatten(child, f"{path}[{label}]")
    elif path.endswith("[text].text"):
        prompt, *flags = re.split(r"\s--", str(value))
        yield path, prompt
        for flag in flags:
            name, _, setting = flag.partition(" ")
            yield f"--{name}", setting
    else:
        yield path, str(value)[:80]


@cache
def cell(provider: str, parameter: Parameter) -> Cell:
    """Return the result of a parameter at a provider, over all its families."""
    shots: dict[str, ShotToRender] = {}
    places: set[str] = set()
    rejections: dict[str, str] = {}
    for family in PROVIDERS[provider].models:
        try:
            shot = plan_shot(provider, family, parameter.settings)
        except InvalidStoryboard as error:
            rejections[family] = error.problems[0].message
            continue
        shots[family] = shot
        baseline = plan_baseline(provider, family, parameter.baseline)
        before, after = dict(flatten(create_call(baseline))), dict(flatten(create_call(shot)))
        places |= {place for place, value in after.items() if before.get(place) != value}
        places |= {f"no {place}" for place in before if place not in after}
    # Without a seed in the board a seed derived from the key is sent, which differs each time.
    noise = {"model"} if parameter.name == "seed" else {"model", "seed", "--seed", "no seed"}
    short = frozenset(re.sub(r"\]\..*", "]", place) for place in places - noise)
    return Cell(shots, short, rejections)


CELLS = [(provider, parameter) for parameter in PARAMETERS for provider in PROVIDERS]


@pytest.fixture(scope="module")
def simulator_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A simulator that validates every request and renders none."""
    faults = Faults()
    faults.inject("job_stalls", times=-1)
    with serve(tmp_path_factory.mktemp("vendor"), faults=faults) as url:
        yield url


@pytest.mark.parametrize("provider", list(PROVIDERS))
def test_parameters_are_sent_or_rejected(provider: str) -> None:
    """No parameter is silently dropped."""
    for parameter in PARAMETERS:
        result = cell(provider, parameter)
        is_default = (provider, parameter.name) in SENT_BY_OMISSION
        assert (result.places or is_default) if result.shots else result.rejections, parameter


@pytest.mark.parametrize("provider", list(PROVIDERS))
def test_simulator_accepts_every_parameter_sent(simulator_url: str, provider: str) -> None:
    """The strict validation of the vendor's mount accepts what the dialect sends."""

    async def create_all() -> None:
        vendor = PROVIDERS[provider]
        async with Client(
            vendor,
            DIALECTS[vendor.dialect],
            api_key=SecretStr("a-key"),
            base_url=simulator_url + MOUNTS[provider],
        ) as client:
            for parameter in PARAMETERS:
                for shot in cell(provider, parameter).shots.values():
                    # The job of a draft must exist: `tests/flows/test_continuing.py`.
                    if not shot.draft:
                        created = await client.create(complete_request(shot, client))
                        assert created.job, parameter

    asyncio.run(create_all())


def test_no_request_has_a_parameter_of_never_sent() -> None:
    """Requests ask for one clip, and for its URL."""
    for provider, parameter in CELLS:
        for shot in cell(provider, parameter).shots.values():
            assert not set(dict(flatten(create_call(shot)))) & set(NEVER_SENT)


def test_parameters_md_is_up_to_date() -> None:
    """Running this module as a program writes the file."""
    assert TABLE.read_text(encoding="utf-8") == table()


def test_parameters_md_has_no_empty_cell() -> None:
    """Every parameter has a result at every provider."""
    lines = [line.strip("|").split("|") for line in table().splitlines() if line.startswith("| ")]

    assert len(lines) == 2 + len(PARAMETERS) + len(ALWAYS_SENT) + len(NEVER_SENT)
    assert all(text.strip() for line in lines for text in line)
    assert {len(line) for line in lines} == {len(PROVIDERS) + 2}


def table() -> str:
    """Return the whole table as Markdown."""
    lines = [
        "# Every parameter at every provider",
        "",
        "Each cell names the places of the create request that a parameter changes and the",
        "models that accept it, or the message with which it is rejected before anything is sent.",
        "`--name` is a flag at the end of the prompt. `test_parameters.py` checks every cell: the",
        "parameter is planned, sent, and accepted by the simulator's strict mount of that vendor.",
        "The last column names exchanges from the vendors' own pages that contain the parameter.",
        "",
        _line("parameter", *PROVIDERS, "exchanges"),
        "|" + " --- |" * (len(PROVIDERS) + 2),
    ]
    for parameter in PARAMETERS:
        cells = [cell(provider, parameter) for provider in PROVIDERS]
        places = frozenset().union(*(result.places for result in cells))
        lines.append(_line(parameter.name, *map(str, cells), _exchanges(places)))
    for name, field in ALWAYS_SENT.items():
        always = [_describe_always(provider, field) for provider in PROVIDERS]
        lines.append(_line(name, *always, _exchanges(frozenset({name}))))
    for name, reason in NEVER_SENT.items():
        lines.append(_line(name, *[f"never sent: {reason}"] * len(PROVIDERS), "none"))
    return "\n".join(lines) + "\n"


def _line(*cells: str) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |"


def _describe_always(provider: str, field: str) -> str:
    family = next(iter(PROVIDERS[provider].models))
    places = dict(flatten(create_call(plan_shot(provider, family, ""))))
    matching = [place for place in places if place.lstrip("-") == field]
    return f"`{matching[0]}`, always" if matching else "not supported: taken from the clip"


@cache
def _documented_requests() -> dict[str, str]:
    return {
        f"{path.parent.name}/{path.stem}": json.dumps(json.loads(path.read_text())["request"])
        for path in sorted(WIRE.glob("*/create-*.json"))
    }


def _exchanges(places: frozenset[str]) -> str:
    """Return up to three of the vendors' own create requests that contain these places."""
    leaves = {re.split(r"[.\[\]]+", place.strip("].url"))[-1] for place in places}
    leaves -= {"", "text", "content", "type", "url"}
    names = [
        name
        for name, text in _documented_requests().items()
        if any(leaf in text for leaf in leaves)
    ]
    return " ".join(names[:3]) if names else "none"


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
