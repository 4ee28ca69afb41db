"""What the use cases of tags need of the store. The conventions are those of ports.py.

Writers of values hold the tenant's lock (`Tenants.lock`), so that a run that publishes and the stream never
pass each other.
"""

import datetime as dt
from collections.abc import Collection, Hashable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from rules.evaluate.meaning import Value
from rules.values import Kind
from servicekit.changelog import Entry
from sqlalchemy import Connection
from tagging.domain.columns import Coded, Ints, Shape, Vector
from tagging.domain.cuts import Cuts
from tagging.domain.plan import Tag
from tagging.domain.run_failures import Failure
from tagging.domain.schedule import Cause
from tagging.store.value_ports import (
    BlockChange,
    SeenSchedules,
    StagedValues,
    StandingColumns,
    StatedValues,
    ValueHistory,
)

# ----------------------------------------------------------------------------------------------- catalogue


class TagCatalogue(Protocol):
    """The definitions in force."""

    def all(self, connection: Connection, tenant: str) -> dict[str, Tag]:
        """In order of tag_id."""
        ...

    def stamp(self, connection: Connection, tenant: str) -> Hashable:
        """Changes whenever a definition does; cheap."""
        ...

    def put(self, connection: Connection, tenant: str, tags: Collection[Tag]) -> None:
        """Stores tags whole, new ones included."""
        ...

    def delete(self, connection: Connection, tenant: str, tag_ids: Collection[str]) -> None: ...

    def set_coverage(self, connection: Connection, tenant: str, tag_id: str, coverage: int) -> None: ...

    def add_coverage(self, connection: Connection, tenant: str, gained: Mapping[str, int]) -> None:
        """So many persons more, or fewer, have a value of each tag."""
        ...


@dataclass(frozen=True, slots=True)
class FrozenCuts:
    """Cuts that a run froze for one version of a tag; numbered from 1."""

    number: int
    version: int
    run_id: str
    as_of: dt.datetime
    cuts: Cuts


class CutStore(Protocol):
    """The cuts by tag, newest last; none is ever changed."""

    def latest(self, connection: Connection, tenant: str, tag_id: str, version: int) -> FrozenCuts | None:
        """None before the first run of this version."""
        ...

    def add(
        self,
        connection: Connection,
        tenant: str,
        tag_id: str,
        version: int,
        run_id: str,
        as_of: dt.datetime,
        cuts: Cuts,
    ) -> FrozenCuts: ...

    def drop(self, connection: Connection, tenant: str, tag_id: str) -> None: ...


# -------------------------------------------------------------------------------------------------- values


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A person's value of a column; None is unknown. `from_run`: a run computed it, not the stream."""

    value: Value | None
    as_of: dt.datetime
    from_run: bool


class TagValues(Protocol):
    """Every person's values: immutable block files, and a delta above them, folded in the background.

    Columns are tags and features alike. Unknown values are not kept, except above a block that has one.
    """

    def columns(self, connection: Connection, tenant: str) -> dict[str, Shape]: ...

    def declare(self, connection: Connection, tenant: str, column: str, shape: Shape) -> None:
        """Makes a column; one that exists with another shape loses its values."""
        ...

    def drop(self, connection: Connection, tenant: str, column: str) -> None:
        """The column, its values and its dictionary."""
        ...

    def get(
        self, connection: Connection, tenant: str, columns: Collection[str], person_ids: Collection[int]
    ) -> dict[str, dict[int, StoredValue]]:
        """column -> person -> value, an entry for every declared column asked for; a person of whom nothing
        was ever stored in it is left out. Does not follow redirects."""
        ...

    def values(
        self, connection: Connection, tenant: str, columns: Collection[str], person_ids: Collection[int]
    ) -> dict[str, dict[int, Value | None]]:
        """As `get`, the values alone: for many persons at once."""
        ...

    def put(
        self,
        connection: Connection,
        tenant: str,
        values: Mapping[str, Mapping[int, Value | None]],
        as_of: dt.datetime,
    ) -> None:
        """The stream's values, above the blocks."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """What is published within, by this thread and in a transaction that is open until after it, is made durable
        at once, which is faster than block by block."""
        ...

    def publish(
        self,
        connection: Connection,
        tenant: str,
        column: str,
        block: int,
        persons: Ints,
        values: Vector,
        keep: Ints,
        as_of: dt.datetime,
        among: Ints | None = None,
    ) -> BlockChange:
        """Replaces a block by what was computed for `persons` (ascending, all of the block). Whoever is not
        among them has no value; whoever is in `keep` (ascending) keeps the present one. `among` (ascending): only of
        these anything was computed, and `persons` are of them; all others keep theirs, and the stream's stay so."""
        ...

    def blocks(self, connection: Connection, tenant: str, column: str) -> list[int]:
        """The blocks that hold anything, ascending."""
        ...

    def read_block(
        self, connection: Connection, tenant: str, column: str, block: int
    ) -> tuple[Coded, dt.datetime | None]:
        """The known values of a block, delta included, and the moment of its run (None: only the stream). Of a
        weighted list the codes of its texts alone."""
        ...

    def scan_block(self, connection: Connection, tenant: str, column: str, block: int) -> Coded:
        """As `read_block`, for who goes over everything once: what others read often stays in memory."""
        ...

    def texts(self, connection: Connection, tenant: str, column: str) -> dict[int, str]:
        """The column's whole dictionary: code -> text."""
        ...

    def texts_of(
        self, connection: Connection, tenant: str, column: str, codes: Collection[int]
    ) -> dict[int, str]:
        """Of these codes; it may hold others, too."""
        ...

    def open_column(
        self, connection: Connection, tenant: str, column: str, among: Ints | None = None
    ) -> tuple[Ints, Vector]:
        """The persons with a known value, ascending, and their values. `among` (ascending): of these alone."""
        ...

    def known_count(self, connection: Connection, tenant: str, column: str) -> int:
        """Persons with a known value."""
        ...

    def latest_put(self, connection: Connection, tenant: str) -> dt.datetime | None:
        """The latest moment of values above blocks; None when there are none. Goes over all of them."""
        ...

    def fold(self, connection: Connection, tenant: str, at_least: int) -> int:
        """Folds the deltas of the blocks that have at least so many rows into new files; how many blocks."""
        ...

    def fold_gone(
        self, connection: Connection, tenant: str, person_ids: Collection[int], at_most: int
    ) -> int:
        """Folds blocks that lie below overlays or below what the stream gave of these persons, whose values are gone:
        files in force hold nothing of them when it answers 0. How many blocks."""
        ...

    def retire(self, connection: Connection, before_machine_time_ms: int) -> list[str]:
        """Forgets the files that were replaced before then, for `remove` after the commit."""
        ...

    def remove(self, files: Collection[str]) -> None: ...

    def sweep(self, connection: Connection) -> int:
        """At start-up, while nothing is written: removes the files that a crash left and nothing names."""
        ...


# -------------------------------------------------------------------------------------------- computations


class Computations(Protocol):
    """Who is touched while something computes everybody: the stream's values of those are newer."""

    def begin(self, connection: Connection, tenant: str, computation_id: str) -> None:
        """Starts to record; the computation takes its snapshot after this is committed."""
        ...

    def touch(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> None:
        """Records persons with every computation under way; with none, does nothing."""
        ...

    def under_way(self, connection: Connection, tenant: str) -> bool:
        """Whether anything computes everybody now."""
        ...

    def touched(self, connection: Connection, tenant: str, computation_id: str) -> Ints:
        """Ascending."""
        ...

    def end(self, connection: Connection, tenant: str, computation_id: str) -> None:
        """Stops to record and forgets. Idempotent."""
        ...

    def end_all(self, connection: Connection) -> dict[str, list[int]]:
        """At start-up: whatever computed before has died. Whom it recorded, ascending, by tenant."""
        ...


class RunState(IntEnum):
    """The numbers are those of huaxiang.tagging.v1.RunState."""

    PENDING = 1
    RUNNING = 2
    SUCCEEDED = 3
    FAILED = 4
    CANCELLED = 5

    @property
    def is_final(self) -> bool:
        return self >= RunState.SUCCEEDED


@dataclass(frozen=True, slots=True)
class Cost:
    """What computing took: machine time of its own, and rows of events and persons that its queries went over."""

    milliseconds: int = 0
    rows_read: int = 0

    def plus(self, other: "Cost") -> "Cost":
        return Cost(self.milliseconds + other.milliseconds, self.rows_read + other.rows_read)


@dataclass(frozen=True, slots=True)
class Run:
    """A run. `tag_ids` as asked for, () is all; `sequence` rises by tenant; machine times in milliseconds.

    cause, because   why it started, and what that names: the tags' schedules, the event type, the other tag
    cpu_ms           processor time of the process meanwhile, all its threads
    rows_read        rows of events and persons that its queries went over
    costs            by tag
    everybody        whether it computes everybody, whether the tags stand or not
    person_counts    persons computed, by tag
    """

    run_id: str
    sequence: int
    request_id: str
    tag_ids: tuple[str, ...]
    state: RunState = RunState.PENDING
    as_of: dt.datetime | None = None
    started_ms: int | None = None
    ended_ms: int | None = None
    tag_count: int = 0
    coverage: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    cancel: bool = False
    revision: str = ""
    cause: Cause = Cause.REQUEST
    because: str = ""
    cpu_ms: int = 0
    rows_read: int = 0
    costs: Mapping[str, Cost] = field(default_factory=dict)
    everybody: bool = False
    person_counts: Mapping[str, int] = field(default_factory=dict)


class Runs(Protocol):
    """Runs as resources."""

    def get(self, connection: Connection, tenant: str, run_id: str) -> Run | None: ...

    def of_request(self, connection: Connection, tenant: str, request_id: str) -> Run | None: ...

    def page(self, connection: Connection, tenant: str, before: int | None, limit: int) -> list[Run]:
        """Newest first, of a sequence below `before`."""
        ...

    def add(
        self,
        connection: Connection,
        tenant: str,
        run_id: str,
        request_id: str,
        tag_ids: Collection[str],
        cause: Cause = Cause.REQUEST,
        because: str = "",
        *,
        everybody: bool = False,
    ) -> Run:
        """A pending run of the next sequence."""
        ...

    def put(self, connection: Connection, tenant: str, run: Run) -> None:
        """Stores all but `cancel`, which only `ask_to_stop` sets."""
        ...

    def ask_to_stop(self, connection: Connection, tenant: str, run_id: str) -> None: ...

    def unfinished(self, connection: Connection) -> list[tuple[str, Run]]:
        """(tenant, run) of all that are pending or running, oldest first within a tenant."""
        ...


# ------------------------------------------------------------------------------------------------ features


class FeatureState(IntEnum):
    """The numbers are those of huaxiang.tagging.v1.FeatureState."""

    BACKFILLING = 1
    LIVE = 2
    FAILED = 3
    DROPPED = 4


@dataclass(frozen=True, slots=True)
class Feature:
    """A form in canonical text that somebody needs. `unneeded_ms`: nobody does since then, machine time."""

    form: str
    column: str
    base: Kind
    state: FeatureState = FeatureState.BACKFILLING
    done_count: int = 0
    total_count: int = 0
    failure: str = ""
    unneeded_ms: int | None = None


class Features(Protocol):
    """Features and who needs them."""

    def all(self, connection: Connection, tenant: str) -> dict[str, Feature]:
        """By form, in order."""
        ...

    def stamp(self, connection: Connection, tenant: str) -> Hashable:
        """Changes whenever a form comes, goes or fails; cheap."""
        ...

    def put(self, connection: Connection, tenant: str, features: Collection[Feature]) -> None: ...

    def delete(self, connection: Connection, tenant: str, forms: Collection[str]) -> None: ...

    def needed(self, connection: Connection, tenant: str) -> dict[str, frozenset[str]]:
        """Consumer -> forms."""
        ...

    def set_needed(
        self, connection: Connection, tenant: str, consumer: str, forms: Collection[str]
    ) -> None: ...

    def backfilling(self, connection: Connection) -> dict[str, list[Feature]]:
        """By tenant."""
        ...

    def unneeded(self, connection: Connection, before_machine_time_ms: int) -> dict[str, list[Feature]]:
        """By tenant: those that nobody needs since before then."""
        ...


class DuePersons(Protocol):
    """When a person's values change next although nothing happens to them; microseconds of suite time."""

    def put(self, connection: Connection, tenant: str, due_us: Mapping[int, int | None]) -> None:
        """Replaces; None forgets."""
        ...

    def due(self, connection: Connection, now_us: int, limit: int) -> dict[str, list[int]]:
        """By tenant, the earliest first, at most `limit` of each."""
        ...

    def count(self, connection: Connection, tenant: str, now_us: int) -> int: ...

    def overdue(self, connection: Connection, tenant: str, now_us: int) -> Ints:
        """Everybody due by now, ascending."""
        ...

    def forget(self, connection: Connection, tenant: str, until_us: int) -> None:
        """Forgets everybody due by then."""
        ...


class TagEntries(Protocol):
    """Entries of the changelog about tags, rendered as FactEntries are."""

    def values(self, tenant: str, person_id: int, values: Mapping[str, Value | None]) -> Entry: ...

    def blocks(self, tenant: str, change: BlockChange) -> list[Entry]:
        """One entry or more, each below a bounded size. When no value changed, of a tag one that says that the block is
        of another moment, of a feature none."""
        ...

    def stood(self, tenant: str, column: str, blocks: Collection[int]) -> list[Entry]:
        """That no value of these blocks changed, and that they are of another moment; of a feature none."""
        ...

    def tag(self, tenant: str, tag: Tag, *, deleted: bool = False) -> Entry: ...

    def feature(self, tenant: str, feature: Feature) -> Entry: ...


@dataclass(frozen=True, slots=True)
class TagStores:
    """The stores of tags, together."""

    catalogue: TagCatalogue
    cuts: CutStore
    values: TagValues
    computations: Computations
    runs: Runs
    features: Features
    due: DuePersons
    stated: StatedValues
    history: ValueHistory
    schedules: SeenSchedules
    standing: StandingColumns
    staged: StagedValues
    entries: TagEntries
