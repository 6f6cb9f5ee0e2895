"""What `verify` says of a store, as text and as JSON; it puts damaged files aside where asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.housekeeping.inspection import Damage, Inspection, inspect, put_aside
from tasks.housekeeping.leftovers import show_bytes
from tasks.store import Store


def verify(store: Store, *, repair: bool) -> tuple[dict[str, Any], str, int]:
    """Read a store again; the document, the text and the exit code that tell what was found."""
    found = inspect(store)
    aside = {one.path: put_aside(one) for one in found.damages if one.movable and repair}
    code = 1 if found.damages else 0
    return _document(store, found, aside), _text(store, found, aside), code


def _text(store: Store, found: Inspection, aside: dict[Path, Path]) -> str:
    lines = [_damage_line(one, aside) for one in found.damages]
    for one in found.strays:
        place = (
            one.path.relative_to(store.root) if one.path.is_relative_to(store.root) else one.path
        )
        lines.append(f"{place}: {one.why} ({show_bytes(one.bytes)})")
    count = len(found.damages)
    verdict = f"{count} damaged" if count else "all is as it was kept"
    lines.append(f"{store.root}: {found.files} files, {show_bytes(found.bytes)}; {verdict}")
    return "\n".join(lines)


def _damage_line(damage: Damage, aside: dict[Path, Path]) -> str:
    whose = " ".join(filter(None, (damage.key[:10], damage.whose)))
    remedy = damage.remedy
    if damage.path in aside:
        remedy = f"put aside as {aside[damage.path].name}; {remedy.rpartition('; then ')[2]}"
    return f"damaged: {whose or damage.path.name}: {damage.what}; {remedy}"


def _document(store: Store, found: Inspection, aside: dict[Path, Path]) -> dict[str, Any]:
    return {
        "store": str(store.root),
        "files": found.files,
        "bytes": found.bytes,
        "damaged": [
            {
                "path": str(one.path),
                "key": one.key or None,
                "board": one.attempt.board if one.attempt else None,
                "shot": one.attempt.shot if one.attempt else None,
                "what": one.what,
                "remedy": one.remedy,
                "aside": str(aside[one.path]) if one.path in aside else None,
            }
            for one in found.damages
        ],
        "strays": [
            {"path": str(one.path), "why": one.why, "bytes": one.bytes} for one in found.strays
        ],
    }
