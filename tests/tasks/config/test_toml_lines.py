"""Lines of keys in a TOML file, and files that are not valid TOML."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config.toml_lines import TomlKeys, find_lines, read_config_file
from tasks.errors import InvalidConfiguration


@given(
    keys=st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(["1", '"a = 1"', "[1,\n 2,\n]", "{x = 1}"])),
        max_size=12,
    )
)
def test_find_lines_returns_the_line_of_each_key(keys: list[tuple[int, str]]) -> None:
    """Also after values of several lines, comments and empty lines."""
    lines = ["[table]"]
    expected: dict[TomlKeys, int] = {("table",): 1}
    for index, (blanks, value) in enumerate(keys):
        lines += ["# x = [" if blank % 2 else "" for blank in range(blanks)]
        expected["table", f"k{index}"] = len(lines) + 1
        lines += f"k{index} = {value}".split("\n")

    result = find_lines("\n".join(lines))

    assert {path: line for path, line in result.items() if path[-1] != "x"} == expected


@pytest.mark.parametrize("text", ["x = " + "[" * 50_000, "x = " + "1" * 9_000, "\0", "[a]\n[a]"])
def test_invalid_toml_is_one_problem(config_problems, text: str) -> None:
    """However deep, long or binary the file is."""
    (problem,) = config_problems(text)

    assert "the file is not valid TOML" in problem or "nested too deep" in problem


def test_large_file_is_not_read_to_its_end(config_problems) -> None:
    """A board's folder may contain any file."""
    assert config_problems(None, "# " + "x" * 300_000) == ["0: : the file is larger than 256 kB"]


def test_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    """Some editors write both."""
    path = tmp_path / "own.toml"
    path.write_bytes(b'\xef\xbb\xbf[budgets.a]\r\nmonth = "5 USD"\r\n')

    file = read_config_file(path, display_name="own.toml")

    assert file.data == {"budgets": {"a": {"month": "5 USD"}}}


def test_invalid_utf8_is_reported_at_its_line(tmp_path: Path) -> None:
    """The message names the line of the first wrong byte."""
    path = tmp_path / "own.toml"
    path.write_bytes(b"[budgets.a]\nmonth = '5 USD'\n# \xff")

    with pytest.raises(InvalidConfiguration, match=r"own\.toml:3: the file is not valid UTF-8"):
        read_config_file(path, display_name="own.toml")
