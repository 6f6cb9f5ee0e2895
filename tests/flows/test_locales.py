"""Boards, folders and streams whose letters the locale can't encode."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.report import export, join_kept
from flows.run import check_ready
from tasks.errors import UsageError
from tasks.store.films import read_exports

ROOT = Path(__file__).parents[2]
BOARD = """\
title: "Café 😀"
model: seedance-1.0-pro
look: {resolution: 480p, seconds: 2}
shots:
  - {id: é, prompt: "Dawn \u2014 日本."}
"""
STRICT = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LOCALES = {
    "UTF-8": {"PYTHONUTF8": "1"},
    "POSIX": STRICT,
    "ASCII streams": {"PYTHONIOENCODING": "ascii"},
    "Latin-1 streams": {"PYTHONIOENCODING": "latin-1"},
}


def run(folder: bytes, locale: dict[str, str], *arguments: str) -> tuple[int, bytes, bytes]:
    process = subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **locale},
        capture_output=True,
        timeout=100,
        check=False,
    )
    return process.returncode, process.stdout, process.stderr


@pytest.mark.parametrize("locale", LOCALES.values(), ids=LOCALES)
def test_plan_is_printed_in_any_locale(tmp_path: Path, locale: dict[str, str]) -> None:
    """The document is the same in every locale, also in a folder whose name is not valid UTF-8."""
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)  # noqa: PTH102 - the name is not valid in the locale of the test
    with open(folder + b"/board.yaml", "wb") as file:  # noqa: PTH123 - the same
        file.write(BOARD.encode())

    code, out, err = run(folder, locale, "plan", "board.yaml", "--json")
    assert (code, err) == (0, b"")
    (shot,) = json.loads(out)["shots"]
    assert (shot["id"], shot["prompt"]) == ("é", "Dawn \u2014 日本.")
    code, out, err = run(folder, locale, "plan", "board.yaml")
    assert (code, err) == (0, b"")
    assert b"1 shot" in out


def test_kept_film_is_joined_in_any_folder(studio, chain) -> None:
    """Only a run that starts Prefect needs paths that are text, and ends before it pays."""
    studio.run(chain("one"))
    renamed = studio.folder.with_name(os.fsdecode(b"caf\xe9"))
    studio.folder.rename(renamed)
    studio.folder = renamed
    shutil.rmtree(renamed / "films")
    run = studio.prepare(chain("one|title: First"))
    check_ready(run)
    film = export(join_kept(run))

    assert film == renamed / "films" / "board.mp4"
    assert str(film) in read_exports(run.store)
    check_ready(studio.prepare(chain("one|title: First")))
    with pytest.raises(UsageError, match=r"caf\\udce9/board.yaml is not valid UTF-8"):
        check_ready(studio.prepare(chain("one", one="Other.")))
