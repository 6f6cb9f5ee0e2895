"""The frames of clips that shots start on at an out point: decoded once, kept as PNG beside a clip.

The file and its digest are recorded, so that a plan finds stale seams offline, and another version
of a decoder or of PNG makes none.
"""

from __future__ import annotations

from pathlib import Path

from tasks.errors import MediaError
from tasks.own_files import read_file
from tasks.store.atomic_files import digest_bytes, write_bytes
from tasks.store.layout import RecordStore, is_stored
from tasks.store.locks import wait_for_lock
from tasks.store.receipts import Attempt, OutFrame, StoredFile, read_receipt


def read_stored_frame(folder: Path, stored_file: StoredFile | None) -> bytes | None:
    """Return a frame from its file, or None if the folder does not have its recorded content.

    Raises:
        StoreError: The folder can't be read.
    """
    if stored_file is None or not is_stored(folder, stored_file):
        return None
    data = read_file(folder / stored_file.name)
    return data if digest_bytes(data) == stored_file.sha256 else None


def fetch_out_frame(
    records: RecordStore, key: str, attempt: Attempt, number: int
) -> tuple[bytes, StoredFile]:
    """Return a frame of a clip in the store, from its file or decoded from the clip.

    A clip may be shorter than planned: then it is the last frame.

    Args:
        records: The records with the key.
        key: The key of the clip.
        attempt: The attempt that the clip is of.
        number: The number of the frame.

    Raises:
        MediaError: The clip is missing, or can't be decoded.
        StoreError: The receipt is damaged, or a file can't be written.
    """
    folder = records.folder_of(key)
    stored_file = attempt.out_frame(number)
    data = read_stored_frame(folder, stored_file)
    if data is not None and stored_file is not None:
        return data, stored_file
    if attempt.clip is None or not is_stored(folder, attempt.clip):
        msg = f"the clip of {attempt.shot} is missing from the store; run again to restore it"
        raise MediaError(msg)
    # av takes long to import, and a run of kept shots decodes nothing.
    from tasks.media.frames import read_frame

    data = read_frame(folder / attempt.clip.name, number)
    digest = digest_bytes(data)
    # Named by content: a clip that replaces this one under its key has frames of its own.
    stored_file = StoredFile(f"frame-{number}-{digest[:8]}.png", digest, len(data))
    write_bytes(folder / stored_file.name, data)
    _record(records, key, attempt, OutFrame(number, stored_file))
    return data, stored_file


def _record(records: RecordStore, key: str, attempt: Attempt, frame: OutFrame) -> None:
    """Record a frame in the receipt, unless the clip was replaced meanwhile."""
    with records.lock_file(key) as file:
        wait_for_lock(file)
        receipt = read_receipt(key, records.read(key))
        current = receipt.current
        if current is None or current.clip != attempt.clip:
            return
        others = (other for other in current.out_frames if other.number != frame.number)
        out_frames = tuple(sorted((*others, frame), key=lambda each: each.number))
        receipt = receipt.update(current.state, out_frames=out_frames)
        records.write(key, receipt.to_record())
