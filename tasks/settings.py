"""Settings from the environment: API keys, base URLs, folders and time limits.

The only module that reads or writes environment variables. Keys are held as secrets, so no repr, log or error shows one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import NotConfigured

if TYPE_CHECKING:
    from pydantic import SecretStr


STORE_FOLDER_NAME = ".shotchain"


def variable_name(provider: str, suffix: str) -> str:
    """The environment variable of a provider: `SHOTCHAIN_COMETAPI_VOLC_API_KEY`."""
    return f"SHOTCHAIN_{provider.upper().replace('-', '_')}_{suffix}"


@dataclass(frozen=True)
class Settings:
    """What the environment says, read once."""

    store_path: Path | None = None
    """`SHOTCHAIN_STORE`."""
    poll_seconds: float | None = None
    """`SHOTCHAIN_POLL_SECONDS`: the longest wait between two asks."""
    simulator_job_seconds: float | None = None
    """`SHOTCHAIN_SIMULATOR_JOB_SECONDS`; None is as long as the picture needs."""
    ffmpeg: str | None = None
    """`FFMPEG`."""
    prefect_api_url: str | None = None
    """`PREFECT_API_URL`: a Prefect server that is there already."""
    is_deployed: bool = False
    """Whether a Prefect worker runs us, for a deployment."""
    config_path: Path | None = None
    """The user's own `shotchain.toml`, whether or not it is there; None without a home folder."""
    is_config_required: bool = False
    """Whether `SHOTCHAIN_CONFIG` names it: then it has to be there."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Every `SHOTCHAIN_` variable that is not empty."""

    def api_key(self, variable: str) -> SecretStr | None:
        """The key in the variable of that name, or None where it is not set."""
        from pydantic import SecretStr

        word = self.variables.get(variable, "").strip()
        return SecretStr(word) if word else None

    def with_api_key(self, variable: str, key: str) -> Settings:
        """These settings with a key that came from elsewhere, as if that variable held it."""
        return replace(self, variables={**self.variables, variable: key})

    def secrets(self) -> frozenset[str]:
        """Every key, to strike it out of a text."""
        return _keys_in(self.variables)

    def base_url(self, provider: str, default: str) -> str:
        """The provider's base URL: the environment's, else the given one; no trailing slash."""
        return (
            self.variables.get(variable_name(provider, "BASE_URL"), "").strip() or default
        ).rstrip("/")


def read_settings(
    environ: Mapping[str, str] | None = None, *, working_folder: Path | None = None
) -> Settings:
    """The settings of this process. Raises NotConfigured where a variable can't be understood."""
    said = os.environ if environ is None else environ
    store = said.get("SHOTCHAIN_STORE", "").strip()
    return Settings(
        store_path=Path(store) if store else None,
        poll_seconds=_seconds(said, "SHOTCHAIN_POLL_SECONDS"),
        simulator_job_seconds=_seconds(said, "SHOTCHAIN_SIMULATOR_JOB_SECONDS"),
        ffmpeg=said.get("FFMPEG") or None,
        prefect_api_url=said.get("PREFECT_API_URL") or None,
        is_deployed=bool(said.get("PREFECT__FLOW_RUN_ID")),
        config_path=_find_config_path(said, working_folder),
        is_config_required=bool(said.get("SHOTCHAIN_CONFIG", "").strip()),
        variables={
            name: word for name, word in said.items() if name.startswith("SHOTCHAIN_") and word
        },
    )


def _find_config_path(environ: Mapping[str, str], working_folder: Path | None) -> Path | None:
    named = environ.get("SHOTCHAIN_CONFIG", "").strip()
    if named:
        return (working_folder or Path()) / named
    # A relative XDG_CONFIG_HOME is to be ignored, says the XDG base directory specification.
    for folder in (environ.get("XDG_CONFIG_HOME", ""), f"{environ.get('HOME', '')}/.config"):
        if Path(folder).is_absolute() and folder != "/.config":
            return Path(folder) / "shotchain" / "shotchain.toml"
    return None


def _seconds(environ: Mapping[str, str], name: str) -> float | None:
    text = environ.get(name, "").strip()
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
    settings: Settings, explicit_path: Path | None, board_path: Path | None, *, working_folder: Path
) -> Path:
    """The store's folder: as given, as set, the nearest one above the board, else a new one.

    A new one lies in the working directory where the board lies in or below it, else beside the
    board. Without a board it is as for one in the working directory. Nothing is made here.
    """
    if explicit_path or settings.store_path:
        return (working_folder / (explicit_path or settings.store_path or "")).resolve()
    folder = board_path.resolve().parent if board_path else working_folder.resolve()
    for above in (folder, *folder.parents):
        if (above / STORE_FOLDER_NAME).is_dir():
            return above / STORE_FOLDER_NAME
    inside = folder.is_relative_to(working_folder.resolve())
    return (working_folder.resolve() if inside else folder) / STORE_FOLDER_NAME


def set_environment(variables: Mapping[str, str]) -> None:
    """Set variables for this process where they are not set: Prefect reads its own at import."""
    for name, word in variables.items():
        os.environ.setdefault(name, word)


def child_environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """This process's environment for a child, without our keys, with the given words on top."""
    kept = {name: word for name, word in os.environ.items() if not name.startswith("SHOTCHAIN_")}
    return kept | dict(overrides)


_PUBLIC_VARIABLES = ("SHOTCHAIN_STORE", "SHOTCHAIN_CONFIG")
_PUBLIC_SUFFIXES = ("_BASE_URL", "_SECONDS")
_MIN_KEY_LENGTH = 6
"""Under a name that may be anything; a log without any `1` would tell no line numbers."""


def read_secrets() -> frozenset[str]:
    """The keys that the environment holds, to strike them out of a text.

    A configuration may name any variable of ours as a key, so all that is not surely open counts.
    """
    return _keys_in(os.environ)


def _keys_in(variables: Mapping[str, str]) -> frozenset[str]:
    return frozenset(
        word.strip()
        for name, word in variables.items()
        if name.startswith("SHOTCHAIN_")
        and not (name in _PUBLIC_VARIABLES or name.endswith(_PUBLIC_SUFFIXES))
        and len(word.strip()) >= (1 if name.endswith("_API_KEY") else _MIN_KEY_LENGTH)
    )
