"""A file that is whole or not there: written beside its place, then moved onto it at once."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol

from tasks.errors import StoreError
from tasks.providers.contract import Digest
from tasks.store import claim


class Sink(Protocol):
    """Where a download goes."""

    @property
    def size(self) -> int:
        """Bytes so far."""
        ...

    def write(self, chunk: bytes) -> None:
        """Take further bytes."""
        ...

    def restart(self) -> None:
        """Forget all bytes so far."""
        ...


class Memory:
    """A sink for small files."""

    def __init__(self) -> None:
        self.data = bytearray()

    @property
    def size(self) -> int:
        """Bytes so far."""
        return len(self.data)

    def write(self, chunk: bytes) -> None:
        """Take further bytes."""
        self.data += chunk

    def restart(self) -> None:
        """Forget all bytes so far."""
        self.data.clear()


class Staging:
    """A sink in the target's own folder. `commit` puts it in place; leaving without takes it away.

    Raises StoreError where the folder can't be written.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self.size = 0
        self._digest = hashlib.sha256()
        self._file: IO[bytes] | None = None
        self._path: Path | None = None

    def __enter__(self) -> Staging:
        folder = self._target.parent
        path = folder / f".{self._target.name[:100]}.{secrets.token_hex(6)}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = path.open("xb")
            claim(self._file)
        except OSError as error:
            raise self._failed(error) from None
        self._path = path
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._close_quietly(self._file)
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Take further bytes."""
        try:
            self._open().write(chunk)
        except OSError as error:
            raise self._failed(error) from None
        self._digest.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        """Forget all bytes so far."""
        try:
            self._open().seek(0)
            self._open().truncate()
        except OSError as error:
            raise self._failed(error) from None
        self._digest = hashlib.sha256()
        self.size = 0

    def commit(self) -> Digest:
        """Make the bytes durable and move them into place."""
        file, path = self._open(), self._path or self._target
        try:
            file.flush()
            os.fsync(file.fileno())
            file.close()
            path.replace(self._target)
            _sync_folder(self._target.parent)
        except OSError as error:
            raise self._failed(error) from None
        self._path = None
        return Digest(self._digest.hexdigest(), self.size)

    def _open(self) -> IO[bytes]:
        if self._file is None or self._path is None:
            msg = "a staging file is used within its `with`, and committed once"
            raise RuntimeError(msg)
        return self._file

    def _failed(self, error: OSError) -> StoreError:
        why = error.strerror or type(error).__name__
        return StoreError(f"{self._target} could not be written: {why}; free or mend its folder")

    @staticmethod
    def _close_quietly(file: IO[bytes]) -> None:
        # A full disk fails again on the flush within close; what matters was told before.
        try:
            file.close()
        except OSError:
            return


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable, where the system lets folders be synced."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)
