"""Search order of `shotchain.toml`, and files that can't be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.config.config import Config
from tasks.config.loader import load_config
from tasks.errors import InvalidConfiguration, NotConfigured
from tasks.providers import PROVIDERS
from tasks.settings import read_secrets, read_settings
from tests.support.configuration import GATEWAY


def test_load_without_files_returns_defaults(configure) -> None:
    """The built-in providers and no limits."""
    assert configure() == Config()
    assert configure().providers is PROVIDERS


@pytest.mark.parametrize(
    ("env", "path"),
    [
        ({}, "/home/a/.config/shotchain/shotchain.toml"),
        ({"XDG_CONFIG_HOME": "/etc/x"}, "/etc/x/shotchain/shotchain.toml"),
        ({"XDG_CONFIG_HOME": "x"}, "/home/a/.config/shotchain/shotchain.toml"),
        ({"XDG_CONFIG_HOME": "/etc/x", "SHOTCHAIN_CONFIG": "mine.toml"}, "mine.toml"),
    ],
)
def test_config_path_order(env: dict[str, str], path: str) -> None:
    """SHOTCHAIN_CONFIG, then an absolute XDG_CONFIG_HOME, then the home folder."""
    assert str(read_settings({"HOME": "/home/a", **env}).config_path) == path


def test_config_path_without_home_is_none() -> None:
    """A service account may have no home folder."""
    assert read_settings({}).config_path is None


def test_load_requires_a_file_that_is_named(tmp_path: Path) -> None:
    """Its budgets would be missed; the file in the home folder is optional."""
    missing = tmp_path / "nowhere" / "shotchain.toml"
    with pytest.raises(NotConfigured, match="nowhere"):
        load_config(read_settings({"SHOTCHAIN_CONFIG": str(missing)}))

    settings = read_settings({"XDG_CONFIG_HOME": str(tmp_path / "nowhere")})
    assert load_config(settings) == Config()


def test_load_follows_no_link_out_of_the_folder(tmp_path: Path) -> None:
    """A board from a stranger must not show the content of other files."""
    outside = tmp_path / "outside.toml"
    outside.write_text("secret-word")
    board_file = tmp_path / "project" / "shotchain.toml"
    board_file.parent.mkdir()
    board_file.symlink_to(outside)

    with pytest.raises(InvalidConfiguration, match="link out of the board's folder") as raised:
        load_config(read_settings({}), board_file.parent)
    assert "secret-word" not in str(raised.value)


def test_load_rejects_a_broken_link_and_a_folder(tmp_path: Path) -> None:
    """A file that exists and can't be read is never ignored."""
    board_file = tmp_path / "shotchain.toml"
    board_file.symlink_to(tmp_path / "nowhere.toml")
    with pytest.raises(NotConfigured, match="can't be read"):
        load_config(read_settings({}), tmp_path)

    board_file.unlink()
    board_file.mkdir()
    with pytest.raises(InvalidConfiguration, match="not a regular file"):
        load_config(read_settings({}), tmp_path)


def test_user_file_beside_a_board_is_trusted(tmp_path: Path) -> None:
    """It is read once, as the user's own."""
    user_file = tmp_path / "shotchain.toml"
    user_file.write_text(GATEWAY + '[budgets.a]\nmonth = "5 USD"\n')
    config = load_config(read_settings({"SHOTCHAIN_CONFIG": str(user_file)}), tmp_path)

    assert "my-gateway" in config.providers
    assert len(config.budgets) == 1


def test_secrets_include_configured_key_variables(monkeypatch) -> None:
    """Every variable that a configuration may name as a key is redacted in logs."""
    monkeypatch.setenv("SHOTCHAIN_STUDIO_KEY", "studio-secret")
    monkeypatch.setenv("SHOTCHAIN_STORE", "/var/store")
    monkeypatch.setenv("SHOTCHAIN_ARK_BASE_URL", "http://127.0.0.1:1/v3")

    assert read_secrets() == {"studio-secret"}
