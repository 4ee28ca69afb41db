"""What the use cases need of the store. Every method takes the connection of the caller's transaction.

A method that reads sees that transaction's snapshot, its own writes included; none blocks beyond the store.
Ids and keys are positive; a tenant that has no facts is an empty one, never an error.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from rules.check import Population
from rules.evaluate.events import Column, EventSource
from rules.evaluate.meaning import Value
from servicekit.changelog import Entry
from servicekit.progress import Progress as UpstreamProgress
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.domain.events import Event
from tagging.domain.lake import LakeFile
from tagging.domain.person_events import PersonEvents
from tagging.domain.persons import Person, PersonDelta
from tagging.domain.tenants import Tenant, TenantSettings
from tagging.store.stored_events import StoredEvents

# --------------------------------------------------------------------------------------------------- facts

PersonIds = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LivingPersons:
    """Persons that are living, in order of their ids; `states` by PersonState, `birth_hashes` unsigned."""

    ids: PersonIds
    states: npt.NDArray[np.int8]
    birth_hashes: npt.NDArray[np.uint64]


class FollowSettings(Protocol):
    """What follows from a tenant's settings at once, beside persons left stale."""

    def __call__(self, connection: Connection, tenant: str) -> Callable[[], Sequence[Entry]]:
        """Called before settings are stored, under the tenant's lock; what it answers is called after them, in the same
        transaction, and answers the entries to append."""
        ...


class Recompute(Protocol):
    """What follows from facts: the value entries to append, after those of the facts."""

    def __call__(
        self,
        connection: Connection,
        tenant: str,
        person_ids: frozenset[int],
        whole: frozenset[int],
        lane: Lane,
        types: frozenset[str] | None = None,
    ) -> Sequence[Entry]:
        """Called in the transaction that stores the facts, after them, for the ids that the facts touched: living
        persons, and ids that stopped living, whose values must go. Of the ids in `whole`, which are among them, all
        values are told and not only those that changed: facts of the other lane overtook this one's, and a lane
        promises only what it carries itself. `types`: nothing is new of these persons but events of these types; None
        when anything may be. The trace of the facts is the current one.
        """
        ...


@dataclass(frozen=True, slots=True)
class Highest:
    """The highest ids that a tenant's store has seen, 0 for none; events without a person count too."""

    person_id: int = 0
    key_id: int = 0
    ingest_sequence: int = 0


class Appended(NamedTuple):
    """What an append changed: the events stored, in the given order, and the keys that events moved away from."""

    events: tuple[Event, ...] = ()
    left_keys: frozenset[int] = frozenset()


class Place(NamedTuple):
    """Where an event stands in the order of time."""

    time_us: int
    ingest_sequence: int


class EventStore(Protocol):
    """Every event as a row: point reads by person and by time. (tenant, ingest_sequence) and
    (tenant, source, event_id) are unique for ever."""

    def append(self, connection: Connection, tenant: str, events: Sequence[Event]) -> Appended:
        """Stores what is new; a repeat changes nothing. A (source, event_id) told under a higher ingest_sequence
        takes the place of what is stored: identity has lost the first, and given its keys anew."""
        ...

    def of_persons(
        self,
        connection: Connection,
        tenant: str,
        person_ids: Collection[int],
        types: Collection[str] | None = None,
    ) -> dict[int, list[Event]]:
        """The events of each person, folded over its keys, in order of (time, ingest_sequence); an entry for
        every id asked for. `types` None is all types. Does not follow redirects."""
        ...

    def columns_of_persons(
        self, connection: Connection, tenant: str, person_ids: Sequence[int], types: Collection[str]
    ) -> PersonEvents:
        """As `of_persons`, of these distinct persons, for who computes many; no types are no events."""
        ...

    def times(
        self, connection: Connection, tenant: str, person_ids: Collection[int]
    ) -> list[tuple[int, str, int]]:
        """(person id, type, microseconds since 1970) of every event of these persons, folded over their keys, in any
        order. Reads no properties."""
        ...

    def latest(
        self,
        connection: Connection,
        tenant: str,
        person_id: int,
        limit: int,
        *,
        types: Collection[str] | None = None,
        before: Place | None = None,
    ) -> list[Event]:
        """A person's latest events, newest first, of one moment the last to arrive first. `types` None is all types;
        `before` leaves out what stands at this place or after it."""
        ...

    def persons_active(
        self, connection: Connection, tenant: str, start: dt.datetime, end: dt.datetime
    ) -> PersonIds:
        """The persons with an event at start <= time < end; ascending, distinct."""
        ...

    def highest(self, connection: Connection) -> dict[str, Highest]:
        """By tenant; person_id is the key map's."""
        ...


class KeyMap(Protocol):
    """Which person each key belongs to, and what is known of every person id.

    The map is a function of the set of statements, whatever their order: of a person the statement of the
    highest version holds; of the persons that then list a key, the one of the highest version has it.
    """

    def apply(self, connection: Connection, tenant: str, statements: Sequence[Person]) -> PersonDelta:
        """Applies statements, in any order, repeats included."""
        ...

    def persons(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> dict[int, Person]:
        """What is known of ids; an unknown id is left out."""
        ...

    def living(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> dict[int, Person]:
        """id asked for -> the living person it stands for, redirects followed; erased and unknown ids are
        left out."""
        ...

    def owners(self, connection: Connection, tenant: str, key_ids: Collection[int]) -> dict[int, int]:
        """key -> person id; a key without a person is left out."""
        ...

    def keys_of(
        self, connection: Connection, tenant: str, person_ids: Collection[int]
    ) -> dict[int, list[int]]:
        """The keys that belong to each person, ascending; an entry for every id asked for."""
        ...

    def population(self, connection: Connection, tenant: str, population: Population) -> PersonIds:
        """The living persons of a population, ascending."""
        ...

    def objecting(self, connection: Connection, tenant: str) -> PersonIds:
        """The living who object to profiling, ascending."""
        ...

    def attributes_of(
        self, connection: Connection, tenant: str, person_ids: Collection[int]
    ) -> list[tuple[int, Mapping[str, Value]]]:
        """As `attributes`, of these persons."""
        ...

    def erased(self, connection: Connection, tenant: str) -> list[int]:
        """The ids of the erased, and those that stood for them; ascending."""
        ...

    def universe(self, connection: Connection, tenant: str, after: int, limit: int) -> list[Person]:
        """Up to `limit` person ids above `after`, redirected and erased ones included, ascending."""
        ...

    def stated_before(self, connection: Connection, tenant: str, version: int, limit: int) -> list[int]:
        """Up to `limit` person ids, any state, whose statement is of a lower version."""
        ...

    def attributes(
        self, connection: Connection, tenant: str, after: int, limit: int
    ) -> list[tuple[int, Mapping[str, Value]]]:
        """Living persons of whom attributes are stated, with these, in order of their ids, above `after`."""
        ...

    def everybody(self, connection: Connection, tenant: str) -> LivingPersons:
        """All living persons; kept and brought up to date as `array`. Not in a transaction that applies statements."""
        ...

    def array(self, connection: Connection, tenant: str) -> PersonIds:
        """person id by key id (0 = nobody), dense from key 0: 8 bytes a key. Read-only; kept between calls
        and brought up to date by what changed. Not in a transaction that applies statements."""
        ...


class Tenants(Protocol):
    """The tenants that have facts, their settings and their day."""

    def lock(self, connection: Connection, tenant: str) -> None:
        """First in every transaction that stores facts, or values computed from facts: those of one tenant
        take turns, so that no value is computed from facts older than the last stored value's."""
        ...

    def get(self, connection: Connection, tenant: str) -> Tenant | None: ...

    def all(self, connection: Connection) -> list[Tenant]:
        """In order of name."""
        ...

    def ensure(self, connection: Connection, tenant: str, now: dt.datetime) -> Tenant:
        """The tenant; a new one starts with default settings, at its day of `now`."""
        ...

    def put_settings(self, connection: Connection, tenant: str, settings: TenantSettings) -> bool:
        """Stores the settings of an existing tenant; whether they differ from before."""
        ...

    def set_day(self, connection: Connection, tenant: str, day: dt.date) -> None:
        """Rolls the day; the caller appends the entry in the same transaction."""
        ...


class Progress(Protocol):
    """How far the facts of identity are stored, and how far their consequences reach.

    Facts of the bulk lane leave persons stale; what is promised of that lane ends before the oldest fact that
    somebody is stale of. Both change in the transaction that makes the change true.
    """

    def cursor(self, connection: Connection) -> Revision | None:
        """How far the facts are stored; None before the first bootstrap has ended, and during any."""
        ...

    def promised(self, connection: Connection) -> Revision | None:
        """The revision of identity whose every consequence is stored."""
        ...

    def begin(self, connection: Connection) -> None:
        """Drops the cursor: a bootstrap begins. The promise stays as it is."""
        ...

    def finish(self, connection: Connection, end: UpstreamProgress) -> None:
        """Sets the cursor and the promise, and begins a new epoch of our own: a bootstrap has ended. Nobody
        may be stale."""
        ...

    def advance(self, connection: Connection, lane: Lane, through: Revision) -> None:
        """Moves the cursor in one lane, and the promise; after stale persons are added."""
        ...

    def epoch_number(self, connection: Connection, epoch: str) -> int:
        """How many epochs of identity were seen before this one, which counts from now on."""
        ...

    def add_stale(
        self,
        connection: Connection,
        tenant: str,
        person_ids: Collection[int],
        position: int,
        overtaken: Collection[int] = (),
        types: Mapping[int, Collection[str]] = MappingProxyType({}),
    ) -> None:
        """Marks persons whose values lag behind a fact at this position of the bulk lane; the first mark of a
        person stays. `overtaken`, among them, are those whose facts the live lane overtook; `types`: of those of whom
        nothing is new but events of these types."""
        ...

    def overtake(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> None:
        """The live lane carries values of these persons: those of them that are stale are told whole."""
        ...

    def stale_persons(self, connection: Connection, tenant: str, limit: int) -> dict[int, bool]:
        """The persons that have been stale longest -> whether their values are told whole (`Recompute`)."""
        ...

    def stale_ids(self, connection: Connection, tenant: str) -> dict[frozenset[str] | None, PersonIds]:
        """All of them, ascending, by the types of events that alone are new of them since they are stale; None: of whom
        anything may be."""
        ...

    def stale_counts(self, connection: Connection) -> dict[str, int]:
        """Stale persons by tenant; a tenant without any is left out."""
        ...

    def remove_stale(
        self,
        connection: Connection,
        tenant: str,
        person_ids: Collection[int] | None,
        up_to_position: int | None = None,
    ) -> None:
        """In the transaction that stores their values and appends to the bulk lane: they are stale no longer,
        and the promise moves on. None is everybody who need not be told whole, for runs. `up_to_position`:
        only those marked at or before it."""
        ...


@dataclass(frozen=True, slots=True)
class Flushed:
    """The arrivals that a flush has put into files: after < arrival <= through."""

    after: int
    through: int


class Manifest(Protocol):
    """Which files hold which events, and which events are in none yet, in the order that they arrived in."""

    def files(self, connection: Connection, tenant: str) -> list[LakeFile]:
        """In order of day, then path."""
        ...

    def recent_count(self, connection: Connection, tenant: str) -> int:
        """Events not yet in files."""
        ...

    def flushed(self, connection: Connection, tenant: str) -> int:
        """The last arrival that is in a file."""
        ...

    def recent(self, connection: Connection, tenant: str, after: int, limit: int) -> tuple[StoredEvents, int]:
        """The next events that arrived after this one, and the last arrival among them."""
        ...

    def due(self, connection: Connection, bytes_: int, before_ms: int) -> list[str]:
        """Tenants with at least so much to flush, or something that waits since this machine time."""
        ...

    def commit(
        self, connection: Connection, tenant: str, files: Sequence[LakeFile], flushed: Flushed
    ) -> bool:
        """Names files; false, and nothing changes, when another flush was faster."""
        ...

    def replace(
        self, connection: Connection, tenant: str, gone: Sequence[str], files: Sequence[LakeFile]
    ) -> bool:
        """Names files in the place of others; false, and nothing changes, when one of the others is named no more:
        somebody else has replaced it. Under the tenant's lock."""
        ...


class Forgetting(Protocol):
    """Removes the events of keys that were erased."""

    def rows(self, connection: Connection, tenant: str, key_ids: Collection[int]) -> int:
        """Removes the rows; returns how many there were."""
        ...

    def rewritten(self, file: LakeFile, key_ids: Collection[int], name: str) -> LakeFile | None:
        """Writes and syncs a copy of a file without the events of the keys, under a name of its own; None when the file
        has none of them. A copy without events is left out: its count is 0. The copy is read again and holds none of
        the keys, or RuntimeError. Blocks."""
        ...

    def columns(self, tenant: str, paths: Collection[str]) -> None:
        """Removes, durably, columns that were built of any other file of the tenant than these; they are built again of
        what is left."""
        ...


class LakeWriter(Protocol):
    """Writes files of the lake; a flush is collected page by page."""

    def collect(self, events: StoredEvents, settings: TenantSettings) -> Any:
        """The events of a page as `write` takes them; their days are the tenant's."""
        ...

    def write(self, tenant: str, pages: Sequence[Any], flush: int) -> list[LakeFile]:
        """Writes and syncs the files of one flush, in order of day, under names that follow from its number.
        Nothing is half visible at any moment. Blocks."""
        ...

    def sweep(self, named: Collection[str]) -> int:
        """Removes every file whose path is not named; returns how many. Only while nothing is written."""
        ...


class HeldEvents(Protocol):
    """The events of a snapshot, as relations or as columns; either is made when first asked for. They stay readable
    after the transaction has ended, until the DuckDB connection is closed. Not for concurrent use."""

    @property
    def persons(self) -> LivingPersons:
        """Whose they are."""
        ...

    def persons_within(
        self, event_types: Collection[str], spans: Sequence[Collection[tuple[int, int]]]
    ) -> list[PersonIds]:
        """For each of the spans who of its persons, ascending, has events of these types in any of its [start, end),
        microseconds since 1970 UTC; it may be that some do not count any more."""
        ...

    def among(self, duck: Any, person_ids: PersonIds) -> "HeldEvents":
        """The same events as of the same snapshot, of those alone of these ids (ascending) that are of its persons;
        with the same relations in another DuckDB connection. This one has to stay open."""
        ...

    def relate(self) -> None:
        """Makes the relations events_<type>, with the columns that `rules.evaluate.tables` documents, of each type
        asked for. Rows without a person are left out. Idempotent."""
        ...

    def columns(self) -> "EventColumns":
        """The events as columns of persons in slots: the living, ascending."""
        ...

    def latest(self, event_types: Collection[str], as_of: dt.datetime) -> Column:
        """The time of each person's latest event of any of the types, up to a moment."""
        ...

    def counts(self) -> Mapping[str, int]:
        """How many events there are by type, those without a person included; of some persons, how many of the tables
        that were read are theirs."""
        ...


class EventColumns(EventSource, Protocol):
    """What `rules.evaluate.events` reads. `tags`: those at hand, by name; put them there."""

    @property
    def tags(self) -> dict[str, Column]: ...


class LakeRelations(Protocol):
    """Events of a tenant: those of the manifest's files, and the rows not yet in files."""

    def attach(
        self, connection: Connection, duck: Any, tenant: str, event_types: Collection[str]
    ) -> HeldEvents:
        """The events of these types as of the snapshot of `connection`, and these relations in a DuckDB connection:

        persons             person_id, state (PersonState), birth_hash (unsigned 64 bits); living only
        reference_<table>   for every reference table
        """
        ...


class FactEntries(Protocol):
    """Entries of the changelog about facts.

    Kind: a `ChangeKind`. Payload: a serialised huaxiang.tagging.v1.Change without tenant, position and
    traceparent, which Watch sets from the stored entry. An adapter of its own makes the entries about tags.
    """

    def person(self, tenant: str, person: Person) -> Entry: ...

    def day(self, tenant: Tenant) -> Entry: ...

    def touched(self, tenant: str, person_ids: Collection[int] = (), *, everybody: bool = False) -> Entry:
        """Something moved that portraits of these persons show, or those of everybody: copies of them are old."""
        ...


@dataclass(frozen=True, slots=True)
class FactStores:
    """The stores that facts are written to, together."""

    events: EventStore
    key_map: KeyMap
    tenants: Tenants
    progress: Progress
    entries: FactEntries


# ---------------------------------------------------------------------------------------------------- tags
