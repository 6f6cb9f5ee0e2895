"""What the machine says: keys, base URLs, folders, time limits. Alone reads the environment.

Values arrive once, by `read_settings`, and go on by argument. Keys are held as secrets, so that no
repr, log or error shows one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import NotConfigured

if TYPE_CHECKING:
    from pydantic import SecretStr

STORE_NAME = ".shotchain"


def variable(provider: str, what: str) -> str:
    """The environment variable of a provider: `SHOTCHAIN_COMETAPI_VOLC_API_KEY`."""
    return f"SHOTCHAIN_{provider.upper().replace('-', '_')}_{what}"


@dataclass(frozen=True)
class Settings:
    """What the environment says, read once."""

    store: Path | None = None
    """`SHOTCHAIN_STORE`."""
    poll_seconds: float | None = None
    """`SHOTCHAIN_POLL_SECONDS`: the longest wait between two asks."""
    simulator_job_seconds: float | None = None
    """`SHOTCHAIN_SIMULATOR_JOB_SECONDS`; None is as long as the picture needs."""
    ffmpeg: str | None = None
    """`FFMPEG`."""
    prefect_api_url: str | None = None
    """`PREFECT_API_URL`: a Prefect server that is there already."""
    deployed: bool = False
    """Whether a Prefect worker runs us, for a deployment."""
    words: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Every `SHOTCHAIN_` variable that is not empty."""

    def api_key(self, provider: str) -> SecretStr | None:
        """The provider's key, or None where none is set."""
        from pydantic import SecretStr

        word = self.words.get(variable(provider, "API_KEY"), "").strip()
        return SecretStr(word) if word else None

    def base_url(self, provider: str, default: str) -> str:
        """The provider's base URL: the environment's, else the given one; no trailing slash."""
        return (self.words.get(variable(provider, "BASE_URL"), "").strip() or default).rstrip("/")


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises NotConfigured where a variable can't be understood."""
    said = os.environ if environ is None else environ
    store = said.get("SHOTCHAIN_STORE", "").strip()
    return Settings(
        store=Path(store) if store else None,
        poll_seconds=_seconds(said, "SHOTCHAIN_POLL_SECONDS"),
        simulator_job_seconds=_seconds(said, "SHOTCHAIN_SIMULATOR_JOB_SECONDS"),
        ffmpeg=said.get("FFMPEG") or None,
        prefect_api_url=said.get("PREFECT_API_URL") or None,
        deployed=bool(said.get("PREFECT__FLOW_RUN_ID")),
        words={name: word for name, word in said.items() if name.startswith("SHOTCHAIN_") and word},
    )


def _seconds(said: Mapping[str, str], name: str) -> float | None:
    text = said.get(name, "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        msg = f"{name} is {text!r}, which is no number of seconds; set it to one such as 2.5"
        raise NotConfigured(msg)
    return seconds


def find_store(
    settings: Settings, given: Path | None, board: Path | None, *, working: Path
) -> Path:
    """The store's folder: as given, as set, the nearest one above the board, else a new one.

    A new one lies in the working directory where the board lies in or below it, else beside the
    board. Nothing is made here.
    """
    if given or settings.store:
        return (working / (given or settings.store or "")).resolve()
    if board is None:
        return (working / STORE_NAME).resolve()
    folder = board.resolve().parent
    for above in (folder, *folder.parents):
        if (above / STORE_NAME).is_dir():
            return above / STORE_NAME
    inside = folder.is_relative_to(working.resolve())
    return (working.resolve() if inside else folder) / STORE_NAME


def set_environment(words: Mapping[str, str]) -> None:
    """Set variables for this process where they are not set: Prefect reads its own at import."""
    for name, word in words.items():
        os.environ.setdefault(name, word)


def child_environment(words: Mapping[str, str]) -> dict[str, str]:
    """This process's environment for a child, without our keys, with the given words on top."""
    kept = {name: word for name, word in os.environ.items() if not name.startswith("SHOTCHAIN_")}
    return kept | dict(words)


def read_secrets() -> frozenset[str]:
    """The keys that the environment holds, to strike them out of a text."""
    return frozenset(
        word.strip()
        for name, word in os.environ.items()
        if name.startswith("SHOTCHAIN_") and name.endswith("_API_KEY") and word.strip()
    )
