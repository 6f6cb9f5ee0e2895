"""Broken values of a board set aside: removed, or replaced by placeholders.

So the rest of the board is valid and can still be checked. The checks use the noted paths to leave
out problems that may only be the consequence of a placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from storyboards.known_keys import resolve_key
from storyboards.yaml_nodes import NodePath

_TEXT = "something"
_VALID_NAME = re.compile(r"[^\W\d][\w-]{0,63}")


class SetAside:
    """A board's plain data, from which broken values are removed."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.broken: set[NodePath] = set()

    def add(self, paths: Collection[NodePath]) -> None:
        """Set the values at the paths aside, and the keys that misspelt ones were meant to be."""
        for path in paths:
            meant = resolve_key(path)
            for each in {path} if self._exists(meant) else {path, meant}:
                if each and each not in self.broken:
                    self.broken.add(each)
                    self._remove(each)

    def _exists(self, path: NodePath) -> bool:
        value: Any = self.data
        for part in path:
            if not isinstance(value, dict | list):
                return False
            if part not in (value if isinstance(value, dict) else range(len(value))):
                return False
            value = value[part]  # type: ignore[index]
        return True

    def _remove(self, path: NodePath) -> None:
        match path:
            case ("",):
                self.data.setdefault("shots", [_placeholder_shot(0)])
            case ("shots",):
                self.data["shots"] = [_placeholder_shot(0)]
            case ("shots", str()):
                pass
            case ("shots", int() as index, *keys):
                if index < len(self.data["shots"]):
                    self._remove_from_shot(index, [str(key) for key in keys])
            case ("versions", int() as index, *keys):
                self._remove_from_version(index, [str(key) for key in keys])
            case ("cast" | "variables" as section, str() as name, *keys):
                self._remove_name(section, name, [str(key) for key in keys])
            case (section, key, *_) if isinstance(self.data.get(str(section)), dict):
                self.data[str(section)].pop(key, None)
            case (key, *_):
                self.data.pop(str(key), None)

    def _remove_from_shot(self, index: int, keys: list[str]) -> None:
        shots = self.data["shots"]
        if not keys or not isinstance(shots[index], dict):
            shots[index] = _placeholder_shot(index)
            return
        shot, placeholder = shots[index], _placeholder_shot(index)
        match keys[0]:
            case "":
                shots[index] = {**placeholder, **shot}
            case "id" | "prompt" as key:
                shot[key] = placeholder[key]
            case "first_frame" if index:
                shot["first_frame"] = "none"
            case key:
                shot.pop(key, None)

    def _remove_from_version(self, index: int, keys: list[str]) -> None:
        versions = self.data.get("versions")
        if not isinstance(versions, list) or index >= len(versions):
            return
        version = versions[index]
        if not keys or not isinstance(version, dict):
            versions[index] = _placeholder_version(index)
        elif keys[0] in ("", "name"):
            versions[index] = {**version, **_placeholder_version(index)}
        elif len(keys) > 1 and keys[0] in ("film", "set") and isinstance(version[keys[0]], dict):
            version[keys[0]].pop(keys[1], None)
        else:
            version.pop(keys[0], None)

    def _remove_name(self, section: str, name: str, keys: list[str]) -> None:
        entries = self.data.get(section)
        if not isinstance(entries, dict) or name not in entries:
            return
        member = entries[name]
        if not _VALID_NAME.match(name):
            del entries[name]
        elif section == "variables":
            entries[name] = _TEXT
        elif keys and keys[0] not in ("", "is") and isinstance(member, dict):
            member.pop(keys[0], None)
        else:
            kept = member if isinstance(member, dict) and keys else {}
            entries[name] = {**kept, "is": _TEXT}


def _placeholder_shot(index: int) -> dict[str, Any]:
    return {"id": f"shots-{index}-of-this-board", "prompt": _TEXT}


def _placeholder_version(index: int) -> dict[str, Any]:
    return {"name": f"versions-{index}-of-this-board"}
