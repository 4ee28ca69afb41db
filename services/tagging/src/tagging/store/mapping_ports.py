"""What use cases need of the mapping: what rules read beside events and definitions. Conventions as in ports.py."""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from rules.evaluate.row_history import RowHistory
from sqlalchemy import Connection
from tagging.domain.declared_events import DeclaredEventType
from tagging.domain.dictionary import Dictionary
from tagging.domain.events import Event
from tagging.domain.reference_rows import RowVersion
from tagging.domain.seen_events import Seen, SeenPlace, Survey


class ReferenceTables(Protocol):
    """Rows of items, stores, staff, content and benefits by key, with their history."""

    def put(self, connection: Connection, tenant: str, table: str, versions: Sequence[RowVersion]) -> int:
        """Stores versions whole by key and start, of two alike the later in the sequence; answers how many are new or
        differ. Writers of one table take turns. Raises TableFull, and then nothing is stored."""
        ...

    def rows(
        self, connection: Connection, tenant: str, tables: Collection[str]
    ) -> dict[str, dict[str, RowHistory]]:
        """table -> key -> history: every row, kept between calls and brought up to date by what changed; an entry for
        every table asked for. Read-only. Not in a transaction that puts rows."""
        ...

    def stamp(self, connection: Connection, tenant: str) -> tuple[tuple[str, int], ...]:
        """(table, change) of each table that has rows: changes whenever one of its rows does; cheap."""
        ...

    def versions(
        self,
        connection: Connection,
        tenant: str,
        table: str,
        keys: Collection[str] = (),
        after: tuple[str, int] | None = None,
        limit: int | None = None,
    ) -> list[RowVersion]:
        """In order of key and start. `keys` empty is all; `after` is the key and the start, in microseconds, of the
        last one read before."""
        ...

    def counts(self, connection: Connection, tenant: str) -> dict[str, tuple[int, int]]:
        """Keys and versions by table; a table without rows is left out."""
        ...


class Mapped(NamedTuple):
    """A part of the mapping: a reference table, or a type of event."""

    kind: Literal["table", "event"]
    name: str


@dataclass(frozen=True, slots=True)
class MappingChange:
    """Changes of one part that wait: how many, and machine time of the first and the latest."""

    mapped: Mapped
    number: int
    since_ms: int
    latest_ms: int


class MappingChanges(Protocol):
    """Which parts of the mapping have changed since the values that rest on them were computed."""

    def add(self, connection: Connection, tenant: str, mapped: Mapped, now_ms: int) -> None:
        """In the transaction that changes the part."""
        ...

    def waiting(self, connection: Connection) -> Mapping[str, Sequence[MappingChange]]:
        """By tenant, the oldest first."""
        ...

    def settle(self, connection: Connection, tenant: str, seen: Iterable[MappingChange]) -> None:
        """The values follow these; a part that changed again meanwhile goes on waiting."""
        ...


class EventDictionaries(Protocol):
    """The event dictionary of each tenant: the suite's with what the tenant declares, and its calendar."""

    def of(self, connection: Connection, tenant: str) -> Dictionary:
        """The same object until the tenant declares something else."""
        ...

    def stamp(self, connection: Connection, tenant: str) -> Hashable:
        """Changes whenever a declaration does, or the calendar; cheap."""
        ...

    def undeclared(self, connection: Connection, tenant: str) -> dict[str, frozenset[str]]:
        """Event type -> properties that came in and that the dictionary does not have."""
        ...

    def declared(self, connection: Connection, tenant: str) -> dict[str, DeclaredEventType]:
        """What the tenant declares, in order of name."""
        ...

    def put(self, connection: Connection, tenant: str, declared: DeclaredEventType) -> None:
        """Replaces what the tenant declared of this type. Writers of one tenant take turns."""
        ...

    def delete(self, connection: Connection, tenant: str, name: str) -> bool:
        """Whether there was such a declaration."""
        ...


@dataclass(frozen=True, slots=True)
class SeenType:
    """What came in of one event type. `unlisted`: values that are counted but not listed."""

    seen: Seen
    unlisted: int
    places: Mapping[SeenPlace, Seen]
    examples: Mapping[SeenPlace, tuple[str, ...]]


class SeenEvents(Protocol):
    """What came in, as far as it was looked at: each stored event is counted once."""

    def unseen(self, connection: Connection, tenant: str, limit: int) -> tuple[list[Event], int]:
        """The next events to look at, in the order that they arrived in, and the last arrival among them; when there
        are none, the last of all: what arrived since was erased or expired."""
        ...

    def pending_count(self, connection: Connection, tenant: str) -> int:
        """Events that were not looked at, at most."""
        ...

    def add(self, connection: Connection, tenant: str, survey: Survey, after: int, through: int) -> bool:
        """Counts what the events of these arrivals show; false, and nothing changes, when somebody else was faster.
        What is beyond MAX_TYPES and MAX_PROPERTIES is not listed."""
        ...

    def cursor(self, connection: Connection, tenant: str) -> int:
        """The last arrival that was looked at."""
        ...

    def types(self, connection: Connection, tenant: str, names: Collection[str] = ()) -> dict[str, SeenType]:
        """In order of name; all when `names` is empty."""
        ...

    def forget_examples(self, connection: Connection, tenant: str, event_type: str) -> None:
        """Of all properties of a type."""
        ...
