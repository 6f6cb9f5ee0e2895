"""The user's own `shotchain.toml` and the one beside a board, checked and put together.

The user's own counts first. A file beside a board came with the board, perhaps from a stranger: it
may build walls and lower limits, and where a key is sent and what a shot costs it may say only
where the user trusts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from storyboards.problems import Problem
from storyboards.terminal_text import quote
from tasks.configuration.file import ConfigurationFile, read_file
from tasks.configuration.gateways import Tell, make_row, offer, with_limits, with_prices
from tasks.configuration.values import BudgetWall, Configuration, ExchangeRate
from tasks.configuration.words import GatewayWritten, Words, read_words
from tasks.errors import InvalidConfiguration
from tasks.providers import PROVIDERS, Provider
from tasks.providers.prices import FREE

_ONLY_TRUSTED = {
    "providers": "may not say where keys are sent",
    "prices": "may not say what a shot costs",
}


def configure(
    own: Path | None, beside: Path | None, *, shown_as: str, home: Path | None, trust: bool
) -> Configuration:
    """The configuration of the files there are; the one beside the board is shown as `shown_as`.

    `home` is where the user's own belongs, whether or not there is one. Raises
    InvalidConfiguration with every problem of both, and NotConfigured where one can't be read.
    """
    if own and beside and beside.exists() and own.exists() and own.samefile(beside):
        beside = None
    files = []
    if own:
        files.append(_Source(read_file(own, shown=str(own)), own=True))
    if beside:
        file = read_file(beside, shown=shown_as, within=beside.parent)
        files.append(_Source(file, own=False))
    problems = [problem for one in files for problem in one.problems]
    if not trust:
        place = str(home) if home else "a shotchain.toml of your own"
        problems += [one for file in files for one in _refuse_strangers(file, place)]
    if not problems:
        joining = _Joining(files)
        configuration = joining.join()
        problems = joining.problems
        if not problems:
            return configuration
    order = [one.file.shown for one in files]
    raise InvalidConfiguration(
        tuple(sorted(problems, key=lambda one: (order.index(one.file), one.line)))
    )


class _Source:
    """One file, what it says and what is wrong with it by itself."""

    def __init__(self, file: ConfigurationFile, *, own: bool) -> None:
        self.file, self.own = file, own
        read = read_words(file)
        self.problems: tuple[Problem, ...] = () if isinstance(read, Words) else read
        self.words = read if isinstance(read, Words) else Words()


def _refuse_strangers(source: _Source, home: str) -> Iterator[Problem]:
    for section, why in _ONLY_TRUSTED.items():
        entries = source.file.data.get(section)
        if source.own or not isinstance(entries, dict):
            continue
        for name in entries:
            message = f"a configuration beside a board {why}"
            remedy = f"Read it, then give --trust, or write it to {home}."
            yield source.file.problem((section, name), message, remedy)


class _Joining:
    """Puts sources together, the user's own first; what does not fit is collected."""

    def __init__(self, sources: list[_Source]) -> None:
        self.sources = sources
        self.problems: list[Problem] = []
        self.rows: dict[str, Provider] = dict(PROVIDERS)
        self.broken: set[str] = set()
        """Gateways that make no row: what else speaks of them is no second problem."""

    def join(self) -> Configuration:
        for source in self.sources:
            for name, gateway in source.words.providers.items():
                self._add_gateway(source, name, gateway)
        for source in self.sources:
            self._set_prices(source)
            self._set_limits(source)
        rates: dict[frozenset[str], ExchangeRate] = {}
        for rate in chain.from_iterable(map(_rates, self.sources)):
            rates.setdefault(frozenset((rate.base, rate.quote)), rate)
        walls = tuple(chain.from_iterable(map(_walls, self.sources)))
        return Configuration(MappingProxyType(self.rows), walls, tuple(rates.values()))

    def _add_gateway(self, source: _Source, name: str, written: GatewayWritten) -> None:
        tell = self._teller(source, "providers", name)
        if name in self.rows:
            here = self.rows[name].configured_in or "shotchain itself"
            remedy = f"Take another name, or set {self.rows[name].base_url_variable}."
            tell((), f"{name} is a provider of {here} already", remedy)
            return
        row = make_row(name, written, built_in=PROVIDERS, tell=tell)
        if row is None:
            self.broken.add(name)
        else:
            self.rows[name] = replace(row, configured_in=source.file.shown)

    def _set_prices(self, source: _Source) -> None:
        for name, families in source.words.prices.items():
            tell = self._teller(source, "prices", name)
            row = self._row(name, tell)
            if row and row.prices == FREE:
                tell((), f"{name} is free", "Take its prices out.")
                continue
            for family, prices in families.items() if row else ():
                if row and family not in row.models:
                    message = f"{name} has no family {quote(family)}"
                    tell((family,), message, offer(family, row.models))
                elif row:
                    row = with_prices(row, family, prices)
                    self.rows[name] = row

    def _set_limits(self, source: _Source) -> None:
        for name, limits in source.words.limits.items():
            row = self._row(name, self._teller(source, "limits", name))
            if row:
                self.rows[name] = with_limits(row, limits, only_lower=not source.own)

    def _row(self, name: str, tell: Tell) -> Provider | None:
        if name not in self.rows and name not in self.broken:
            tell((), f"there is no provider {quote(name)}", offer(name, self.rows))
        return self.rows.get(name)

    def _teller(self, source: _Source, *path: str) -> Tell:
        def tell(inner: tuple[str, ...], message: str, remedy: str) -> None:
            self.problems.append(source.file.problem((*path, *inner), message, remedy))

        return tell


def _walls(source: _Source) -> Iterator[BudgetWall]:
    for name, written in source.words.budgets.items():
        for amount, month in ((written.month, True), (written.total, False)):
            if amount is not None:
                yield BudgetWall(name, amount, month, written.boards, source.file.shown)


def _rates(source: _Source) -> Iterator[ExchangeRate]:
    for pair, written in source.words.rates.items():
        base, quoted = pair.split("/")
        yield ExchangeRate(base, quoted, written.rate, written.date, source.file.shown)
