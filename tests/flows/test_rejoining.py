"""A film of kept shots is joined without Prefect, with the report and film that the flow makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.documents import report_document
from flows.report import export, join_kept, report_kept
from flows.run import Run
from tasks.errors import MediaError
from tasks.store.atomic_files import digest_file
from tests.support.plain_tasks import render_plainly
from tests.support.reports import folder_of

ROOT = Path(__file__).parents[2]

RENDER = """
import json, os, sys
from pathlib import Path
from flows.cli.main import main

code = main(["render", *sys.argv[1:]])
children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
loaded = {name.partition(".")[0] for name in sys.modules}
heavy = sorted(loaded & {"numpy", "prefect", "rich", "uvicorn"})
print(json.dumps({"code": code, "heavy": heavy, "children": children}), file=sys.stderr)
"""


def render_in_process(folder: Path, *arguments: str) -> tuple[dict, dict]:
    """Run `render --json` in a process; return its document, and what the process had loaded."""
    process = subprocess.run(
        [sys.executable, "-c", RENDER, "board.yaml", "--store", "store", "--json", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    # Above it is a line for each clip of the user that was decoded.
    facts = process.stderr.splitlines()[-1]
    return json.loads(process.stdout), json.loads(facts)


@pytest.mark.parametrize("change", ["new title", "missing film", "own clips only"])
def test_kept_shots_are_joined_without_prefect(studio, chain, decode, change: str) -> None:
    """The process imports no Prefect and has no server, and the film shows every picture once."""
    report = studio.run(chain("one", "two"))
    text = chain("one|title: First", "two") if change == "new title" else chain("one", "two")
    if change == "missing film":
        (studio.folder / "store" / "films" / "board.mp4").unlink()
    elif change == "own clips only":
        clip = folder_of(report, "one") / "clip.mp4"
        (studio.folder / "own.mp4").write_bytes(clip.read_bytes())
        text = "shots:\n  - {id: one, clip: own.mp4}\n  - {id: two, clip: own.mp4}\n"
    studio.write(text)
    document, facts = render_in_process(studio.folder)

    # With other titles the packets of the stored film are copied.
    heavy = [] if change == "new title" else ["numpy"]
    assert facts == {"code": 0, "heavy": heavy, "children": []}
    assert [shot["outcome"] for shot in document["shots"]] == ["kept", "kept"]
    frames = 98 if change == "own clips only" else 97
    assert decode(Path(document["film"])).frames == document["frames"] == frames
    assert not (studio.folder / "store" / "prefect").exists()
    assert studio.creates == 2


def test_join_without_flow_equals_join_of_flow(studio, chain) -> None:
    """The document and every byte of the film are those of a run by the flow."""
    studio.run(chain("one", "two", "x|first_frame: none"))
    text = chain("one|title: First", "two", "x|first_frame: none")

    def describe(render) -> tuple[dict, str]:
        run: Run = studio.prepare(text)
        assert report_kept(run) is None
        report = render(run)
        document, digest = report_document(report, export(report)), digest_file(report.film.path)
        report.film.path.unlink()
        return document, digest

    assert describe(join_kept) == describe(render_plainly)


def test_damaged_film_is_joined_anew(studio, chain) -> None:
    """A film that is not the recorded one gives no packets to the film with other titles."""
    path = studio.run(chain("one", "two")).film.path
    content = path.read_bytes()
    path.write_bytes(content[:-9000] + bytes([content[-9000] ^ 1]) + content[-8999:])
    text = chain("one|title: First", "two")
    film = join_kept(studio.prepare(text)).film.path.read_bytes()
    path.unlink()

    assert join_kept(studio.prepare(text)).film.path.read_bytes() == film


def test_damaged_clip_fails_join_without_flow(studio, chain) -> None:
    """A clip that is not the stored one ends the run with 1, and the other film stays."""
    first = studio.run(chain("one", "two"))
    clip = folder_of(first, "one") / "clip.mp4"
    content = clip.read_bytes()
    clip.write_bytes(content[:9000] + bytes([content[9000] ^ 1]) + content[9001:])
    film = digest_file(studio.folder / "films" / "board.mp4")
    report = join_kept(studio.prepare(chain("one|title: First", "two")))

    assert isinstance(report.error, MediaError)
    assert report.film is None
    assert digest_file(studio.folder / "films" / "board.mp4") == film
