"""Merge the user's `shotchain.toml` with the one beside a board.

The file beside a board may come from a stranger. It may set budgets, rates for the budgets of the
board's author, and lower limits; providers and prices need `--trust`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from storyboards.problems import Problem
from storyboards.terminal_text import quote
from tasks.config.config import Author, BudgetConfig, Config, ExchangeRate
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
    "providers": "may not define providers, which receive API keys",
    "prices": "may not define prices",
}
"""Sections that need trust, and the message about a file without trust."""


def merge_files(
    user_file: Path | None,
    board_file: Path | None,
    *,
    display_name: str,
    user_config_path: Path | None,
    trust: bool,
) -> Config:
    """Read the files and merge them.

    Args:
        user_file: The user's own file, if it exists.
        board_file: The file beside the board, if it exists.
        display_name: The name of the file beside the board in messages.
        user_config_path: The path of the user's own file, existing or not, for remedies.
        trust: True if the file beside the board may define providers and prices.

    Raises:
        InvalidConfiguration: With every problem of both files.
        NotConfigured: If a file can't be read.
    """
    if user_file and board_file and _is_same_file(user_file, board_file):
        board_file = None
    sources = []
    if user_file:
        file = read_config_file(user_file, display_name=str(user_file))
        sources.append(_ConfigSource(file, is_user_file=True))
    if board_file:
        file = read_config_file(
            board_file, display_name=display_name, root_folder=board_file.parent
        )
        sources.append(_ConfigSource(file, is_user_file=False))
    problems = [problem for source in sources for problem in source.problems]
    if not trust:
        place = str(user_config_path) if user_config_path else "a shotchain.toml of your own"
        for source in sources:
            problems += _reject_untrusted(source, place)
    if not problems:
        merger = _Merger(sources)
        config = merger.merge()
        problems = merger.problems
        if not problems:
            return config
    order = [source.file.display_name for source in sources]
    problems.sort(key=lambda problem: (order.index(problem.file), problem.line))
    raise InvalidConfiguration(tuple(problems))


def _is_same_file(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and first.samefile(second)


class _ConfigSource:
    """One file with its validated content and its own problems."""

    def __init__(self, file: ConfigFile, *, is_user_file: bool) -> None:
        self.file, self.is_user_file = file, is_user_file
        result = validate_config(file)
        self.document = result if isinstance(result, ConfigDocument) else ConfigDocument()
        self.problems: tuple[Problem, ...] = () if isinstance(result, ConfigDocument) else result

    @property
    def author(self) -> Author:
        """The author of the file."""
        return Author.USER if self.is_user_file else Author.BOARD


def _reject_untrusted(source: _ConfigSource, user_config_path: str) -> Iterator[Problem]:
    for section, reason in _TRUSTED_SECTIONS.items():
        entries = source.file.data.get(section)
        if source.is_user_file or not isinstance(entries, dict):
            continue
        for name in entries:
            message = f"a configuration beside a board {reason}"
            remedy = f"Read it, then give --trust, or move it to {user_config_path}."
            yield source.file.problem((section, name), message, remedy)


class _Merger:
    """Merges sources, the user's own first, and collects what does not fit together."""

    def __init__(self, sources: list[_ConfigSource]) -> None:
        self.sources = sources
        self.problems: list[Problem] = []
        self.providers: dict[str, Provider] = dict(PROVIDERS)
        self.invalid_names: set[str] = set()
        """Gateways with problems: their prices and limits are not reported as unknown."""

    def merge(self) -> Config:
        for source in self.sources:
            for name, gateway in source.document.providers.items():
                self._add_gateway(source, name, gateway)
        for source in self.sources:
            self._check_former_names(source)
            self._set_prices(source)
            self._set_limits(source)
        rates = tuple(chain.from_iterable(map(_read_rates, self.sources)))
        budgets = tuple(chain.from_iterable(map(_read_budgets, self.sources)))
        return Config(MappingProxyType(self.providers), budgets, rates)

    def _add_gateway(self, source: _ConfigSource, name: str, section: GatewaySection) -> None:
        report = self._problem_reporter(source, "providers", name)
        if name in self.providers:
            existing = self.providers[name]
            if existing.config_file:
                message = f"{name} is already a provider of {existing.config_file}"
            else:
                message = f"{name} is a built-in provider"
            report((), message, f"Use another name, or set {existing.base_url_variable}.")
            return
        gateway = build_provider(name, section, built_in=PROVIDERS, report=report)
        if gateway is None:
            self.invalid_names.add(name)
        else:
            self.providers[name] = replace(gateway, config_file=source.file.display_name)

    def _check_former_names(self, source: _ConfigSource) -> None:
        """Report gateways that would share keys and receipts with another provider."""
        for name, section in source.document.providers.items():
            if section.was is None:
                continue
            others = (other for other in self.providers.values() if other.name != name)
            other = next((other for other in others if section.was in _names_of(other)), None)
            if other:
                report = self._problem_reporter(source, "providers", name)
                message = f"{quote(section.was)} is the name of another provider: {other.name}"
                report(("was",), message, "Remove was, or the other provider.")

    def _set_prices(self, source: _ConfigSource) -> None:
        for name, families in source.document.prices.items():
            report = self._problem_reporter(source, "prices", name)
            provider = self._find_provider(name, report)
            if provider is None:
                continue
            if provider.price_table == FREE_PRICE_TABLE:
                report((), f"{name} is free", "Remove its prices.")
                continue
            for family, prices in families.items():
                if family in provider.models:
                    provider = with_prices(provider, family, prices)
                else:
                    message = f"{name} has no family {quote(family)}"
                    report((family,), message, suggest_known(family, provider.models))
            self.providers[name] = provider

    def _set_limits(self, source: _ConfigSource) -> None:
        for name, limits in source.document.limits.items():
            provider = self._find_provider(name, self._problem_reporter(source, "limits", name))
            if provider:
                self.providers[name] = with_limits(
                    provider, limits, only_stricter=not source.is_user_file
                )

    def _find_provider(self, name: str, report: ReportProblem) -> Provider | None:
        if name not in self.providers and name not in self.invalid_names:
            report((), f"there is no provider {quote(name)}", suggest_known(name, self.providers))
        return self.providers.get(name)

    def _problem_reporter(self, source: _ConfigSource, *path: str) -> ReportProblem:
        def report(inner: tuple[str, ...], message: str, remedy: str) -> None:
            self.problems.append(source.file.problem((*path, *inner), message, remedy))

        return report


def _names_of(provider: Provider) -> tuple[str, str]:
    return provider.name, provider.former_name


def _read_budgets(source: _ConfigSource) -> Iterator[BudgetConfig]:
    for name, section in source.document.budgets.items():
        for amount, is_monthly in ((section.month, True), (section.total, False)):
            if amount is not None:
                file = source.file.display_name
                yield BudgetConfig(name, amount, is_monthly, section.boards, source.author, file)


def _read_rates(source: _ConfigSource) -> Iterator[ExchangeRate]:
    for pair, section in source.document.rates.items():
        base, quoted = pair.split("/")
        file = source.file.display_name
        yield ExchangeRate(base, quoted, section.rate, section.date, source.author, file)
