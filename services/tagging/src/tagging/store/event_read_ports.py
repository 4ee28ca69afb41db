"""What those need of events who look at a person and change nothing."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from rules.evaluate.person import Event as RuleEvent
from sqlalchemy import Connection
from tagging.domain.dictionary import Dictionary
from tagging.domain.events import Event
from tagging.store.ports import Place


class Mark(NamedTuple):
    """An event by its arrival, which arrivals before it have, too: all that files and columns hold stands up to one.
    `arrival` 0 is before all events; `ingest_sequence` 0: the event is gone."""

    arrival: int = 0
    ingest_sequence: int = 0


NO_MARK = Mark()


class EventMarks(Protocol):
    """Where a tenant's events stand in the order of their arrival."""

    def flushed(self, connection: Connection, tenant: str) -> Mark:
        """The last that is in files: so are all that arrived before it, as far as they are kept."""
        ...


class HeldPersonEvents(Protocol):
    """Events of a person as the one-person evaluator reads them."""

    @property
    def events(self) -> tuple[RuleEvent, ...]:
        """In order of (time, ingest sequence). Their properties are read in the transaction alone."""
        ...

    def keep(self, shown: Iterable[RuleEvent]) -> None:
        """These, which are among them, stay readable after the transaction. Call it once, last."""
        ...


class EventReads(Protocol):
    """The answers of EventStore, in whatever way is fastest. In transactions that read alone: what is seen of rows is
    remembered between calls, and must not be taken back."""

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
        """As EventStore says."""
        ...

    def times(
        self, connection: Connection, tenant: str, person_ids: Collection[int]
    ) -> list[tuple[int, str, int]]:
        """As EventStore says."""
        ...

    def of_person(
        self,
        connection: Connection,
        tenant: str,
        person_id: int,
        types: Collection[str],
        dictionary: Dictionary,
        since: Mapping[str, dt.datetime] = MappingProxyType({}),
    ) -> HeldPersonEvents:
        """The person's events of these types, as `EventStore.of_persons`; their properties by this dictionary. `since`:
        by type, earlier ones may be left out."""
        ...
