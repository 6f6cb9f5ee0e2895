"""Find the user's `shotchain.toml` and the one next to a board, and load them.

The modules that parse and merge are imported only if a file exists, to keep start-up fast."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.config.config import Config
from tasks.errors import NotConfigured

if TYPE_CHECKING:
    from tasks.settings import Settings


CONFIG_FILE_NAME = "shotchain.toml"


def load_config(
    settings: Settings, folder: Path | None = None, *, display_name: str = "", trust: bool = False
) -> Config:
    """The configuration for a board in `folder`, which the user named `shown_as`.

    `trust` lets the file beside the board name providers and prices. Without a folder only the
    user's own file counts. Raises InvalidConfiguration with every problem of both files, and
    NotConfigured where the user's own can't be read.
    """
    own = settings.config_path
    if own is not None and not settings.is_config_required and not _exists(own):
        own = None
    beside = folder / CONFIG_FILE_NAME if folder else None
    if beside is not None and not _exists(beside):
        beside = None
    if own is None and beside is None:
        return Config()
    from tasks.config.merge import merge_files

    shown = str(Path(display_name).parent / CONFIG_FILE_NAME) if display_name else str(beside)
    return merge_files(
        own, beside, display_name=shown, user_config_path=settings.config_path, trust=trust
    )


def _exists(path: Path) -> bool:
    """Whether there is a file, or a link that may lead nowhere."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        # Walls that can't be seen may be there, and running past them could cost money.
        msg = f"{path} can't be looked for: {error.strerror}; set SHOTCHAIN_CONFIG to a file"
        raise NotConfigured(msg) from None
    return True
