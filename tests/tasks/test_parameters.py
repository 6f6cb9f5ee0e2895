"""Every parameter of the vendors' pages at every provider: sent, or refused, never dropped.

`parameters.md` beside this file is the table. `PYTHONPATH=. python tests/tasks/test_parameters.py`
writes it anew; review its diff before committing.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image
from pydantic import SecretStr

from storyboards import load
from storyboards.problems import InvalidStoryboard
from tasks.plan import ShotToRender
from tasks.planning.planner import make_plan
from tasks.providers import PROVIDERS
from tasks.providers.client import Client
from tasks.providers.dialects import DIALECTS
from tasks.providers.types import ApiCall, MediaInput
from tasks.simulator.app import MOUNTS
from tasks.simulator.faults import Faults
from tasks.simulator.footage.renderer import ClipSpec, render_clip
from tasks.simulator.server import serve
from tasks.submission.payload import attach_media

TABLE = Path(__file__).with_name("parameters.md")
WIRE = Path(__file__).parents[1] / "wire"

PICTURE, SOUND, CLIP = (f"https://example.com/a.{end}" for end in ("png", "mp3", "mp4"))


class Parameter(NamedTuple):
    """A word of the board, what it is held against, and its name in the table."""

    name: str
    words: str
    without: str = ""
    """The shot's other words, so that only this parameter is the difference."""


PARAMETERS = (
    Parameter("first frame, a file", "first_frame: a.png"),
    Parameter("first frame, a URL", f"first_frame: '{PICTURE}'"),
    Parameter("first + last frame, files", "first_frame: a.png, last_frame: b.png"),
    Parameter("first + last frame, URLs", f"first_frame: '{PICTURE}', last_frame: '{PICTURE}'"),
    Parameter("reference image, a file", "references: {images: [a.png]}"),
    Parameter("reference image, a URL", f"references: {{images: ['{PICTURE}']}}"),
    Parameter("reference video, a file", "references: {videos: [a.mp4]}"),
    Parameter("reference video, a URL", f"references: {{videos: ['{CLIP}']}}"),
    Parameter(
        "reference audio, a URL", f"references: {{images: ['{PICTURE}'], audio: ['{SOUND}']}}"
    ),
    Parameter("audio: true", "audio: true", "audio: false"),
    Parameter("audio: false", "audio: false", "audio: true"),
    Parameter("seed", "seed: 7"),
    Parameter("camera_fixed", "camera_fixed: true"),
    Parameter("watermark", "watermark: true"),
    Parameter("ratio", "ratio: '9:16'"),
    Parameter("ratio: adaptive, words", "ratio: adaptive"),
    Parameter("ratio: adaptive, a frame", f"first_frame: '{PICTURE}', ratio: adaptive"),
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
    Parameter("callback_url", "callback_url: 'https://example.com/told'"),
    Parameter("tools", "tools: [web_search]"),
    Parameter("safety_identifier, user", "safety_identifier: a1b2"),
)

ALWAYS = {"return_last_frame": "return_last_frame"}
"""Sent by itself, where the wire has a place for it."""

NEVER = {
    "n": "one clip a job; another is another shot",
    "response_format": "url is the only one, and the default",
}
"""Words of a vendor's page that are never sent, and why."""


UNSAID = {("cometapi-volc", "audio: true"), ("cometapi-videos", "audio: false")}
"""CometAPI has no word for sound: it is on, and only its absence is said, in Ark's word; and its
form is asked for silence only where the model has no sound at all.
"""


class Cell(NamedTuple):
    """What becomes of a parameter at a provider."""

    sent: dict[str, ShotToRender]
    """By family: the shot that is planned with it."""
    said: frozenset[str]
    """The places of the request that it changes."""
    refused: dict[str, str]
    """By family: the words of the refusal."""

    def __str__(self) -> str:
        told = []
        if self.sent:
            places = ", ".join(f"`{one}`" for one in sorted(self.said))
            places = places or "unsaid, for it is so by itself"
            told.append(f"{places} ({_short(self.sent)})")
        if self.refused:
            words = next(iter(self.refused.values()))
            whom = "" if not self.sent else f" ({_short(self.refused)})"
            told.append(f"refused{whom}: {words}")
        return "<br>".join(told)


def _short(families: dict[str, Any]) -> str:
    return " ".join(name.removeprefix("seedance-") for name in families)


@cache
def folder() -> Path:
    """A folder with the pictures that the boards name."""
    place = Path(tempfile.mkdtemp(prefix="shotchain-parameters-"))
    for name, colour in (("a", "navy"), ("b", "teal")):
        Image.new("RGB", (864, 486), colour).save(place / f"{name}.png")
    spec = ClipSpec("A lamp.", 864, 486, frames=49, seed=1, label="")
    render_clip(spec, place / "a.mp4", is_wanted=lambda: True)
    return place


def planned(provider: str, family: str, words: str) -> ShotToRender:
    """The one shot of a board that says these words. Raises InvalidStoryboard."""
    board = folder() / "board.yaml"
    more = f", {words}" if words else ""
    board.write_text(
        f'provider: {provider}\nmodel: {family}\nshots:\n  - {{id: one, prompt: "A lamp."{more}}}\n'
    )
    (shot,) = make_plan(load(board)).shots_to_render
    return shot


def call_of(shot: ShotToRender) -> ApiCall:
    """The create that is sent for it."""
    return DIALECTS[shot.provider.dialect].build_create(packed(shot, _client(shot.provider.name)))


@cache
def _client(provider: str) -> Client:
    """A client that is never asked anything."""
    row = PROVIDERS[provider]
    return Client(row, DIALECTS[row.dialect], api_key=SecretStr("k"), base_url="http://127.0.0.1:9")


def packed(shot: ShotToRender, client: Client) -> Any:
    """The order with its files read, and what only the vendor would tell."""
    if shot.draft:
        return replace(shot.request, draft_job="cgt-20260701000000-draft")
    order = attach_media(shot, shot.request, None, client)
    # A file that the wire takes by URL only is left with the vendor first.
    left = MediaInput("reference_video", url=CLIP)
    clips = [left if one.role == left.role else one for one in order.media]
    return replace(order, media=tuple(clips))


def flat(call: ApiCall) -> Iterator[tuple[str, str]]:
    """Every place of a request with what stands there; flags in the text are places too."""
    for part in call.parts:
        yield part.name, repr(part.data[:80])
    yield from _flat(dict(call.json or {}), "")


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _flat(one, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for one in value:
            named = one.get("role") or one.get("type") if isinstance(one, dict) else ""
            yield from _flat(one, f"{path}[{named}]")
    elif path.endswith("[text].text"):
        words, *flags = re.split(r"\s--", str(value))
        yield path, words
        for flag in flags:
            name, _, said = flag.partition(" ")
            yield f"--{name}", said
    else:
        yield path, str(value)[:80]


@cache
def cell(provider: str, parameter: Parameter) -> Cell:
    """What becomes of a parameter at a provider, family by family."""
    sent, said, refused = {}, set(), {}
    for family in PROVIDERS[provider].models:
        try:
            shot = planned(provider, family, parameter.words)
        except InvalidStoryboard as error:
            refused[family] = error.problems[0].message
            continue
        sent[family] = shot
        before = dict(flat(call_of(_plain(provider, family, parameter.without))))
        after = dict(flat(call_of(shot)))
        said |= {place for place, words in after.items() if before.get(place) != words}
        said |= {f"no {place}" for place in before if place not in after}
    # Where the board gives no seed, one derived from the key goes along, and differs with all else.
    noise = {"model"} if parameter.name == "seed" else {"model", "seed", "--seed", "no seed"}
    return Cell(sent, frozenset(re.sub(r"\]\..*", "]", one) for one in said - noise), refused)


def _plain(provider: str, family: str, words: str) -> ShotToRender:
    try:
        return planned(provider, family, words)
    except InvalidStoryboard:
        return planned(provider, family, "")


CELLS = [(provider, parameter) for parameter in PARAMETERS for provider in PROVIDERS]


@pytest.fixture(scope="module")
def taking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A simulator that judges every order and renders none."""
    faults = Faults()
    faults.inject("job_stalls", times=-1)
    with serve(tmp_path_factory.mktemp("vendor"), faults=faults) as url:
        yield url


@pytest.mark.parametrize("provider", list(PROVIDERS))
def test_every_parameter_is_said_or_refused_and_the_vendor_takes_what_is_said(
    taking: str, provider: str
) -> None:
    """None is dropped in silence, and the strict simulator accepts each at its own mount."""

    async def create_all() -> None:
        row = PROVIDERS[provider]
        async with Client(
            row,
            DIALECTS[row.dialect],
            api_key=SecretStr("a-key"),
            base_url=taking + MOUNTS[provider],
        ) as client:
            for parameter in PARAMETERS:
                found = cell(provider, parameter)
                unsaid = (provider, parameter.name) in UNSAID
                assert (found.said or unsaid) if found.sent else found.refused, parameter
                # A draft is promoted where it was made: `tests/flows/test_continuing.py`.
                for shot in (one for one in found.sent.values() if not one.draft):
                    assert (await client.create(packed(shot, client))).job, parameter

    asyncio.run(create_all())


def test_what_is_never_sent_is_in_no_request() -> None:
    """One clip a job, told by URL."""
    for provider, parameter in CELLS:
        for shot in cell(provider, parameter).sent.values():
            assert not set(dict(flat(call_of(shot)))) & set(NEVER)


def test_the_table_is_what_the_code_does() -> None:
    """Written anew by running this file."""
    assert TABLE.read_text(encoding="utf-8") == table()


def test_the_table_has_no_empty_cell() -> None:
    """Every parameter at every provider has an answer."""
    rows = [row.strip("|").split("|") for row in table().splitlines() if row.startswith("| ")]

    assert len(rows) == 2 + len(PARAMETERS) + len(ALWAYS) + len(NEVER)
    assert all(cell.strip() for row in rows for cell in row)
    assert {len(row) for row in rows} == {len(PROVIDERS) + 2}


def table() -> str:
    """The whole table as Markdown."""
    lines = [
        "# Every parameter at every provider",
        "",
        "Where it goes in the create request, and for which models; or the words it is refused",
        "with before anything is sent. `--name` is a flag at the end of the prompt's text. Every",
        "cell is held by `test_parameters.py`: planned, said, and taken by the simulator's strict",
        "mount of that vendor. The last column names exchanges from the vendors' own pages that",
        "have the word.",
        "",
        _row("parameter", *PROVIDERS, "exchanges"),
        "|" + " --- |" * (len(PROVIDERS) + 2),
    ]
    for parameter in PARAMETERS:
        cells = [cell(provider, parameter) for provider in PROVIDERS]
        places = frozenset().union(*(one.said for one in cells))
        lines.append(_row(parameter.name, *map(str, cells), _exchanges(places)))
    for name, field in ALWAYS.items():
        said = [_always(provider, field) for provider in PROVIDERS]
        lines.append(_row(name, *said, _exchanges(frozenset({name}))))
    for name, why in NEVER.items():
        lines.append(_row(name, *[f"never sent: {why}"] * len(PROVIDERS), "none"))
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(one.replace("|", "\\|") for one in cells) + " |"


def _always(provider: str, field: str) -> str:
    family = next(iter(PROVIDERS[provider].models))
    places = dict(flat(call_of(planned(provider, family, ""))))
    found = [place for place in places if place.lstrip("-") == field]
    return f"`{found[0]}`, always" if found else "no place for it: taken from the clip"


@cache
def _requests() -> dict[str, str]:
    return {
        f"{path.parent.name}/{path.stem}": json.dumps(json.loads(path.read_text())["request"])
        for path in sorted(WIRE.glob("*/create-*.json"))
    }


def _exchanges(places: frozenset[str]) -> str:
    """The vendors' own creates that say the same words."""
    leaves = {re.split(r"[.\[\]]+", place.strip("].url"))[-1] for place in places}
    leaves -= {"", "text", "content", "type", "url"}
    found = [name for name, text in _requests().items() if any(one in text for one in leaves)]
    return " ".join(found[:3]) if found else "none"


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
