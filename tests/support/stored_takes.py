"""Takes in a store without a render: receipts, records and files of any content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.store.board_records import RecordsFolder, Take, record_takes
from tasks.store.layout import Store
from tasks.store.receipts import Attempt, AttemptState, Receipt, StoredFile
from tasks.store.takes import folder_records

ATTEMPT: dict[str, Any] = {
    "state": AttemptState.KEPT,
    "provider": "modelark",
    "model": "seedance-1-5-pro-251215",
    "base_url": "https://a.example",
    "request_sha256": "0" * 64,
    "intended_at": "2026-11-28T10:00:00.000+00:00",
    "seed": 1_234_567_890,
    "frames": 121,
}


@dataclass(frozen=True)
class StoredTakes:
    """Puts takes of one board into a store."""

    root: Path
    board: str = "film"

    def add(
        self,
        shot: str,
        number: int = 1,
        *,
        clip: bytes | None = b"clip",
        folder: RecordsFolder = "shots",
        prompt: str = "Rain.",
        **values: Any,
    ) -> Path:
        """Store a take and return the path of its clip.

        Args:
            shot: The id of the shot.
            number: The number of the take.
            clip: The content of its clip; None for a clip that is recorded and missing.
            folder: The folder of its receipt.
            prompt: The prompt on record.
            **values: Other fields of `Attempt` than those of `ATTEMPT`.
        """
        key = f"{shot}-{number}-{folder}"
        size = len(clip or b"clip")
        attempt = Attempt(
            **{
                **ATTEMPT,
                "board": self.board,
                "shot": shot,
                "take": number,
                "clip": StoredFile("clip.mp4", "0" * 64, size),
                **values,
            }
        )
        records = folder_records(Store(self.root), folder)
        records.write(key, Receipt(key, (attempt,)).to_record())
        path = records.folder_of(key) / "clip.mp4"
        if clip is not None:
            path.write_bytes(clip)
        take = Take(number, key, folder, seed=attempt.seed, prompt=prompt)
        record_takes(self.root, self.board, {shot: take})
        return path
