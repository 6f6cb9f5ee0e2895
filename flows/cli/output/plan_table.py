"""The table of a plan: a line per shot with its chain, state and price, and the total."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from typing import NamedTuple

from flows.cli.output.style import align_columns, cell_width, paint, paint_state, truncate, wrap
from flows.run import Run
from storyboards.models import Money
from storyboards.terminal_text import escape_control_chars
from tasks.budgets.money import ZERO, format_price
from tasks.plan import WHOLE_CLIP, ExistingClip, PlannedShot, ShotToRender, UsedRange
from tasks.planning.selects import format_range
from tasks.store.status import ShotState

KEY_LENGTH = 10
"""Characters of a key that are printed; enough to find its folder in the store."""

_SETTINGS = ("provider", "model", "size")
"""The columns that are left out if all shots have the same cell."""
_WIDE_COLUMNS = ("tokens", "key", "chain")
_RIGHT_COLUMNS = frozenset({"length", "rate", "price", "tokens"})
_MARGIN = "  "
"""The space before the table, in which the chains are drawn."""
_MIN_ID_WIDTH = 12
"""If ids have less space than this, the settings of a shot move below its line."""
_MAX_SETTING_WIDTH = 16
"""Columns of a provider or a model: a configuration gives them any name."""
_MAX_SHARED_REASON = 40
_NOTHING = "–"

Cells = Mapping[str, str]
"""The cells of a line by the name of their column."""


class _PriceFormat(NamedTuple):
    """The format of all prices of a table: in one currency without its name."""

    currency: str
    """Empty if there are several, or none."""
    decimals: int

    def format(self, price: Money | None) -> str:
        if price is None or not price.amount:
            return format_price(price)
        amount = f"{price.amount:.{self.decimals}f}"
        return amount if self.currency else f"{amount} {price.currency}"

    def format_sum(self, currency: str, amount: Decimal) -> str:
        """Format a sum, rounded up like the sum that the user is asked for."""
        step = Decimal(1).scaleb(-self.decimals)
        return self.format(Money(amount=amount.quantize(step, ROUND_CEILING), currency=currency))


def find_shared_reasons(run: Run) -> dict[ShotState, str]:
    """Return the reason of each state in which two shots or more are, all for this short reason."""
    reasons: dict[ShotState, list[str]] = {}
    for shot in run.shots:
        status = run.status[shot.id]
        reasons.setdefault(status.state, []).append(status.reason)
    return {
        state: texts[0]
        for state, texts in reasons.items()
        if len(texts) > 1 and len(set(texts)) == 1 and len(texts[0]) <= _MAX_SHARED_REASON
    }


def format_seconds(seconds: float) -> str:
    """Format a duration with at most two decimals: `4 s`, `12.04 s`."""
    return f"{round(seconds, 2):g} s"


class PlanTable:
    """The table of the shots of a plan, laid out for a width.

    Args:
        run: The run.
        shots: The shots that are listed, in the order of the film.
        width: Columns of a line.
        is_wide: True for every column, in full, at any width.
    """

    def __init__(
        self, run: Run, shots: Sequence[PlannedShot], width: int, *, is_wide: bool
    ) -> None:
        self._run, self._shots, self._width, self._is_wide = run, shots, width, is_wide
        settings = [_setting_cells(shot) for shot in shots if isinstance(shot, ShotToRender)]
        self._values = {name: Counter(cells[name] for cells in settings) for name in _SETTINGS}
        self._price_format = self._choose_price_format()
        self._cells = list(map(self._shot_cells, shots))
        self._totals = self._total_cells()
        self._columns = self._choose_columns()
        self._id_width = width if is_wide else self._id_space(self._columns)

    @property
    def settings(self) -> list[str]:
        """The settings that all shots share, and the usual ones of those without a column."""
        usual = [
            (name, values.most_common(1)[0][0])
            for name, values in self._values.items()
            if values and (len(values) == 1 or name not in self._columns)
        ]
        is_noted = any(len(self._values[name]) > 1 for name, _ in usual)
        return [*(value for _, value in usual), "24 fps", *(["unless noted"] if is_noted else [])]

    def format(self) -> list[str]:
        """Return the lines of the table, none of them wider than the width unless it is wide."""
        unit = self._price_format.currency
        headings = {"rate": f"{unit}/s" if unit else "per s", "price": unit or "price"}
        table = [
            [paint(headings.get(name, name), "bold") for name in self._columns],
            *([self._fit(cells, name) for name in self._columns] for cells in self._cells),
            *([_total_cell(cells, name) for name in self._columns] for cells in self._totals),
        ]
        right = [index for index, name in enumerate(self._columns) if name in _RIGHT_COLUMNS]
        header, *lines = align_columns(table, right=right)
        count = len(self._shots)
        return [
            _MARGIN + header,
            *self._join_details(lines[:count]),
            *(_MARGIN + line for line in lines[count:]),
        ]

    def _choose_price_format(self) -> _PriceFormat:
        listed = [shot.max_price for shot in self._shots if isinstance(shot, ShotToRender)]
        currencies = {price.currency for price in listed if price and price.amount}
        prices = [self._run.status[shot.id].max_price for shot in self._shots]
        amounts = [price.amount for price in prices if price and price.amount]
        smallest = min(amounts, default=Decimal(1))
        decimals = 2 if smallest >= 1 else 4 if smallest >= Decimal("0.001") else 6
        return _PriceFormat(currencies.pop() if len(currencies) == 1 else "", decimals)

    @cached_property
    def _payers(self) -> frozenset[str]:
        """Ids of the shots whose price counts: of several with one key only the first."""
        ids = {shot.key: shot.id for shot in reversed(self._shots)}
        return frozenset(ids.values())

    def _shot_cells(self, shot: PlannedShot) -> Cells:
        own = _clip_cells(shot) if isinstance(shot, ExistingClip) else _render_cells(shot)
        return {
            **own,
            "shot": escape_control_chars(shot.id),
            "state": paint_state(self._run.status[shot.id].state),
            "price": self._format_price(shot),
            "key": shot.key[:KEY_LENGTH],
            "chain": escape_control_chars(_describe_chain(shot)),
        }

    def _format_price(self, shot: PlannedShot) -> str:
        """Return what the run pays for a shot."""
        price = self._run.status[shot.id].max_price
        is_free = isinstance(shot, ShotToRender) and shot.max_price == ZERO
        if shot.id in self._payers and (is_free or price != ZERO):
            return self._price_format.format(price)
        return _NOTHING

    def _total_cells(self) -> list[Cells]:
        """Return the total: a line per currency, and one if a price is unknown."""
        listed = {shot.id for shot in self._shots}
        pending = [shot for shot in self._run.pending if shot.id in listed]
        if not pending:
            return []
        cost = self._run.max_cost
        parts = [self._price_format.format_sum(*part) for part in cost.by_currency.items()]
        if cost.has_unknown:
            parts.append("unknown")
        first, *others = parts or ["0" if self._price_format.currency else "free"]
        length = format_seconds(sum(shot.duration_seconds for shot in pending))
        total = {"shot": "total", "length": length, "price": first}
        return [total, *({"price": part} for part in others)]

    def _choose_columns(self) -> list[str]:
        """Return the columns; without those of the settings if the ids would have no space."""
        has_prices = any(cells["rate"] not in ("free", _NOTHING) for cells in self._cells)
        end = ["length", "sound", *(["rate"] if has_prices else []), "price"]
        if self._is_wide:
            return ["shot", "state", *_SETTINGS, *end, *_WIDE_COLUMNS]
        varying = [name for name, values in self._values.items() if len(values) > 1]
        columns = ["shot", "state", *varying, *end]
        longest = max(cell_width(cells["shot"]) for cells in self._cells)
        has_space = self._id_space(columns) >= min(longest, _MIN_ID_WIDTH)
        return columns if has_space else ["shot", "state", *end]

    def _id_space(self, columns: Sequence[str]) -> int:
        """Return the width that is left for ids."""
        others = [
            max(
                cell_width(name),
                *(cell_width(self._fit(cells, name)) for cells in (*self._cells, *self._totals)),
            )
            for name in columns
            if name != "shot"
        ]
        return self._width - len(_MARGIN) - sum(others) - 2 * len(others)

    def _fit(self, cells: Cells, name: str) -> str:
        cell = cells.get(name, "")
        if self._is_wide:
            return cell
        if name == "shot":
            return truncate(cell, self._id_width)
        if name in ("provider", "model"):
            return truncate(cell.removeprefix("seedance-"), _MAX_SETTING_WIDTH)
        return cell

    def _join_details(self, lines: Sequence[str]) -> Iterator[str]:
        """Yield the lines with their chains, and with details beside them or, if long, below."""
        table_width = max(map(cell_width, lines), default=0)
        shared_reasons = find_shared_reasons(self._run)
        space = self._width - len(_MARGIN) - table_width - 2
        for index, line in enumerate(lines):
            mark, gutter = self._chain_marks(index)
            detail = escape_control_chars("; ".join(self._list_details(index, shared_reasons)))
            if self._is_wide or cell_width(detail) <= max(space, 0):
                blanks = " " * (table_width - cell_width(line) + 2)
                yield f"{mark} {line}{blanks}{detail}".rstrip()
                continue
            yield f"{mark} {line}"
            yield from (f"{gutter}   {part}" for part in wrap(detail, self._width - 4))

    def _chain_marks(self, index: int) -> tuple[str, str]:
        """Return the mark of the chain beside a shot, and the one beside the lines below it."""
        shot = self._shots[index]
        continues = index > 0 and shot.continues == self._shots[index - 1].id
        is_continued = index + 1 < len(self._shots) and self._shots[index + 1].continues == shot.id
        if is_continued:
            return ("├" if continues else "┌"), "│"
        return ("└" if continues else " "), " "

    def _list_details(self, index: int, shared_reasons: Mapping[ShotState, str]) -> Iterator[str]:
        """Yield unusual settings without a column, a start elsewhere, and the reason."""
        shot, cells = self._shots[index], self._cells[index]
        unusual = [
            cells[name]
            for name, values in self._values.items()
            # A board of the user's own clips has no settings.
            if values and name not in self._columns and cells[name] != values.most_common(1)[0][0]
        ]
        if unusual and isinstance(shot, ShotToRender):
            yield ", ".join(unusual)
        status = self._run.status[shot.id]
        reason = "" if status.state in shared_reasons else status.reason
        if shown := _describe_ranges(shot):
            yield shown
        start = _describe_start(shot)
        is_below = index > 0 and shot.continues == self._shots[index - 1].id
        is_plain = is_below and isinstance(shot, ShotToRender) and shot.continues_frame is None
        if start and not is_plain and not reason.startswith(start):
            yield start
        if reason:
            yield reason


def _total_cell(cells: Cells, name: str) -> str:
    return paint(cells.get(name, ""), "bold")


def _setting_cells(shot: ShotToRender) -> dict[str, str]:
    return {
        "provider": escape_control_chars(shot.provider.name),
        "model": escape_control_chars(shot.family or shot.model),
        "size": f"{shot.width}x{shot.height}" if shot.width else "any size",
    }


def _render_cells(shot: ShotToRender) -> dict[str, str]:
    audio, rate = shot.content_request.audio, shot.price_per_second
    limit = "≤" if shot.has_auto_duration else ""
    return {
        **_setting_cells(shot),
        "length": limit + format_seconds(shot.duration_seconds),
        "sound": "none" if audio is None else ("off", "on")[audio],
        "rate": f"{rate.amount:.4f}" if rate and rate.amount else format_price(rate),
        "tokens": _NOTHING if shot.tokens is None else str(shot.tokens),
    }


def _clip_cells(clip: ExistingClip) -> dict[str, str]:
    width, height = clip.measured.display_size
    return {
        "provider": "file",
        "model": _NOTHING,
        "size": f"{width}x{height}",
        "length": format_seconds(float(clip.measured.end_seconds)),
        "sound": "on" if clip.measured.has_audio else "off",
        "rate": _NOTHING,
        "tokens": _NOTHING,
    }


def _describe_chain(shot: PlannedShot) -> str:
    if isinstance(shot, ShotToRender) and shot.pinned_take:
        take = shot.pinned_take
        return f"{shot.chain_id} < {take.shot} take {take.take.number}{_describe_frame(shot)}"
    if isinstance(shot, ExistingClip) or shot.continues is None:
        return shot.chain_id
    clip = " (clip)" if shot.continues_clip else ""
    return f"{shot.chain_id} < {shot.continues}{clip}{_describe_frame(shot)}"


def _describe_start(shot: PlannedShot) -> str:
    """Return what a shot continues; empty if it continues nothing."""
    if isinstance(shot, ShotToRender) and shot.pinned_take:
        take = shot.pinned_take
        return f"continues take {take.take.number} of {take.shot}{_describe_frame(shot)}"
    if isinstance(shot, ExistingClip) or shot.continues is None:
        return ""
    clip = "the clip of " if shot.continues_clip else ""
    return f"continues {clip}{shot.continues}{_describe_frame(shot)}"


def _describe_frame(shot: ShotToRender) -> str:
    """Return the frame that a shot starts on, if it is not the last one, for a sentence."""
    return "" if shot.continues_frame is None else f" at frame {shot.continues_frame}"


def _describe_ranges(shot: PlannedShot) -> str:
    """Return the ranges that the film shows of a shot; empty for its whole clip."""
    if shot.used_ranges == WHOLE_CLIP:
        return ""
    return f"shows {', '.join(map(_describe_range, shot.used_ranges))}"


def _describe_range(used: UsedRange) -> str:
    times = format_range(used.first_frame, used.end_frame)
    if used.take is None:
        return times or "all"
    take = f"take {used.take.take.number}"
    return f"{times} of {take}" if times else take
