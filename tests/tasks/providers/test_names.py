"""Names of models and providers as people type them."""

from __future__ import annotations

import pytest

from tasks.providers import PROVIDERS, UnknownName, find_provider
from tasks.providers.families import FAMILIES
from tasks.providers.names import match_name


@pytest.mark.parametrize(
    "name",
    [
        *("Seedance 1.5 Pro", "seedance-1-5-pro", "SEEDANCE_1.5_PRO", " seedance-1.5-pro "),
        *("Seedance-1.5-Pro", "seedance 1 5 pro"),
    ],
)
def test_spelling_of_a_family_does_not_count(name: str) -> None:
    """Case, blanks, underscores, dots and dashes: it is that family, with the same id."""
    for provider in ("simulator", "ark", "modelark", "cometapi-videos"):
        model = PROVIDERS[provider].resolve_model(name, with_image=False)
        assert model == PROVIDERS[provider].resolve_model("seedance-1.5-pro", with_image=False)


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("seedance 1.5", "seedance-1.5-pro"),
        ("1.5-pro", "seedance-1.5-pro"),
        ("pro 1.5", "seedance-1.5-pro"),
        ("v1.5", "seedance-1.5-pro"),
        ("seedance-1.5pro", "seedance-1.5-pro"),
        ("seedance15", "seedance-1.5-pro"),
        ("Seedance-2", "seedance-2.0, seedance-2.0-mini or seedance-2.0-fast"),
        ("seedance2", "seedance-2.0, seedance-2.0-mini or seedance-2.0-fast"),
        ("2.0", "seedance-2.0, seedance-2.0-mini or seedance-2.0-fast"),
        ("seedance-2.0-mi", "seedance-2.0-mini"),
        ("pro", "seedance-1.0-pro, seedance-1.0-pro-fast or seedance-1.5-pro"),
        ("lite", "seedance-1.0-lite"),
        ("fast", "seedance-1.0-pro-fast or seedance-2.0-fast"),
        ("sedance-1.5-pro", "seedance-1.5-pro or seedance-1.0-pro"),
        ("seedance-2.1", "seedance-2.0 or seedance-2.5"),
        ("seedance-2.5-fast", "seedance-2.0-fast or seedance-2.5"),
        ("doubao-seedance-1-5", "seedance-1.5-pro"),
        ("doubao-seedance-1-5-pro", "seedance-1.5-pro or doubao-seedance-1-5-pro-251215"),
        ("seedance-1-5-pro-251216", "seedance-1.5-pro or doubao-seedance-1-5-pro-251215"),
        ("dreamina-seedance-2-0-260128", "seedance-2.0 or doubao-seedance-2-0-260128"),
    ],
)
def test_unknown_model_has_candidates(name: str, candidates: str) -> None:
    """Beginnings come first, then parts, then similar names; of equals the cheaper generation."""
    with pytest.raises(UnknownName) as raised:
        PROVIDERS["ark"].resolve_model(name, with_image=False)

    assert raised.value.remedy == f"Did you mean {candidates}?"


def test_dearer_family_is_not_first_by_spelling_alone() -> None:
    """`seedance-2.5-flash` has one letter less in common; 2.0 costs less."""
    with pytest.raises(UnknownName, match=r"mean seedance-2\.0-fast or seedance-2\.5-flash"):
        PROVIDERS["modelark"].resolve_model("seedance-2.0-flash", with_image=False)


@pytest.mark.parametrize("name", ["seedance-1.5-pro", "seedance 1.5", "pro", "1.0"])
def test_missing_family_is_answered_with_the_nearest(name: str) -> None:
    """No dearer family is offered as if it was meant, only because its name is similar."""
    with pytest.raises(UnknownName) as raised:
        PROVIDERS["infinity-blue"].resolve_model(name, with_image=False)

    assert raised.value.remedy == "The nearest that it has: seedance-2.0-fast or seedance-2.0."
    assert raised.value.meant == ""


@pytest.mark.parametrize("name", ["kling 2.0", "veo-3", "sora", "", "-", "x" * 200])
def test_name_like_no_family_has_no_candidates(name: str) -> None:
    """The command that lists all names is the remedy."""
    with pytest.raises(UnknownName, match="`shotchain providers` lists all") as raised:
        PROVIDERS["simulator"].resolve_model(name, with_image=False)

    assert raised.value.meant == ""


def test_candidates_of_every_beginning_are_few_and_known() -> None:
    """However a family's name is cut off, at most three are offered, each of that provider."""
    for provider in PROVIDERS.values():
        for family in FAMILIES:
            for length in range(1, len(family)):
                name = family[:length]
                if match_name(name, provider.models):
                    continue
                with pytest.raises(UnknownName) as raised:
                    provider.resolve_model(name, with_image=False)
                assert raised.value.remedy.count("seedance-") <= 3


@pytest.mark.parametrize(
    ("name", "provider"),
    [("ARK", "ark"), ("Ark", "ark"), ("cometapi_volc", "cometapi-volc"), ("kkiai 2", "kkiai-2")],
)
def test_spelling_of_a_provider_does_not_count(name: str, provider: str) -> None:
    """Case, blanks and underscores."""
    assert find_provider(name).name == provider


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("byteplus", "Did you mean modelark?"),
        ("Volcengine", "Did you mean ark?"),
        ("bytedance", "Did you mean ark or modelark?"),
        ("comet", "Did you mean cometapi-volc or cometapi-videos?"),
        ("kkai", "Did you mean kkiai?"),
        ("openai", "`shotchain providers` lists all providers and models."),
    ],
)
def test_unknown_provider_has_candidates(name: str, remedy: str) -> None:
    """Companies have other names than their services."""
    with pytest.raises(UnknownName) as raised:
        find_provider(name)

    assert raised.value.remedy == remedy


def test_ambiguous_spelling_is_an_error() -> None:
    """Two gateways whose names differ only in case have their exact names only."""
    gateways = {"Studio": PROVIDERS["ark"], "studio": PROVIDERS["modelark"]}

    assert find_provider("Studio", gateways).name == "ark"
    with pytest.raises(UnknownName, match="Did you mean"):
        find_provider("STUDIO", gateways)
