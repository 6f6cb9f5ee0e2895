"""A store that came with a cloned repository: nothing outside of it is read, changed or removed.

Each layout is a store that a run has used, in which one file or folder was replaced. Every command
must end, with one sentence if it ends with an error, and leave the user's files as they were.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.cli.main import main
from tests.support.plain_tasks import command_without_engine

pytestmark = pytest.mark.timeout(60)

BOARD = """\
provider: simulator
model: seedance-1.0-pro
look: {resolution: 480p, seconds: 2, ratio: "16:9"}
shots:
  - {id: one, prompt: "Dawn over the sea."}
"""
COMMANDS = (
    "check board.yaml",
    "plan board.yaml",
    "takes board.yaml one",
    "takes board.yaml --sheet",
    "status board.yaml",
    "log board.yaml --full",
    "open board.yaml --print",
    "open board.yaml one --print",
    "spend",
    "verify",
    "verify --repair",
    "cancel board.yaml",
    "render board.yaml",
    "clean --dry-run",
    "clean --older 0h --yes",
)
OTHER_KEY = "ab" * 32
"""The key of a kept clip that no board needs."""

OLD_SECONDS = 1_000_000_000

Snapshot = Mapping[str, object]


@dataclass(frozen=True)
class Clone:
    """A cloned repository with a board and a store, and the user's files beside it."""

    folder: Path
    mine: Path
    key: str
    capsys: pytest.CaptureFixture[str]

    @property
    def store(self) -> Path:
        """The default store of the board."""
        return self.folder / ".shotchain"

    @property
    def key_folder(self) -> Path:
        """The folder of the board's shot."""
        return self.store / "previz" / self.key

    def run(self, command: str) -> tuple[int, str]:
        """Run a command that must end as described above; return its exit code and messages."""
        before = take_snapshot(self.mine)
        with command_without_engine():
            code = main(command.split())
        out, err = self.capsys.readouterr()
        assert take_snapshot(self.mine) == before, command
        assert code in (0, 1, 2, 3), f"{command}: {err}"
        assert "Traceback" not in out + err
        if code > 1:
            assert err.count("\n") == 1, f"{command}: {err}"
        return code, err

    def run_all(self) -> list[str]:
        """Run every command and return the messages of those that refused the store."""
        results = [self.run(command) for command in COMMANDS]
        return [err for code, err in results if code == 3]


def take_snapshot(folder: Path) -> Snapshot:
    """Return kind, mode, owner, time and content of every file below a folder."""
    snapshot = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        snapshot[path.relative_to(folder).as_posix()] = (
            status.st_mode,
            status.st_uid,
            status.st_mtime_ns,
            status.st_size,
            content,
        )
    return snapshot


def write_mine(mine: Path) -> None:
    """Write the user's files, old and with all the names that sweeps look for."""
    for name in (
        "file",
        "board.json",
        "a.json",
        "a.lock",
        "a.mp4",
        "clip.mp4",
        "receipt.json",
        "0" * 64,
        ".0123abcd.a.mp4",
        ".clip.mp4.1.2.staging",
        ".board.mp4.1.2.staging",
        ".clip.mp4.0123456789ab.part",
        "ledger.jsonl",
        "folder/clip.mp4",
        "folder/0.mp4",
    ):
        path = mine / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}" if name.endswith("json") else b"mine")
        path.chmod(0o640)
        os.utime(path, (OLD_SECONDS, OLD_SECONDS))


@pytest.fixture(scope="session")
def used(tmp_path_factory: pytest.TempPathFactory, program, pictures) -> Path:
    """Render the board once; each layout starts from a copy."""
    folder = tmp_path_factory.mktemp("used") / "clone"
    folder.mkdir()
    (folder / "board.yaml").write_text(BOARD)
    before = Path.cwd()
    os.chdir(folder)
    try:
        with program("trial").cached_clips(pictures), command_without_engine():
            assert main(["render", "board.yaml"]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def clone(
    used: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    draw_once: None,  # noqa: ARG001 - saves minutes
) -> Iterator[Clone]:
    """Copy the used repository, change to it, and check at the end that nothing of ours changed."""
    folder, mine = tmp_path / "clone", tmp_path / "mine"
    shutil.copytree(used, folder)
    mine.mkdir()
    write_mine(mine)
    monkeypatch.chdir(folder)
    (key_folder,) = (folder / ".shotchain" / "previz").glob("?" * 64)
    shutil.copytree(key_folder, key_folder.with_name(OTHER_KEY))
    before = take_snapshot(mine)
    yield Clone(folder, mine, key_folder.name, capsys)
    assert take_snapshot(mine) == before


def link_to_file(path: Path, mine: Path) -> None:
    path.symlink_to(mine / "file")


def link_to_folder(path: Path, mine: Path) -> None:
    path.symlink_to(mine)


def dangling_link(path: Path, mine: Path) -> None:
    path.symlink_to(mine / "nothing")


def link_to_itself(path: Path, mine: Path) -> None:
    del mine
    path.symlink_to(path.name)


def link_to_device(path: Path, mine: Path) -> None:
    del mine
    path.symlink_to("/dev/zero")


def hard_link(path: Path, mine: Path) -> None:
    path.hardlink_to(mine / "file")


def pipe(path: Path, mine: Path) -> None:
    del mine
    os.mkfifo(path)


def unix_socket(path: Path, mine: Path) -> None:
    del mine
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(before)


def folder_with_file(path: Path, mine: Path) -> None:
    del mine
    path.mkdir()
    (path / "0.mp4").write_bytes(b"theirs")


def regular_file(path: Path, mine: Path) -> None:
    del mine
    path.write_bytes(b"theirs")


def device(path: Path, mine: Path) -> None:
    del mine
    if os.geteuid() != 0:
        pytest.skip("only root can create a device")
    os.mknod(path, 0o020600, os.makedev(1, 3))


Make = Callable[[Path, Path], None]

FOLDERS = (
    "previz",
    "previz/KEY",
    f"previz/{OTHER_KEY}",
    "films",
    "boards",
    "simulator",
    "simulator/jobs",
    "simulator/files",
    "simulator/inputs",
    "simulator/locks",
    "simulator/assets",
)
FOLDER_KINDS: tuple[Make, ...] = (link_to_folder, dangling_link, link_to_itself)

IN_PLACE = (
    "in-use",
    "ledger.lock",
    "boards/board.lock",
    "previz/jobs.lock",
    "previz/KEY/lock",
    "previz/KEY/clip.lock",
    "previz/KEY/frame.lock",
    "previz/KEY/log.jsonl",
    "simulator/served",
    "simulator/lock",
    "simulator/ledger.jsonl",
    "simulator/locks/a.lock",
)
"""Files that are locked or written in place."""

REPLACED = (
    "previz/KEY/receipt.json",
    "previz/KEY/clip.mp4",
    "previz/KEY/last_frame.png",
    f"previz/{OTHER_KEY}/clip.mp4",
    "films/board.mp4",
    "films/board.json",
    "films/placed.json",
    "boards/board.json",
    "simulator/secret",
    "simulator/jobs/a.json",
    "simulator/files/a.mp4",
    "simulator/files/.0123abcd.a.mp4",
    "simulator/inputs/" + "0" * 64,
)
"""Files that are read, replaced as a whole or removed."""

FILE_KINDS: tuple[Make, ...] = (link_to_file, dangling_link, pipe, folder_with_file)

LAYOUTS: tuple[tuple[str, Make], ...] = (
    *((place, make) for place in FOLDERS for make in FOLDER_KINDS),
    *((place, make) for place in (*IN_PLACE, *REPLACED) for make in FILE_KINDS),
    *((place, hard_link) for place in IN_PLACE),
    ("previz", pipe),
    ("films", regular_file),
    ("simulator", unix_socket),
    ("boards", device),
    ("ledger.lock", device),
    ("in-use", unix_socket),
    ("previz/KEY/receipt.json", link_to_device),
    ("previz/KEY/clip.mp4", link_to_device),
    ("previz/KEY/clip.mp4", device),
    ("films/.board.mp4.1.2.staging", pipe),
    ("films/.board.mp4.1.2.staging", link_to_file),
    ("films/.board.mp4.1.2.staging.fitted-abcdefgh", link_to_folder),
)


def replace(clone: Clone, place: str, make: Make) -> Path:
    """Put something else in the place of a file or folder of the store."""
    path = clone.store / place.replace("KEY", clone.key)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    make(path, clone.mine)
    return path


@pytest.mark.parametrize(
    ("place", "make"),
    LAYOUTS,
    ids=[f"{place[:32]}-{make.__name__}" for place, make in LAYOUTS],
)
def test_unsafe_file_in_store_is_refused(clone: Clone, place: str, make: Make) -> None:
    """Commands that need the file refuse it in one sentence that names it, and others work."""
    if not place.startswith(("previz/KEY/clip.mp4", "previz/KEY/receipt", "previz/KEY/last")):
        # The shot is to be rendered.
        shutil.rmtree(clone.key_folder)
    path = replace(clone, place, make)

    refused = clone.run_all()

    assert refused
    assert all(message.startswith(f"shotchain: {path} ") for message in refused), refused
    # `clean` may remove a second name of a file, and nothing else.
    assert make is hard_link or os.path.lexists(path)


@pytest.mark.parametrize("place", [*REPLACED, "films/.board.mp4.1.2.staging"])
def test_hard_link_in_store_changes_no_file(clone: Clone, place: str) -> None:
    """A file that is replaced or removed may have a second name: only the name here changes."""
    path = replace(clone, place, hard_link)

    clone.run_all()

    assert not path.exists() or path.stat().st_size


@pytest.mark.parametrize(
    "make",
    [
        link_to_folder,
        dangling_link,
        link_to_itself,
        pipe,
        regular_file,
        unix_socket,
        device,
    ],
)
def test_default_store_is_a_real_folder(clone: Clone, make: Make) -> None:
    """A default store that is a link or not a folder is refused by every command that uses it."""
    replace(clone, ".", make)

    codes = [clone.run(command)[0] for command in COMMANDS]

    assert codes == [0] + [3] * (len(COMMANDS) - 1)


def test_named_store_may_be_a_link(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that the user names is followed, as an option and in the environment."""
    clone.store.rename(clone.folder / "elsewhere")
    clone.store.symlink_to("elsewhere")
    codes = [main(["plan", "board.yaml", "--store", ".shotchain"])]
    monkeypatch.setenv("SHOTCHAIN_STORE", ".shotchain")
    codes.append(main(["verify"]))

    assert codes == [0, 0]


def test_default_store_of_another_user_is_refused(clone: Clone) -> None:
    """A `.shotchain` that another user made above the board, as in /tmp, needs to be named."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(clone.store, 12345, 12345)

    code, message = clone.run("plan board.yaml")

    assert code == 3
    assert "belongs to another user (uid 12345)" in message
    assert clone.run("plan board.yaml --store .shotchain")[0] == 0


@pytest.mark.parametrize("place", IN_PLACE[:2])
def test_lock_of_another_user_is_refused(clone: Clone, place: str) -> None:
    """A file that is locked belongs to this user or to the owner of its folder."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    (clone.store / place).touch()
    os.chown(clone.store / place, 12345, 12345)

    assert clone.run("render board.yaml")[0] == 3


FILM_LAYOUTS: tuple[tuple[str, Make], ...] = (
    ("films", link_to_folder),
    ("films", dangling_link),
    ("films", pipe),
    ("films/board.mp4", link_to_file),
    ("films/board.mp4", dangling_link),
    ("films/board.mp4", hard_link),
    ("films/board.mp4", pipe),
    ("films/board.mp4", folder_with_file),
    ("films/board.mp4", unix_socket),
    ("films/board.mp4", device),
)


@pytest.mark.parametrize(("place", "make"), FILM_LAYOUTS)
def test_film_is_not_written_through(clone: Clone, place: str, make: Make) -> None:
    """The default place of the film is a new file or the film of this board, in a real folder."""
    replace(clone, f"../{place}", make)

    code, message = clone.run("render board.yaml")

    assert code == 2
    assert "--out" in message


@pytest.mark.parametrize("make", [link_to_file, dangling_link, pipe, unix_socket, device])
def test_out_is_not_written_through(clone: Clone, make: Make) -> None:
    """An --out that is a link, a pipe or a device is refused before anything is rendered."""
    make(clone.folder / "out.mp4", clone.mine)

    code, message = clone.run("render board.yaml --out out.mp4")

    assert code == 2
    assert "out.mp4 is a" in message


def test_out_folder_may_be_a_link(clone: Clone, tmp_path: Path) -> None:
    """Folders that the user names are followed, and the umask decides who reads the film."""
    (tmp_path / "films").mkdir()
    (clone.folder / "public").symlink_to(tmp_path / "films")
    before = os.umask(0o022)
    try:
        code, _ = clone.run("render board.yaml --out public/a.mp4")
    finally:
        os.umask(before)

    assert code == 0
    assert (tmp_path / "films" / "a.mp4").stat().st_mode & 0o777 == 0o644


def test_record_of_exports_leads_to_no_file(clone: Clone) -> None:
    """A record that claims the user's files as exported films lets none be replaced or removed."""
    claimed = {
        str(clone.mine / "board.mp4"): "/nothing/board.yaml",
        str(clone.folder / "films" / "board.mp4"): "/nothing/board.yaml",
    }
    (clone.store / "films" / "placed.json").write_text(json.dumps(claimed))
    (clone.folder / "films" / "board.mp4").write_bytes(b"the user's film")

    code, message = clone.run("render board.yaml")
    clone.run_all()

    assert code == 2
    assert "is not the film of this board" in message
    assert (clone.folder / "films" / "board.mp4").read_bytes() == b"the user's film"


def test_record_of_board_names_a_pipe(clone: Clone) -> None:
    """`clean` reads the boards on record, and does not wait for a pipe among them."""
    os.mkfifo(clone.folder / "pipe.yaml")
    record = clone.store / "boards" / "board.json"
    states: dict[str, Any] = {str(clone.folder / "pipe.yaml"): {"shots": {}, "pins": []}}
    record.write_text(json.dumps({"version": 3, "states": states, "takes": {}}))

    assert clone.run("clean --older 0h --yes")[0] == 0


def read_job(clone: Clone) -> tuple[Path, dict[str, Any]]:
    """Return the simulator's only job and its record."""
    (path,) = (clone.store / "simulator" / "jobs").glob("*.json")
    return path, json.loads(path.read_text())


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "../../../../mine/a"},
        {"commission": {"output_format": "mp4/../../../../../mine/a.mp4"}},
        {"commission": {"media": [{"role": "first_frame", "source": "../../../../mine/file"}]}},
    ],
    ids=["id", "format", "source"],
)
def test_simulated_job_leads_to_no_file(clone: Clone, fields: dict[str, Any]) -> None:
    """A job record with a path in it is not a record; without this it would be rendered there."""
    path, record = read_job(clone)
    (clone.store / "simulator" / "files" / f"{path.stem}.mp4").unlink()
    commission = {**record["commission"], **fields.get("commission", {})}
    queued = {"status": "queued", "rendered_at": None, "started_at": None}
    path.write_text(json.dumps({**record, **fields, **queued, "commission": commission}))
    shutil.rmtree(clone.key_folder)

    assert clone.run("render board.yaml --out new.mp4")[0] == 0
    assert not path.exists()
    assert clone.run_all() == []


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "[" * 100_000])
def test_damaged_simulated_job_is_skipped(clone: Clone, content: str) -> None:
    """A job that can't be parsed is not worth an error."""
    (clone.store / "simulator" / "jobs" / "a.json").write_text(content)
    shutil.rmtree(clone.key_folder)

    assert clone.run_all() == []


def test_clean_leaves_names_of_others(clone: Clone) -> None:
    """Files that this program did not name stay, in every folder that `clean` sweeps."""
    others = (
        f"previz/{OTHER_KEY}/notes.txt",
        f"previz/{OTHER_KEY}/sub/clip.mp4",
        "films/.x.staging",
        "notes/.clip.mp4.1.2.staging",
        "simulator/jobs/notes.txt",
        "simulator/files/notes.txt",
        "simulator/inputs/notes.txt",
        "simulator/notes.txt",
    )
    for name in others:
        (clone.store / name).parent.mkdir(parents=True, exist_ok=True)
        (clone.store / name).write_bytes(b"theirs")
        os.utime(clone.store / name, (OLD_SECONDS, OLD_SECONDS))
    shutil.rmtree(clone.store / "boards")
    (clone.folder / "board.yaml").unlink()

    codes = [clone.run(command)[0] for command in ("clean --older 0h --yes", "clean")]

    assert codes == [0, 0]
    assert [name for name in others if not (clone.store / name).exists()] == []
    assert not (clone.store / "previz" / OTHER_KEY / "clip.mp4").exists()


def test_clean_leaves_folder_with_other_files(clone: Clone) -> None:
    """A folder with the name of converted clips stays if it has a file that is not one."""
    notes = clone.store / "films" / ".x.1.2.staging.fitted-abcdefgh" / "notes.txt"
    notes.parent.mkdir()
    notes.write_bytes(b"theirs")

    code, message = clone.run("clean")

    assert code == 1
    assert f"{notes.parent} can't be removed" in message
    assert notes.exists()


def test_new_folders_and_files_are_private(clone: Clone) -> None:
    """Only this user may read a new store: 0700 for folders, 0600 for files."""
    shutil.rmtree(clone.store)
    shutil.rmtree(clone.folder / "films")
    before = os.umask(0)
    try:
        assert clone.run("render board.yaml")[0] == 0
    finally:
        os.umask(before)
    paths = [clone.store, *clone.store.rglob("*")]
    shared = [
        str(path.relative_to(clone.folder))
        for path in paths
        if path.stat().st_mode & 0o777 != (0o700 if path.is_dir() else 0o600)
    ]

    assert shared == []
