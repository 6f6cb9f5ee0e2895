"""Find gateways that were renamed in `shotchain.toml` without a note of their former name.

A key hashes the provider's name, so the jobs and clips of the former name would be paid again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from storyboards.problems import Problem
from tasks.plan import PlannedShot, ShotToRender
from tasks.providers import Provider
from tasks.store.layout import RecordStore
from tasks.store.receipts import UNCHARGED_STATES, Attempt, read_receipt
from tasks.store.status import BoardStatus, ShotState


def find_renamed_gateways(
    status: BoardStatus,
    shots: Collection[PlannedShot],
    *,
    is_configured: Callable[[str], bool],
    records_of: Callable[[ShotToRender], RecordStore],
    base_url_of: Callable[[Provider], str],
) -> Iterator[Problem]:
    """Yield a problem for each gateway at whose address another name has paid for these shots.

    Args:
        status: The status of the board.
        shots: The shots of the run.
        is_configured: Returns True if a name in a receipt is the name of a configured provider.
        records_of: Returns the records of a shot's provider.
        base_url_of: Returns the base URL of a provider.

    Raises:
        StoreError: A receipt is damaged.
    """
    new_shots: dict[tuple[RecordStore, str, str], Provider] = {}
    for shot in shots:
        if not isinstance(shot, ShotToRender) or not shot.provider.config_file:
            continue
        shot_status = status[shot.id]
        if shot_status.state is ShotState.TO_RENDER and shot_status.attempt is None:
            place = (records_of(shot), base_url_of(shot.provider), shot.id)
            new_shots[place] = shot.provider
    reported: set[tuple[str, str]] = set()
    for records in dict.fromkeys(records for records, _, _ in new_shots):
        for attempt in _iter_charged_attempts(records):
            provider = new_shots.get((records, attempt.base_url, attempt.shot))
            if provider is None or is_configured(attempt.provider):
                continue
            if (provider.name, attempt.provider) not in reported:
                reported.add((provider.name, attempt.provider))
                yield _build_problem(provider, attempt)


def _iter_charged_attempts(records: RecordStore) -> Iterator[Attempt]:
    for key in records.iter_keys():
        for attempt in read_receipt(key, records.read(key)).attempts:
            if attempt.state not in UNCHARGED_STATES:
                yield attempt


def _build_problem(provider: Provider, attempt: Attempt) -> Problem:
    message = (
        f"{attempt.shot} was paid for as a shot of {attempt.provider}, which had the address of "
        f"{provider.name} and is no longer configured: it would be paid again"
    )
    remedy = f'If the gateway was renamed, add was = "{attempt.provider}" to its section.'
    return Problem(message, remedy, provider.config_file, keys=("providers", provider.name))
