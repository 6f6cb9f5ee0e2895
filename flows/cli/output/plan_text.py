"""A plan as text for a person: a table of the shots, and what they cost, within 80 columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple, TextIO

from flows.cli.output.plan_table import PlanTable, find_shared_reasons, format_seconds
from flows.cli.output.prompt_text import format_prompts
from flows.cli.output.style import (
    DEFAULT_WIDTH,
    MIN_WIDTH,
    align_columns,
    cell_width,
    count_noun,
    fit_width,
    paint,
    terminal_width,
    truncate,
    wrap,
)
from flows.cli.output.text import format_conversions, format_frames
from flows.cli.output.version_table import format_versions
from flows.consent import BudgetBalance, find_budget_error, list_budgets
from flows.documents import count_film_frames, list_notes, list_price_sources
from flows.run import Run
from tasks.budgets.money import (
    Total,
    format_exact,
    format_exact_amount,
    format_max_price,
    sum_prices,
)
from tasks.film_rates import find_rate
from tasks.plan import PlannedShot, ShotToRender
from tasks.planning.conversions import plan_conversions
from tasks.store.status import ShotState

_BUDGET_COLUMNS = ("budget", "limit", "booked", "this run", "remaining")
_MIN_OWNER_WIDTH = 14


class PlanView(NamedTuple):
    """The parts of a plan that are shown."""

    width: int = DEFAULT_WIDTH
    is_wide: bool = False
    """True for a table with every column, in full."""
    hides_kept: bool = False
    """True if kept shots are counted and not listed."""
    shows_prompts: bool = False
    shows_budget_error: bool = True
    """False if the error of a budget is printed elsewhere."""


DEFAULT_VIEW = PlanView()

_CODECS = {
    "keep": "in the codec of most clips; if that is HEVC, not for Safari and QuickTime",
    "prores": "ProRes 422 HQ",
    "dnxhr": "DNxHR HQ, or HQX if the clips have 10 bits",
}
"""Descriptions of the codecs of films other than H.264."""


def fit_view(stream: TextIO, *, is_wide: bool = False) -> PlanView:
    """Return the view that fits a stream: from 60 to 80 columns, or more if it is wide."""
    width = max(MIN_WIDTH, terminal_width(stream)) if is_wide else fit_width(stream)
    return PlanView(width, is_wide)


def format_plan(run: Run, view: PlanView = DEFAULT_VIEW, *, next_command: str = "") -> str:
    """Return the plan of a run: its shots, what they cost, budgets, notes and warnings.

    Args:
        run: The run.
        view: What is shown, and its width.
        next_command: The command that renders the run; empty for none.
    """
    shots = list_shown_shots(run, view)
    lines = []
    if shots:
        table = PlanTable(run, shots, view.width, is_wide=view.is_wide)
        head = f"{truncate(run.board.name, 40)}: {', '.join(table.settings)}"
        lines = [*wrap(head, view.width, indent="  "), "", *table.format(), ""]
    lines += wrap(count_states(run), view.width, indent="  ")
    for sentence in _summarize(run, view.width):
        lines += wrap(sentence, view.width, indent="  ")
    lines += format_versions(run, view.width, is_wide=view.is_wide)
    lines += _format_budgets(run, view.width)
    lines += _format_notes(run, view.width)
    if view.shows_prompts:
        lines += format_prompts(run, shots, view.width)
    return "\n".join([*lines, *_format_end(run, view, next_command)])


def _format_end(run: Run, view: PlanView, next_command: str) -> list[str]:
    """Return why a run would be refused, or the command that starts it."""
    error = find_budget_error(run)
    if error and view.shows_budget_error:
        refusal = wrap(f"a run would be refused: {error}", view.width, indent="  ")
        return ["", *(paint(line, "red") for line in refusal)]
    # The command is not wrapped, so that it can be copied.
    return ["", f"next: {next_command}"] if next_command and not error else []


def list_shown_shots(run: Run, view: PlanView) -> list[PlannedShot]:
    """Return the shots that the table lists, in the order of the film."""
    selected = {shot.id for shot in run.shots}
    return [
        shot
        for shot in run.plan.all_shots
        if shot.id in selected
        and not (view.hides_kept and run.status[shot.id].state is ShotState.KEPT)
    ]


def count_states(run: Run) -> str:
    """Return how many shots of a run are in each state, and how many are not part of it."""
    counts = Counter(run.status[shot.id].state for shot in run.shots)
    reasons = {state: f" ({reason})" for state, reason in find_shared_reasons(run).items()}
    parts = [
        f"{counts[state]} {state}{reasons.get(state, '')}" for state in ShotState if counts[state]
    ]
    others = len(run.plan.all_shots) - len(run.shots)
    if others:
        parts.append(f"{others} not part of this run")
    return f"{count_noun(len(run.plan.all_shots), 'shot')}: {', '.join(parts)}"


def _summarize(run: Run, width: int) -> Iterator[str]:
    """Yield a sentence for what a run pays, its film, the longest chain and the price lists."""
    cost = run.max_cost
    limit = "" if cost.is_free or cost.has_unknown else " at most"
    yield f"to pay: {format_max_price(cost)}{limit}"
    frames = count_film_frames(run) if run.makes_film else None
    if frames:
        film = run.board.storyboard.film
        length, rule = format_frames(frames, film.rate), find_rate(film.rate).rule
        parts = (length, _CODECS.get(film.codec), rule)
        yield f"film: {'; '.join(filter(None, parts))}"
    yield from _describe_longest_chain(run, width)
    for date, source in list_price_sources(run.plan):
        yield f"prices of {date}: {source}"


def _describe_longest_chain(run: Run, width: int) -> Iterator[str]:
    path = run.plan.critical_path
    if len(path) < 2:
        return
    shots = [run.plan.shot(shot_id) for shot_id in path]
    seconds = sum(shot.duration_seconds for shot in shots if isinstance(shot, ShotToRender))
    first, last = (truncate(shot_id, width // 4) for shot_id in (path[0], path[-1]))
    count = count_noun(len(path), "shot")
    yield f"longest chain: {first} … {last}, {count}, {format_seconds(seconds)}"


def _format_budgets(run: Run, width: int) -> list[str]:
    """Return a line for each budget: its limit, what is booked, this run, and what remains."""
    balances = list_budgets(run)
    if not balances:
        return []
    table = [_BUDGET_COLUMNS, *map(_budget_cells, balances)]
    numbers = range(1, len(_BUDGET_COLUMNS))
    used = sum(max(cell_width(cells[index]) for cells in table) + 2 for index in numbers)
    if width - used >= _MIN_OWNER_WIDTH:
        cut = [(truncate(owner, width - used), *cells) for owner, *cells in table]
        header, *lines = align_columns(cut, right=numbers)
        lines = [paint(header, "bold"), *lines]
    else:
        lines = [line for cells in table[1:] for line in _format_budget(cells, width)]
    return ["", *lines, *wrap(f"booked in {run.store.root}", width, indent="  ")]


def _format_budget(cells: Sequence[str], width: int) -> list[str]:
    """Return a budget as a sentence, for amounts that are too long for a table."""
    owner, *amounts = cells
    parts = zip(_BUDGET_COLUMNS[1:], amounts, strict=True)
    sentence = ", ".join(f"{name} {amount}" for name, amount in parts)
    return wrap(f"budget of {owner}: {sentence}", width, indent="  ")


def _budget_cells(balance: BudgetBalance) -> tuple[str, ...]:
    limit, remaining = balance.limit, balance.remaining
    amounts = [sum_prices([limit.amount]), balance.booked, balance.requested]
    left = "unknown" if remaining is None else _format_signed(remaining, limit.amount.currency)
    return (limit.owner, *map(_format_total, amounts), left)


def _format_total(total: Total) -> str:
    return "0" if total.is_free else format_exact(total)


def _format_signed(amount: Decimal, currency: str) -> str:
    return f"{format_exact_amount(amount)} {currency}".strip() if amount else "0"


def _format_notes(run: Run, width: int) -> list[str]:
    notes = [f"note: {note if note.line else note.message}" for note in list_notes(run)]
    lines = [*notes, *format_conversions(plan_conversions(run.plan))]
    wrapped = [part for line in lines for part in wrap(line, width, indent="  ")]
    return ["", *wrapped] if wrapped else []


def summarize_plan(run: Run) -> str:
    """Return what a run renders and costs in one line, without its table."""
    limit = "" if run.max_cost.has_unknown else " at most"
    return f"{count_states(run)}; to pay: {format_max_price(run.max_cost)}{limit}"
