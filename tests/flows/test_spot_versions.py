"""A spot of twelve shots in three ratios, two lengths and two languages, from one board."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from flows.report import RunReport, export, export_versions, report_kept
from tests.flows.conftest import Studio

SHOTS = (
    ("kettle", "A kettle on a stove, first light."),
    ("steam", "Steam rises against the window."),
    ("pour", "Hands pour tea into a cup."),
    ("sip", "An old man sips."),
    ("smile", "He smiles at the window."),
    ("street", "Rain on a street, a bus passes."),
    ("bus", "A woman on the bus opens a flask."),
    ("sun", "The sun comes through."),
    ("park", "Children run in a park."),
    ("bench", "Two friends share a cup on a bench."),
    ("table", "A family around a table."),
    ("pack", "The pack on a table, the cup beside it."),
)
"""Twelve shots in three chains of four."""

RATIOS = {"16:9": (864, 480), "9:16": (480, 854), "1:1": (640, 640)}
"""The size of each version: that of the board, cropped, and rendered."""

SHORT = ("kettle", "pour", "sip", "bus", "table", "pack")
"""The shots of the short versions: 40 frames of each."""


def board_text() -> str:
    """Return the board: the edit, the shots, and twelve versions."""
    lines = [
        "title: Ember tea",
        "model: seedance-1.0-pro",
        'look: {ratio: "16:9", resolution: 480p, seconds: 2}',
        "variables: {lang: en, claim: Warm when you are, legal: Tea. Please enjoy slowly.}",
        "film:",
        "  fade_out: 12f",
        '  legal: "{legal}"',
        '  card: {text: "{claim}", seconds: 1, background: "#1a120c"}',
        "shots:",
    ]
    for index, (shot, prompt) in enumerate(SHOTS):
        fields = [f"id: {shot}", f'prompt: "{prompt}"', "focus: [0.3, 0.5]"]
        if index and index % 4 == 0:
            fields += ["first_frame: none", "transition: {crossfade: 12f}"]
        if shot == "pour":
            fields.append('title: {text: "{claim}", in: 6f, out: 36f, fade: 3f}')
        lines.append(f"  - {{{', '.join(fields)}}}")
    lines.append("versions:")
    short = ", ".join(f"{{id: {shot}, use: [{{from: 4f, to: 44f}}]}}" for shot in SHORT)
    german = "{lang: de, claim: Warm wenn du es bist, legal: Tee. Bitte langsam trinken.}"
    for ratio in RATIOS:
        fit = "render" if ratio == "1:1" else "crop"
        for language in ("", f", set: {german}"):
            shape = f'ratio: "{ratio}", fit: {fit}{language}'
            name = 'name: "{board}-{ratio}-{lang}-{length}"'
            lines.append(f"  - {{{name}, length: 23, {shape}}}")
            lines.append(f"  - {{{name}, length: 10, {shape}, shots: [{short}]}}")
    return "\n".join(lines) + "\n"


def iter_versions() -> Iterator[tuple[str, str, str, int]]:
    """Yield name, ratio, language and frames of each version."""
    for ratio in RATIOS:
        for language in ("en", "de"):
            for seconds in (23, 10):
                name = f"spot-{ratio.replace(':', 'x')}-{language}-{seconds}s"
                yield name, ratio, language, seconds * 24


def read_frames(path: Path, *numbers: int) -> list[np.ndarray]:
    """Return the luma of some frames of a film."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [
            frame.to_ndarray(format="gray")
            for number, frame in enumerate(frames)
            if number in numbers
        ]


@pytest.mark.long
def test_twelve_shots_make_thirteen_films(
    studio: Studio, decode: Callable[[Path], SimpleNamespace]
) -> None:
    """Twelve shots for the board and twelve in 1:1: 24 creates for thirteen films, then none."""
    report = studio.run(board_text(), name="spot")
    report = export_versions(report, export(report))
    folder = studio.folder / "films"

    assert report.errors == ()
    assert studio.creates == 24
    _check_films(folder, decode)
    _check_checksums(folder)
    _check_titles(folder)
    _check_second_run(studio, report)


def _check_films(folder: Path, decode: Callable[[Path], SimpleNamespace]) -> None:
    """Check frames, size and chapters of the film and of each version."""
    # 9 chained seams drop a frame each, two crossfades overlap 12 frames, the card has 24.
    film = decode(folder / "spot.mp4")
    assert film.frames == 12 * 49 - 9 - 2 * 12 + 24
    for name, ratio, _, frames in iter_versions():
        version = decode(folder / f"{name}.mp4")
        assert (version.frames, version.size) == (frames, RATIOS[ratio]), name
        shots = SHORT if frames == 240 else [shot for shot, _ in SHOTS]
        assert version.chapters[: len(shots)] == list(shots), name


def _check_checksums(folder: Path) -> None:
    """Check that the checksums are those of all films."""
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    listed = {line[66:]: line[:64] for line in lines}
    assert sorted(listed) == sorted(path.name for path in folder.glob("*.mp4"))
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def _check_titles(folder: Path) -> None:
    """Check that the languages differ in the title and on the card, and in no other frame."""
    for name, _, language, frames in iter_versions():
        if language == "de" or frames != 240:
            continue
        # The title is over the second shot, and the small print over the whole film.
        english = read_frames(folder / f"{name}.mp4", 60, 20, 222)
        german = read_frames(folder / f"{name.replace('-en-', '-de-')}.mp4", 60, 20, 222)
        before, title, card = (
            np.abs(a.astype(int) - b) for a, b in zip(english, german, strict=True)
        )
        height = title.shape[0]
        assert (title > 60).mean() > 0.001, name
        assert (card[: height * 4 // 5] > 60).mean() > 0.0, name
        assert before[: height * 3 // 5].mean() < 1.0, name


def _check_second_run(studio: Studio, first: RunReport) -> None:
    """Check that a second run creates and encodes nothing."""
    report = report_kept(studio.prepare(board_text(), name="spot"))
    assert report is not None
    assert report.film
    assert first.film
    assert [result.film.is_new for result in report.versions if result.film] == [False] * 12
    assert studio.creates == 24


def test_board_of_the_spot_is_planned_with_its_price(studio: Studio) -> None:
    """The plan has the length, the size and the shots of each version, and each price once."""
    from flows.documents import plan_document

    studio.env = {"SHOTCHAIN_MODELARK_BASE_URL": "https://ark.example.com/api/v3"}
    document = plan_document(studio.prepare(board_text(), name="spot", provider="modelark"))
    versions = {version["name"]: version for version in document["versions"]}
    expected = {name: (frames, *RATIOS[ratio]) for name, ratio, _, frames in iter_versions()}
    fields = ("frames", "width", "height")
    assert {n: tuple(v[field] for field in fields) for n, v in versions.items()} == expected
    rendered = [shot for shot in document["shots"] if shot["selected"]]
    assert len(rendered) == 24
    assert [shot["id"] for shot in rendered[12:14]] == ["kettle@1x1", "steam@1x1"]
    prices = sum(Fraction(str(shot["price"]["amount"])) for shot in rendered)
    assert float(prices) == pytest.approx(document["total"]["amount"], abs=1e-3)
    short = versions["spot-9x16-de-10s"]["seams"]
    assert [seam["chained"] for seam in short] == [False] * 5
    assert [seam["left_out"] for seam in short] == ["steam", None, "street", "bench", None]
