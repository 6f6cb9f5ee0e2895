"""What `verify` says of a store, as text and as JSON; it puts damaged files aside where asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.store.layout import Store
from tasks.store.temp_files import format_bytes
from tasks.store.verify import StoreProblem, VerifyResult, quarantine, verify_store


def verify_command(store: Store, *, repair: bool) -> tuple[dict[str, Any], str, int]:
    """Read a store again; the document, the text and the exit code that tell what was found."""
    found = verify_store(store)
    aside = {one.path: quarantine(one) for one in found.problems if one.is_movable and repair}
    code = 1 if found.problems else 0
    return _document(store, found, aside), _text(store, found, aside), code


def _text(store: Store, found: VerifyResult, aside: dict[Path, Path]) -> str:
    lines = [_damage_line(one, aside) for one in found.problems]
    for one in found.unknown_files:
        place = (
            one.path.relative_to(store.root) if one.path.is_relative_to(store.root) else one.path
        )
        lines.append(f"{place}: {one.reason} ({format_bytes(one.size_bytes)})")
    count = len(found.problems)
    verdict = f"{count} damaged" if count else "all is as it was kept"
    lines.append(
        f"{store.root}: {found.file_count} files, {format_bytes(found.byte_count)}; {verdict}"
    )
    return "\n".join(lines)


def _damage_line(damage: StoreProblem, aside: dict[Path, Path]) -> str:
    whose = " ".join(filter(None, (damage.key[:10], damage.owner)))
    remedy = damage.remedy
    if damage.path in aside:
        remedy = f"put aside as {aside[damage.path].name}; {remedy.rpartition('; then ')[2]}"
    return f"damaged: {whose or damage.path.name}: {damage.message}; {remedy}"


def _document(store: Store, found: VerifyResult, aside: dict[Path, Path]) -> dict[str, Any]:
    return {
        "store": str(store.root),
        "files": found.file_count,
        "bytes": found.byte_count,
        "damaged": [
            {
                "path": str(one.path),
                "key": one.key or None,
                "board": one.attempt.board if one.attempt else None,
                "shot": one.attempt.shot if one.attempt else None,
                "what": one.message,
                "remedy": one.remedy,
                "aside": str(aside[one.path]) if one.path in aside else None,
            }
            for one in found.problems
        ],
        "strays": [
            {"path": str(one.path), "why": one.reason, "bytes": one.size_bytes}
            for one in found.unknown_files
        ],
    }
