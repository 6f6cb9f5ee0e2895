"""Settings from the environment: API keys, base URLs, folders and time limits.

The only module that reads or writes environment variables. Keys are held as secrets, so that no
repr, log or error shows a key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import NotConfigured
from tasks.own_files import is_own_folder
from tasks.proxies import exclude_loopback, find_unusable_proxies, is_proxy_variable

if TYPE_CHECKING:
    from pydantic import SecretStr


STORE_FOLDER_NAME = ".shotchain"


def variable_name(provider: str, suffix: str) -> str:
    """Return a provider's environment variable, such as `SHOTCHAIN_COMETAPI_VOLC_API_KEY`."""
    return f"SHOTCHAIN_{provider.upper().replace('-', '_')}_{suffix}"


@dataclass(frozen=True)
class Settings:
    """The values of the environment variables, read once."""

    store_path: Path | None = None
    """`SHOTCHAIN_STORE`."""
    poll_seconds: float | None = None
    """`SHOTCHAIN_POLL_SECONDS`: the longest wait between two queries of a job."""
    simulator_job_seconds: float | None = None
    """`SHOTCHAIN_SIMULATOR_JOB_SECONDS`; if None, a job takes as long as its drawing."""
    ffmpeg: str | None = None
    """`FFMPEG`."""
    prefect_api_url: str | None = None
    """`PREFECT_API_URL`: a Prefect server that runs already."""
    certificate_file: Path | None = None
    """`SSL_CERT_FILE`, which Prefect and the vendors' clients load."""
    unusable_proxies: Mapping[str, str] = field(default_factory=dict)
    """Why each proxy that cannot be used is unusable, by the name of its variable."""
    is_deployed: bool = False
    """True if a Prefect worker runs this process for a deployment."""
    config_path: Path | None = None
    """The user's own `shotchain.toml`, which may not exist; None without a home folder."""
    is_config_required: bool = False
    """True if `SHOTCHAIN_CONFIG` names the file: then it must exist."""
    state_path: Path | None = None
    """The user's folder for state, which may not exist; None without a home folder."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """All `SHOTCHAIN_` variables that are not empty."""

    def api_key(self, variable: str) -> SecretStr | None:
        """Return the key in the named variable, or None if it is not set."""
        # pydantic takes longer to import than `check` may take to answer.
        from pydantic import SecretStr

        key = self.variables.get(variable, "").strip()
        return SecretStr(key) if key else None

    def with_api_key(self, variable: str, key: str) -> Settings:
        """Return these settings with `key` as if the environment variable held it."""
        return replace(self, variables={**self.variables, variable: key})

    def secrets(self) -> frozenset[str]:
        """Return all keys, for redaction."""
        return _keys_in(self.variables)

    def base_url(self, provider: str, default: str) -> str:
        """Return the base URL from the environment, else `default`, without a trailing slash."""
        return (
            self.variables.get(variable_name(provider, "BASE_URL"), "").strip() or default
        ).rstrip("/")


def read_settings(
    environ: Mapping[str, str] | None = None, *, working_folder: Path | None = None
) -> Settings:
    """Read the settings of this process.

    Args:
        environ: The environment variables; those of this process if None.
        working_folder: Folder that a relative `SHOTCHAIN_CONFIG` starts from; the working
            directory of the process if None.

    Raises:
        NotConfigured: A variable has an invalid value.
    """
    environ = os.environ if environ is None else environ
    store = environ.get("SHOTCHAIN_STORE", "").strip()
    certificate_file = environ.get("SSL_CERT_FILE")
    return Settings(
        store_path=Path(store) if store else None,
        poll_seconds=_seconds(environ, "SHOTCHAIN_POLL_SECONDS"),
        simulator_job_seconds=_seconds(environ, "SHOTCHAIN_SIMULATOR_JOB_SECONDS"),
        ffmpeg=environ.get("FFMPEG") or None,
        prefect_api_url=environ.get("PREFECT_API_URL") or None,
        certificate_file=Path(certificate_file) if certificate_file else None,
        unusable_proxies=find_unusable_proxies(environ),
        is_deployed=bool(environ.get("PREFECT__FLOW_RUN_ID")),
        config_path=_find_config_path(environ, working_folder),
        is_config_required=bool(environ.get("SHOTCHAIN_CONFIG", "").strip()),
        state_path=_find_user_folder(environ, "XDG_STATE_HOME", ".local/state"),
        variables={
            name: value
            for name, value in environ.items()
            if name.startswith("SHOTCHAIN_") and value
        },
    )


class TerminalSettings(NamedTuple):
    """The environment variables that describe the terminal and its colours."""

    columns: int | None
    """`COLUMNS`; None if it is not a number of at least 1."""
    term: str
    """`TERM`."""
    no_color: bool
    """True if `NO_COLOR` is set, whatever its value: see https://no-color.org."""
    force_color: bool
    """True if `FORCE_COLOR` is set to something else than 0."""


def read_terminal_settings(environ: Mapping[str, str] | None = None) -> TerminalSettings:
    """Read the variables of the terminal from `environ`, or from this process if it is None."""
    environ = os.environ if environ is None else environ
    columns = environ.get("COLUMNS", "")
    is_number = columns.isascii() and columns.isdigit() and int(columns) > 0
    return TerminalSettings(
        columns=int(columns) if is_number else None,
        term=environ.get("TERM", ""),
        no_color=bool(environ.get("NO_COLOR")),
        force_color=environ.get("FORCE_COLOR", "0") not in ("", "0"),
    )


class Desktop(NamedTuple):
    """The parts of the environment that decide if a file can be shown to the user."""

    has_display: bool
    """True if a program can open a window on Linux: X11 or Wayland."""
    is_remote: bool
    """True if the terminal is on another machine, over SSH."""
    is_automated: bool
    """True if a CI service runs this process."""
    is_wsl: bool
    """True on Linux inside Windows."""


def read_desktop(environ: Mapping[str, str] | None = None) -> Desktop:
    """Read the variables of the desktop from `environ`, or from this process if it is None."""
    environ = os.environ if environ is None else environ
    return Desktop(
        has_display=bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")),
        is_remote=bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY")),
        is_automated=environ.get("CI", "").lower() not in ("", "0", "false"),
        is_wsl=bool(environ.get("WSL_DISTRO_NAME")),
    )


def viewer_environment() -> dict[str, str]:
    """Return this process's environment without our variables: a viewer needs no API keys."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SHOTCHAIN_")}


def _find_config_path(environ: Mapping[str, str], working_folder: Path | None) -> Path | None:
    named = environ.get("SHOTCHAIN_CONFIG", "").strip()
    if named:
        return (working_folder or Path()) / named
    folder = _find_user_folder(environ, "XDG_CONFIG_HOME", ".config")
    return folder / "shotchain.toml" if folder else None


def _find_user_folder(environ: Mapping[str, str], variable: str, default: str) -> Path | None:
    """Return our folder of the XDG base directory specification, or None without a home folder."""
    # The specification requires that a relative path in the variable is ignored.
    for folder in (environ.get(variable, ""), f"{environ.get('HOME', '')}/{default}"):
        if Path(folder).is_absolute() and folder != f"/{default}":
            return Path(folder) / "shotchain"
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
        msg = f"{name} is {text!r}, not a number of seconds; set it to a number such as 2.5"
        raise NotConfigured(msg)
    return seconds


def find_store(
    settings: Settings, explicit_path: Path | None, board_path: Path | None, *, working_folder: Path
) -> Path:
    """Return the folder of the store, without creating it.

    The first that applies: `explicit_path`; `SHOTCHAIN_STORE`; the nearest `.shotchain` in the
    board's folder or above it; a new `.shotchain` in the working folder if the board is in or
    below it, else next to the board. Without a board the working folder counts as the board's.

    Only a folder that the user named may be reached through a link, or belong to another user.

    Raises:
        UnsafeStore: The nearest `.shotchain` is not a real folder of this user.
    """
    if explicit_path or settings.store_path:
        return (working_folder / (explicit_path or settings.store_path or "")).resolve()
    folder = board_path.resolve().parent if board_path else working_folder.resolve()
    for above in (folder, *folder.parents):
        if is_own_folder(above / STORE_FOLDER_NAME):
            return above / STORE_FOLDER_NAME
    inside = folder.is_relative_to(working_folder.resolve())
    return (working_folder.resolve() if inside else folder) / STORE_FOLDER_NAME


def set_environment(variables: Mapping[str, str]) -> None:
    """Set the variables that this process lacks: Prefect reads its own at import."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def replace_prefect_settings(variables: Mapping[str, str]) -> None:
    """Remove every setting of Prefect from this process, and set `variables`."""
    for name in [name for name in os.environ if _is_prefect_setting(name)]:
        del os.environ[name]
    os.environ.update(variables)


def _is_prefect_setting(name: str) -> bool:
    # Prefect reads its settings in any case.
    return name.upper().startswith("PREFECT_")


def exclude_loopback_from_proxies(*, drop_unusable: bool) -> None:
    """Let no library of this process use a proxy of the environment for this machine.

    Args:
        drop_unusable: Remove proxies that httpx cannot use: it fails even if no request needs one.
    """
    if drop_unusable:
        for name in find_unusable_proxies(os.environ):
            del os.environ[name]
    os.environ.update(exclude_loopback(os.environ))


def child_environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment for the local Prefect server, with `overrides`.

    Our keys, the proxies, and all settings of Prefect are left out: they are meant for others.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not (
            name.startswith("SHOTCHAIN_") or _is_prefect_setting(name) or is_proxy_variable(name)
        )
    }
    return inherited | dict(overrides)


_PUBLIC_VARIABLES = ("SHOTCHAIN_STORE", "SHOTCHAIN_CONFIG")
_PUBLIC_SUFFIXES = ("_BASE_URL", "_SECONDS")
_MIN_KEY_LENGTH = 6
"""Of a variable that may not hold a key: redacting every `1` would remove all line numbers."""


def read_secrets() -> frozenset[str]:
    """Return the keys in the environment, for redaction.

    A configuration may name any `SHOTCHAIN_` variable as a key, so every variable counts that is
    not known to be public.
    """
    return _keys_in(os.environ)


def _keys_in(variables: Mapping[str, str]) -> frozenset[str]:
    return frozenset(
        value.strip()
        for name, value in variables.items()
        if name.startswith("SHOTCHAIN_")
        and not (name in _PUBLIC_VARIABLES or name.endswith(_PUBLIC_SUFFIXES))
        and len(value.strip()) >= (1 if name.endswith("_API_KEY") else _MIN_KEY_LENGTH)
    )
