"""The versions of a plan as a table: what each renders, shares and costs, and its seams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flows.cli.output.style import align_columns, cell_width, count_noun, paint, truncate, wrap
from flows.run import Run
from flows.version_costs import FilmCost, Seam, list_film_costs
from storyboards.terminal_text import escape_control_chars
from tasks.budgets.money import format_max_price

_COLUMNS = ("version", "shape", "size", "length", "own", "shared", "price")
_RIGHT = (3, 4, 5, 6)
_LEFT_OUT_FIRST = ("size", "shape", "length")
"""The columns that a narrow terminal does not show."""
_MIN_NAME_WIDTH = 16
_MAX_LISTED = 40
"""Versions of a plan that are listed without `--wide`."""
_NOTHING = "–"


def format_versions(run: Run, width: int, *, is_wide: bool) -> list[str]:
    """Return the lines about the versions of a board; none if it has no versions.

    Args:
        run: The run.
        width: Columns of a line.
        is_wide: True for every version with its full name.
    """
    if not run.plan.versions:
        return []
    costs = list_film_costs(run)
    shown = costs if is_wide else costs[: _MAX_LISTED + 1]
    lines = ["", *_format_table(shown, width, is_wide=is_wide)]
    if len(costs) > len(shown):
        more = count_noun(len(costs) - len(shown), "version")
        lines.append(f"{more} more; --wide lists all")
    lines += wrap(_explain(run), width, indent="  ")
    for sentence in _describe_seams(shown):
        lines += wrap(sentence, width, indent="  ")
    return lines


def _format_table(costs: Sequence[FilmCost], width: int, *, is_wide: bool) -> list[str]:
    """Return the table; a narrow terminal shows fewer columns."""
    columns = [_COLUMNS, *map(_cells, costs)]
    left_out: list[str] = []
    while True:
        shown = [index for index, name in enumerate(_COLUMNS) if name not in left_out]
        table = [[cells[index] for index in shown] for cells in columns]
        others = range(1, len(shown))
        used = sum(max(cell_width(cells[index]) for cells in table) + 2 for index in others)
        remaining = [name for name in _LEFT_OUT_FIRST if name not in left_out]
        if is_wide or width - used >= _MIN_NAME_WIDTH or not remaining:
            break
        left_out.append(remaining[0])
    if not is_wide:
        table = [[truncate(name, max(width - used, 1)), *cells] for name, *cells in table]
    right = [number for number, index in enumerate(shown) if index in _RIGHT]
    header, *lines = align_columns(table, right=right)
    return [paint(header, "bold"), *lines]


def _cells(cost: FilmCost) -> tuple[str, ...]:
    own, shared = len(cost.own), len(cost.shared)
    name = cost.name if cost.version else f"{cost.name} (the film)"
    return (
        escape_control_chars(name),
        _describe_shape(cost),
        "x".join(map(str, cost.size)) if cost.size[0] else "any",
        "auto" if cost.seconds is None else f"{cost.seconds:.2f} s",
        str(own) if own else _NOTHING,
        str(shared) if shared else _NOTHING,
        format_max_price(cost.price) if cost.is_selected else "not made",
    )


def _describe_shape(cost: FilmCost) -> str:
    if cost.version is None or cost.version.written.ratio is None:
        return _NOTHING
    written = cost.version.written
    return f"{written.ratio} {written.fit}"


def _explain(run: Run) -> str:
    """Return what the columns mean together: the sum that is paid, each shot once."""
    count = count_noun(len(run.versions), "version")
    return (
        f"price: of one film alone; own: shots to render that no other film needs. The film and "
        f"{count} cost {format_max_price(run.max_cost)} together: shared shots are rendered once"
    )


def _describe_seams(costs: Sequence[FilmCost]) -> Iterator[str]:
    """Yield the seams of the versions with other shots than the film, equal ones once."""
    film, *versions = costs
    names: dict[tuple[Seam, ...], list[str]] = {}
    for cost in versions:
        if (seams := cost.seams) != film.seams:
            names.setdefault(seams, []).append(cost.name)
    for seams, owners in names.items():
        more = f" and {len(owners) - 1} more" if len(owners) > 1 else ""
        yield escape_control_chars(f"seams of {owners[0]}{more}: {_format_seams(seams)}")


def _format_seams(seams: Sequence[Seam]) -> str:
    """Return such as `a > b | c (starts on x, which is left out)`; > is chained and | a cut."""
    if not seams:
        return "none"
    text = seams[0].before
    for seam in seams:
        text += f" {'>' if seam.is_chained else '|'} {seam.after}"
        if seam.left_out:
            text += f" (keeps its first frame, of {seam.left_out})"
    return f"{text} (> is chained, | is not)"
