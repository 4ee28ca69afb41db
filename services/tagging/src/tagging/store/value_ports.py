"""What is kept beside the values themselves: statements of persons, versions of values, which columns stand, and when
schedules were seen.

The conventions are those of ports.py; writers hold the tenant's lock.
"""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rules.evaluate.meaning import Value
from sqlalchemy import Connection
from tagging.domain.columns import Coded, Ints, Vector
from tagging.domain.history import Difference, Keeping
from tagging.domain.standing import Standing
from tagging.domain.stated import Statement


class StatedValues(Protocol):
    """Statements by tag and person id, the one that holds of each; a person's is the fold over the ids that stand for
    it."""

    def put(
        self,
        connection: Connection,
        tenant: str,
        tag_id: str,
        statements: Collection[Statement],
        now: dt.datetime,
    ) -> frozenset[int]:
        """Keeps what supersedes what is kept, at the ids named, each once; the ids of which something changed."""
        ...

    def of_persons(
        self, connection: Connection, tenant: str, tag_ids: Collection[str], person_ids: Collection[int]
    ) -> dict[str, dict[int, Statement]]:
        """tag -> living person -> the statement that holds, lapsed or not; an entry for every tag asked for."""
        ...

    def each_of_persons(
        self, connection: Connection, tenant: str, tag_ids: Collection[str], person_ids: Collection[int]
    ) -> dict[str, dict[int, list[Statement]]]:
        """tag -> living person -> what is kept at every id that stands for it; an entry for every tag asked for."""
        ...

    def of_everybody(self, connection: Connection, tenant: str, tag_id: str) -> dict[int, Statement]:
        """Living person -> the statement that holds, lapsed or not."""
        ...

    def turning(
        self, connection: Connection, now: dt.datetime, limit: int
    ) -> dict[str, dict[str, list[int]]]:
        """tenant -> tag -> ids whose statement has lapsed since it was last seen to stand, or stands again because the
        clock was set back; at most `limit` of each sort."""
        ...

    def turn(
        self, connection: Connection, tenant: str, tag_id: str, person_ids: Collection[int], now: dt.datetime
    ) -> None:
        """These have been seen at this moment."""
        ...

    def drop(self, connection: Connection, tenant: str, tag_id: str) -> None: ...

    def forget(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> int:
        """Removes what names these ids; how many statements."""
        ...


@dataclass(frozen=True, slots=True)
class BlockChange:
    """What a published block changed, persons that did not change left out: old and new are of the same.

    texts  of the codes that no packed entry has told before
    """

    column: str
    block: int
    old: Coded
    new: Coded
    as_of: dt.datetime
    texts: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StagedBlock:
    """What becomes of one block: a file replaces what it has, or an overlay lies over it.

    below    the files that it had when it was looked at
    file     of all its values, "" for none; None when it keeps what it has
    change   the overlay that says what changes, "" for nothing; it lies over the block when there is no file
    known    how many known values more its files hold; with a file, how many there are
    """

    block: int
    below: str
    file: str | None
    change: str
    known: int


@dataclass(frozen=True, slots=True)
class StagedColumn:
    """A column's new values, in files that nothing refers to.

    blocks      of whose persons anything was computed, ascending; `standing`: the others
    superseded  persons (ascending) whose value stands above the files and is another now
    written     the file that holds what changes, "" for none
    """

    column: str
    as_of: dt.datetime
    blocks: Sequence[StagedBlock]
    standing: Sequence[int]
    superseded: Ints
    written: str


class StagedValues(Protocol):
    """Values that are computed beside the stream and put in force together: they are written to files column by column,
    and one transaction names these. Whoever holds back what was staged leaves files alone, which the next start sweeps.
    """

    def codes(
        self, connection: Connection, tenant: str, column: str, texts: Collection[str]
    ) -> Mapping[str, int]:
        """The code of each text, new ones included. The caller holds the tenant's lock: the stream gives codes, too."""
        ...

    def stage(
        self,
        connection: Connection,
        tenant: str,
        column: str,
        persons: Ints,
        values: Vector,
        codes: Mapping[str, int],
        as_of: dt.datetime,
        among: Ints | None = None,
    ) -> StagedColumn:
        """Writes and syncs the values of `persons` (ascending). Whoever is not among them has none; with `among`
        (ascending) only of these anything was computed, and all others keep theirs. Reads only. `codes`: of all texts
        in the values."""
        ...

    def changes(self, connection: Connection, tenant: str, staged: StagedColumn) -> Iterator[BlockChange]:
        """What putting it in force tells when nobody is touched before: to be ready for it. Not of texts."""
        ...

    def put_in_force(
        self,
        connection: Connection,
        tenant: str,
        staged: StagedColumn,
        keep: Ints,
        known: Collection[int] = (),
    ) -> Iterator[BlockChange] | None:
        """Names the files at once; what it answers then tells, block by block, what changed, and has to be gone over.
        Whoever is in `keep` (ascending: all whom the stream touched since anything was computed) keeps the present
        value; what a block has become in between stays below. `known`: blocks that the caller has from `changes`, told
        again only where that may not hold. None, and nothing is done, when the column was dropped since."""
        ...

    def discard(self, staged: StagedColumn) -> None:
        """Removes what was written; nothing may have been named."""
        ...


class ValueHistory(Protocol):
    """Versions of values, of the columns that keep them. `TagValues` records what changes by itself."""

    def keep(
        self, connection: Connection, tenant: str, column: str, keep_days: int, now: dt.datetime
    ) -> None:
        """From now on; 0 keeps nothing and forgets what was kept. Idempotent."""
        ...

    def kept(self, connection: Connection, tenant: str) -> dict[str, Keeping]:
        """The columns that keep versions."""
        ...

    def values_at(
        self,
        connection: Connection,
        tenant: str,
        columns: Collection[str],
        person_ids: Collection[int],
        moment: dt.datetime,
    ) -> dict[str, dict[int, Value | None]]:
        """column -> person -> the value at a moment within the column's reach, of those alone whose value changed
        since: the others have what they have now. An entry for every column asked for. A moment that passed twice,
        because the clock was set back, is answered as it was the first time."""
        ...

    def of_person(
        self, connection: Connection, tenant: str, columns: Collection[str], person_id: int
    ) -> dict[str, list[tuple[dt.datetime, Value | None]]]:
        """column -> (the moment of a change, the value before it) of all that is recorded of this id, oldest first; an
        entry for every column asked for. Reads every record of the person's block."""
        ...

    def differences(
        self,
        connection: Connection,
        tenant: str,
        column: str,
        start: dt.datetime,
        end: dt.datetime,
        after: int = 0,
    ) -> Iterator[Difference]:
        """Between two moments, block by block, ascending, from the block of the person `after`; blocks without any are
        left out."""
        ...

    def decoded(
        self, connection: Connection, tenant: str, column: str, difference: Difference
    ) -> list[tuple[int, Value | None, Value | None]]:
        """(person, value before, value after) of a difference, ascending."""
        ...

    def fold(self, connection: Connection, tenant: str) -> int:
        """Packs small records of a day together; how many went into others."""
        ...

    def trim(self, connection: Connection, now: dt.datetime) -> int:
        """Removes records that are out of reach; how many."""
        ...

    def forget(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> int:
        """Removes what was recorded of these ids; how many records were rewritten."""
        ...


class StandingColumns(Protocol):
    """The columns of which everybody's values are right but those of stale persons: everybody was computed once by the
    recipe in force, and the stream has kept them since. `TagValues.drop` lets a column fall, and those that read it."""

    def all(self, connection: Connection, tenant: str) -> dict[str, Standing]:
        """Those that stand, none that is claimed."""
        ...

    def claim(
        self, connection: Connection, tenant: str, computation_id: str, columns: Mapping[str, Standing]
    ) -> None:
        """From now on these do not stand, until the computation releases them: what it publishes is half done."""
        ...

    def release(
        self, connection: Connection, tenant: str, computation_id: str, columns: Collection[str]
    ) -> None:
        """These stand as claimed, unless they fell meanwhile or somebody else has claimed them since."""
        ...

    def fall(self, connection: Connection, tenant: str, columns: Collection[str]) -> None:
        """These do not stand any more, claimed ones included: the next computation is of everybody. Idempotent."""
        ...


class SeenSchedules(Protocol):
    """What was last seen of every scheduled tag."""

    def all(self, connection: Connection, tenant: str) -> Mapping[str, tuple[str, int]]:
        """tag -> (its schedule as text, the mark last seen): microseconds of a due moment, or a position."""
        ...

    def put(self, connection: Connection, tenant: str, seen: Mapping[str, tuple[str, int]]) -> None:
        """Stores marks of tags."""
        ...

    def drop(self, connection: Connection, tenant: str, tag_ids: Collection[str]) -> None: ...


class TagNews(Protocol):
    """What happened that tags are computed on. Places in the news only rise."""

    def heads(self, connection: Connection, tenant: str) -> tuple[int, int]:
        """Where events and values have come to."""
        ...

    def types_since(self, connection: Connection, tenant: str, arrival: int) -> frozenset[str]:
        """The types of events that arrived after a place."""
        ...

    def columns_since(self, connection: Connection, tenant: str, position: int) -> frozenset[str]:
        """The columns of which values changed after a place, in whatever lane; all there are when that cannot be
        told any more."""
        ...
