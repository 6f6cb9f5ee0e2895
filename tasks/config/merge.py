"""Merge the user's `shotchain.toml` with the one next to a board.

The file next to a board may come from a stranger: it may set budgets and lower limits; providers and prices need `--trust`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from storyboards.problems import Problem
from storyboards.terminal_text import quote
from tasks.config.config import BudgetConfig, Config, ExchangeRate
from tasks.config.gateways import (
    ReportProblem,
    build_provider,
    suggest_known,
    with_limits,
    with_prices,
)
from tasks.config.schema import ConfigDocument, GatewaySection, validate_config
from tasks.config.toml_lines import ConfigFile, read_config_file
from tasks.errors import InvalidConfiguration
from tasks.providers import PROVIDERS, Provider
from tasks.providers.price_tables import FREE_PRICE_TABLE

_TRUSTED_SECTIONS = {
    "providers": "may not say where keys are sent",
    "prices": "may not say what a shot costs",
}


def merge_files(
    user_file: Path | None,
    board_file: Path | None,
    *,
    display_name: str,
    user_config_path: Path | None,
    trust: bool,
) -> Config:
    """The configuration of the files there are; the one beside the board is shown as `shown_as`.

    `home` is where the user's own belongs, whether or not there is one. Raises
    InvalidConfiguration with every problem of both, and NotConfigured where one can't be read.
    """
    if (
        user_file
        and board_file
        and board_file.exists()
        and user_file.exists()
        and user_file.samefile(board_file)
    ):
        board_file = None
    files = []
    if user_file:
        files.append(
            _ConfigSource(
                read_config_file(user_file, display_name=str(user_file)), is_user_file=True
            )
        )
    if board_file:
        file = read_config_file(
            board_file, display_name=display_name, root_folder=board_file.parent
        )
        files.append(_ConfigSource(file, is_user_file=False))
    problems = [problem for one in files for problem in one.problems]
    if not trust:
        place = str(user_config_path) if user_config_path else "a shotchain.toml of your own"
        problems += [one for file in files for one in _reject_untrusted(file, place)]
    if not problems:
        joining = _Merger(files)
        configuration = joining.merge()
        problems = joining.problems
        if not problems:
            return configuration
    order = [one.file.display_name for one in files]
    raise InvalidConfiguration(
        tuple(sorted(problems, key=lambda one: (order.index(one.file), one.line)))
    )


class _ConfigSource:
    """One file, what it says and what is wrong with it by itself."""

    def __init__(self, file: ConfigFile, *, is_user_file: bool) -> None:
        self.file, self.is_user_file = file, is_user_file
        read = validate_config(file)
        self.problems: tuple[Problem, ...] = () if isinstance(read, ConfigDocument) else read
        self.document = read if isinstance(read, ConfigDocument) else ConfigDocument()


def _reject_untrusted(source: _ConfigSource, user_config_path: str) -> Iterator[Problem]:
    for section, why in _TRUSTED_SECTIONS.items():
        entries = source.file.data.get(section)
        if source.is_user_file or not isinstance(entries, dict):
            continue
        for name in entries:
            message = f"a configuration beside a board {why}"
            remedy = f"Read it, then give --trust, or write it to {user_config_path}."
            yield source.file.problem((section, name), message, remedy)


class _Merger:
    """Puts sources together, the user's own first; what does not fit is collected."""

    def __init__(self, sources: list[_ConfigSource]) -> None:
        self.sources = sources
        self.problems: list[Problem] = []
        self.providers: dict[str, Provider] = dict(PROVIDERS)
        self.invalid_names: set[str] = set()
        """Gateways that make no row: what else speaks of them is no second problem."""

    def merge(self) -> Config:
        for source in self.sources:
            for name, gateway in source.document.providers.items():
                self._add_gateway(source, name, gateway)
        for source in self.sources:
            self._set_prices(source)
            self._set_limits(source)
        rates: dict[frozenset[str], ExchangeRate] = {}
        for rate in chain.from_iterable(map(_read_rates, self.sources)):
            rates.setdefault(frozenset((rate.base, rate.quote)), rate)
        walls = tuple(chain.from_iterable(map(_read_budgets, self.sources)))
        return Config(MappingProxyType(self.providers), walls, tuple(rates.values()))

    def _add_gateway(self, source: _ConfigSource, name: str, section: GatewaySection) -> None:
        tell = self._problem_reporter(source, "providers", name)
        if name in self.providers:
            here = self.providers[name].config_file or "shotchain itself"
            remedy = f"Take another name, or set {self.providers[name].base_url_variable}."
            tell((), f"{name} is a provider of {here} already", remedy)
            return
        row = build_provider(name, section, built_in=PROVIDERS, report=tell)
        if row is None:
            self.invalid_names.add(name)
        else:
            self.providers[name] = replace(row, config_file=source.file.display_name)

    def _set_prices(self, source: _ConfigSource) -> None:
        for name, families in source.document.prices.items():
            tell = self._problem_reporter(source, "prices", name)
            row = self._find_provider(name, tell)
            if row and row.price_table == FREE_PRICE_TABLE:
                tell((), f"{name} is free", "Take its prices out.")
                continue
            for family, prices in families.items() if row else ():
                if row and family not in row.models:
                    message = f"{name} has no family {quote(family)}"
                    tell((family,), message, suggest_known(family, row.models))
                elif row:
                    row = with_prices(row, family, prices)
                    self.providers[name] = row

    def _set_limits(self, source: _ConfigSource) -> None:
        for name, limits in source.document.limits.items():
            row = self._find_provider(name, self._problem_reporter(source, "limits", name))
            if row:
                self.providers[name] = with_limits(
                    row, limits, only_stricter=not source.is_user_file
                )

    def _find_provider(self, name: str, report: ReportProblem) -> Provider | None:
        if name not in self.providers and name not in self.invalid_names:
            report((), f"there is no provider {quote(name)}", suggest_known(name, self.providers))
        return self.providers.get(name)

    def _problem_reporter(self, source: _ConfigSource, *path: str) -> ReportProblem:
        def tell(inner: tuple[str, ...], message: str, remedy: str) -> None:
            self.problems.append(source.file.problem((*path, *inner), message, remedy))

        return tell


def _read_budgets(source: _ConfigSource) -> Iterator[BudgetConfig]:
    for name, written in source.document.budgets.items():
        for amount, month in ((written.month, True), (written.total, False)):
            if amount is not None:
                yield BudgetConfig(name, amount, month, written.boards, source.file.display_name)


def _read_rates(source: _ConfigSource) -> Iterator[ExchangeRate]:
    for pair, written in source.document.rates.items():
        base, quoted = pair.split("/")
        yield ExchangeRate(base, quoted, written.rate, written.date, source.file.display_name)
