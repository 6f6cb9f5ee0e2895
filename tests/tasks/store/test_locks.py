"""File locks: exclusive, shared, awaited, and released when their holder is killed."""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.errors import StoreError
from tasks.store.locks import open_lock_file, try_lock, wait_for_lock, wait_for_lock_async

ROOT = Path(__file__).parents[3]

HOLDER = """
import sys
from pathlib import Path
from tasks.store.locks import open_lock_file, try_lock
with open_lock_file(Path(sys.argv[1])) as file:
    print(try_lock(file, shared=sys.argv[2] == "shared"), flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(path: Path, mode: str = "exclusive") -> Iterator[subprocess.Popen[bytes]]:
    """Run another process that holds the lock until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == b"True\n"
        yield process
        process.kill()


def test_try_lock_killed_holder_releases_lock(tmp_path: Path) -> None:
    """The lock of a killed process is free at once."""
    with open_lock_file(tmp_path / "lock") as file, holder(tmp_path / "lock") as process:
        was_held = not try_lock(file)
        process.kill()
        process.wait()

        assert was_held
        assert try_lock(file)


def test_try_lock_shared_allows_shared_only(tmp_path: Path) -> None:
    """Several runs share the store; `clean` needs it exclusively."""
    with (
        open_lock_file(tmp_path / "lock") as file,
        open_lock_file(tmp_path / "lock") as other_file,
        holder(tmp_path / "lock", "shared"),
    ):
        assert not try_lock(file)
        assert try_lock(file, shared=True)
        assert try_lock(other_file, shared=True)


def test_wait_for_lock_returns_when_lock_is_released(tmp_path: Path) -> None:
    """The waiting process holds the lock after the holder closed its file."""
    with open_lock_file(tmp_path / "lock") as file, holder(tmp_path / "lock") as process:
        assert process.stdin
        threading.Timer(0.1, process.stdin.close).start()
        wait_for_lock(file)

        with open_lock_file(tmp_path / "lock") as other_file:
            assert not try_lock(other_file)


def test_wait_for_lock_async_does_not_block_event_loop(tmp_path: Path) -> None:
    """A task of the same process can release the lock that another task waits for."""

    async def release_and_wait() -> bool:
        with open_lock_file(tmp_path / "lock") as file:
            with open_lock_file(tmp_path / "lock") as other_file:
                assert try_lock(other_file)
                waiting = asyncio.ensure_future(wait_for_lock_async(file))
                await asyncio.sleep(0.05)
                was_waiting = not waiting.done()
            await waiting
            return was_waiting

    assert asyncio.run(release_and_wait())


def test_try_lock_unsupported_file_system_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """False would let callers poll without end."""

    def fail(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", fail)
    with (
        open_lock_file(tmp_path / "lock") as file,
        pytest.raises(StoreError, match="another file system"),
    ):
        wait_for_lock(file)


def test_open_lock_file_in_a_file_is_an_error(tmp_path: Path) -> None:
    """A file in place of the folder leads to one clear sentence."""
    (tmp_path / "store").write_text("")

    with (
        pytest.raises(StoreError, match="is a file, not a real folder"),
        open_lock_file(tmp_path / "store/lock"),
    ):
        pass
