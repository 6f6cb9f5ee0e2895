"""Recognise a board that was renamed or moved, so that it keeps takes, locks and booked sums.

Records, receipts and budgets have the name of a board. A board of a new name is the board of an
earlier name if that board's file is gone and its shots are the same. If that is not sure, the user
decides with `--was`; until then budgets count the bookings of both names, so that no rename lets a
budget be spent again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from storyboards.board import Board
from tasks.errors import UsageError
from tasks.store.board_records import (
    BoardFacts,
    BoardRecord,
    list_board_facts,
    merge_board_records,
    read_board_facts,
    read_board_record,
)
from tasks.store.receipts import Attempt

NOT_RENAMED = "none"
"""The value of `--was` for a board that is another board than each candidate."""


class Candidate(NamedTuple):
    """A board that this board may have been."""

    name: str
    file: str
    """Its file, which is gone."""


class BoardIdentity(NamedTuple):
    """A board and the names that the store has for it."""

    name: str
    file: Path | None
    former_names: tuple[str, ...] = ()
    """Names that it surely had, earlier ones of these names included."""
    newly_recognised: tuple[str, ...] = ()
    """Former names that are not recorded as such yet."""
    candidates: tuple[Candidate, ...] = ()
    """Boards that it may have been, as long as the user has not decided."""
    other_names: tuple[str, ...] = ()
    """Names of boards that it is not, as the user decided."""

    @property
    def all_names(self) -> frozenset[str]:
        """Every name whose bookings count against its budgets."""
        names = (candidate.name for candidate in self.candidates)
        return frozenset((self.name, *self.former_names, *names))


def identify_board(root: Path, board: Board, was: str | None = None) -> BoardIdentity:
    """Return the identity of a board in a store. Writes nothing.

    Args:
        root: The folder of the store.
        board: The board.
        was: The name that the board had, as the user decided; NOT_RENAMED for none.

    Raises:
        StoreError: A record is damaged.
        UsageError: The store has no board of the name that the user gave.
    """
    own = read_board_facts(root, board.name)
    if was is None and (board.file is None or str(board.file) in own.files):
        # A renamed board was looked for when the file was recorded under this name.
        return BoardIdentity(
            board.name,
            board.file,
            own.former_names,
            candidates=tuple(Candidate(*pair) for pair in own.undecided),
            other_names=own.other_names,
        )
    others = [facts for facts in list_board_facts(root) if facts.name != board.name]
    names = {facts.name: facts for facts in others}
    former = set(own.former_names)
    sure, doubtful = _find_candidates(board, own, others)
    if was == NOT_RENAMED:
        rejected = {candidate.name for candidate in (*sure, *doubtful)}
        sure, doubtful = [], []
    elif was is not None:
        if was not in names:
            known = ", ".join(sorted(names)[:3]) or "no other board"
            msg = f"the store has no board {was!r} that {board.name} was; it has {known}"
            raise UsageError(msg)
        rejected = {candidate.name for candidate in (*sure, *doubtful)} - {was}
        sure, doubtful = [Candidate(was, "")], []
    else:
        rejected = set()
    newly = [candidate.name for candidate in sure if candidate.name not in former]
    for name in newly:
        former |= {name, *names[name].former_names}
    return BoardIdentity(
        board.name,
        board.file,
        tuple(sorted(former - {board.name})),
        tuple(newly),
        tuple(candidate for candidate in doubtful if candidate.name not in former),
        tuple(sorted({*own.other_names, *rejected} - former)),
    )


def _find_candidates(
    board: Board, own: BoardFacts, others: Iterable[BoardFacts]
) -> tuple[list[Candidate], list[Candidate]]:
    """Return the boards that the board surely was, and those that it may have been."""
    sure: list[Candidate] = []
    doubtful = [Candidate(*pair) for pair in own.undecided]
    if board.file is None:
        return sure, doubtful
    settled = {*own.former_names, *own.other_names, *(name for name, _ in own.undecided)}
    for facts in others:
        if facts.name in settled:
            continue
        for file in facts.files:
            is_same_file = _is_same_file(board.file, file)
            if not is_same_file and _exists(file):
                continue
            match = _compare(board, facts, file)
            # A folder that is gone may be one of another machine.
            if match == "same" and (is_same_file or Path(file).parent.is_dir()):
                sure.append(Candidate(facts.name, file))
            elif match:
                doubtful.append(Candidate(facts.name, file))
    sure = list({candidate.name: candidate for candidate in sure}.values())
    if len(sure) > 1:
        return [], [*doubtful, *sure]
    sure_names = {candidate.name for candidate in sure}
    return sure, [candidate for candidate in doubtful if candidate.name not in sure_names]


def _compare(board: Board, facts: BoardFacts, file: str) -> str:
    """Return `same`, `similar` or an empty string for the shots of a board and a recorded file."""
    recorded_ids = facts.files[file] or tuple(facts.prompts)
    prompts = {shot.id: shot.prompt for shot in board.storyboard.shots}
    same_count = sum(
        shot_id in prompts and prompts[shot_id] in facts.prompts.get(shot_id, ())
        for shot_id in recorded_ids
    )
    shared_count = sum(shot_id in prompts for shot_id in recorded_ids)
    if recorded_ids and same_count * 2 >= len(recorded_ids):
        return "same"
    is_similar = same_count or (recorded_ids and shared_count * 2 >= len(recorded_ids))
    return "similar" if is_similar else ""


def _is_same_file(board_file: Path, recorded: str) -> bool:
    if recorded == str(board_file):
        return True
    try:
        return bool(recorded) and board_file.samefile(recorded)
    except OSError:
        return False


def _exists(file: str) -> bool:
    try:
        Path(file).lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def read_identified_record(root: Path, identity: BoardIdentity) -> BoardRecord:
    """Return the record of a board, with what the store recorded under its former names.

    Raises:
        StoreError: A record is damaged.
    """
    record = read_board_record(root, identity.name, identity.file)
    for name in identity.newly_recognised:
        record = merge_board_records(record, read_board_record(root, name))
    return record


@dataclass(frozen=True)
class BoardNames:
    """All names of the boards in a store, so that budgets find the bookings of former names."""

    root: Path
    identity: BoardIdentity

    def names_of(self, attempt: Attempt) -> Collection[str]:
        """Return every name of the board that an attempt is booked for."""
        by_id = self._names_by_id.get(attempt.board_id or "")
        if by_id is not None:
            return by_id | {attempt.board}
        groups = [names for names in self._groups if attempt.board in names]
        return frozenset({attempt.board}).union(*groups)

    @cached_property
    def _facts(self) -> tuple[BoardFacts, ...]:
        return tuple(list_board_facts(self.root))

    @cached_property
    def _groups(self) -> tuple[frozenset[str], ...]:
        recorded = (frozenset((facts.name, *facts.former_names)) for facts in self._facts)
        return (self.identity.all_names, *recorded)

    @cached_property
    def _names_by_id(self) -> Mapping[str, frozenset[str]]:
        names_by_id: dict[str, frozenset[str]] = {}
        continued = {self.identity.name, *self.identity.newly_recognised}
        continued |= {candidate.name for candidate in self.identity.candidates}
        for facts in self._facts:
            names = frozenset((facts.name, *facts.former_names))
            if facts.name in continued:
                names |= self.identity.all_names
            for board_id in facts.ids:
                names_by_id[board_id] = names_by_id.get(board_id, frozenset()) | names
        return names_by_id


def describe_identity(identity: BoardIdentity, shown_as: str) -> Iterator[str]:
    """Yield a sentence for each name that a board had or may have had, with what to type."""
    for name in identity.newly_recognised:
        yield (
            f"{shown_as} was the board {name}: its takes and what is booked for it count here; "
            f"if it is another board, give --was {NOT_RENAMED}"
        )
    for candidate in identity.candidates:
        yield (
            f"{shown_as} may be the board {candidate.name} under a new name, because "
            f"{candidate.file} is gone: until you decide, budgets count what is booked for both; "
            f"give --was {candidate.name} to keep its takes, or --was {NOT_RENAMED} if it is "
            "another board"
        )
