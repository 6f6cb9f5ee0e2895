"""Find the user's `shotchain.toml` and the one beside a board, and load them."""

from __future__ import annotations

from pathlib import Path

from tasks.config.config import Config
from tasks.errors import NotConfigured
from tasks.settings import Settings

CONFIG_FILE_NAME = "shotchain.toml"


def load_config(
    settings: Settings, folder: Path | None = None, *, display_name: str = "", trust: bool = False
) -> Config:
    """Load the configuration of a board.

    Args:
        settings: The settings, which give the path of the user's own file.
        folder: The board's folder; without it only the user's own file counts.
        display_name: The board's file as the user named it, for messages.
        trust: True if the file beside the board may define providers and prices.

    Raises:
        InvalidConfiguration: With every problem of both files.
        NotConfigured: If the user's own file can't be read.
    """
    user_file = settings.config_path
    if user_file is not None and not settings.is_config_required and not _exists(user_file):
        user_file = None
    board_file = folder / CONFIG_FILE_NAME if folder else None
    if board_file is not None and not _exists(board_file):
        board_file = None
    if user_file is None and board_file is None:
        return Config()
    # Builds models for every section, which most boards do not need: they have no such file.
    from tasks.config.merge import merge_files

    shown = str(Path(display_name).parent / CONFIG_FILE_NAME) if display_name else str(board_file)
    return merge_files(
        user_file,
        board_file,
        display_name=shown,
        user_config_path=settings.config_path,
        trust=trust,
    )


def _exists(path: Path) -> bool:
    """Return whether there is a file, or a symbolic link, even a broken one."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        # An unreadable file may contain budgets; to run without them could cost money.
        msg = f"{path} can't be accessed: {error.strerror}; set SHOTCHAIN_CONFIG to a file"
        raise NotConfigured(msg) from None
    return True
