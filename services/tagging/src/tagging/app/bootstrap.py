"""Takes identity's whole state and ends where a service that never stopped would stand."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from servicekit.progress import Progress
from servicekit.revision import Lane
from sqlalchemy import Connection
from tagging.app.apply_changes import StoreFacts
from tagging.domain.facts import FactChunk, first_version, version_of
from tagging.domain.persons import Person, PersonState
from tagging.store.ports import FactStores, Recompute

COMPUTED = 500
"""Persons of one transaction, at most: the writer is shared."""


class Bootstrap:
    """Each method is one transaction; a bootstrap that broke off starts again with `begin`.

    What is stored stays readable and is compared with what comes. Nothing is appended, for the new state came
    at once and not lane by lane: `finish` begins a new epoch, and those to the right bootstrap too.
    """

    def __init__(self, stores: FactStores, recompute: Recompute, now: Callable[[], datetime]) -> None:
        self._stores = stores
        self._recompute = recompute
        self._store = StoreFacts(stores, now)

    def begin(self, connection: Connection) -> None:
        """Drops the cursor."""
        self._stores.progress.begin(connection)

    def epoch(self, connection: Connection, epoch: str) -> int:
        """The number of the epoch that the chunks are of."""
        return self._stores.progress.epoch_number(connection, epoch)

    def chunk(self, connection: Connection, chunk: FactChunk, epoch_number: int) -> None:
        """A part of the state; persons before the events. Whom it changes becomes stale."""
        persons = [
            replace(person, version=version_of(person.version, epoch_number)) for person in chunk.persons
        ]
        self._apply(connection, chunk.tenant, replace(chunk, persons=tuple(persons)))

    def end_missing(self, connection: Connection, epoch_number: int) -> bool:
        """Ends some persons that a restored identity does not know any more; false when there are none."""
        least = first_version(epoch_number)
        for tenant in self._stores.tenants.all(connection):
            gone = self._stores.key_map.stated_before(connection, tenant.name, least, COMPUTED)
            if gone:
                ended = tuple(Person(person_id, least, PersonState.ERASED) for person_id in gone)
                self._apply(connection, tenant.name, FactChunk(tenant.name, persons=ended))
                return True
        return False

    def compute(self, connection: Connection) -> bool:
        """Computes the values of some stale persons; false when there are none."""
        for tenant in self._stores.progress.stale_counts(connection):
            self._stores.tenants.lock(connection, tenant)
            stale = frozenset(self._stores.progress.stale_persons(connection, tenant, COMPUTED))
            self._recompute(connection, tenant, stale, frozenset(), Lane.BULK)
            self._stores.progress.remove_stale(connection, tenant, stale)
            return True
        return False

    def finish(self, connection: Connection, end: Progress) -> None:
        """Sets the cursor, when everybody missing is ended and everybody stale computed."""
        self._stores.progress.finish(connection, end)

    def _apply(self, connection: Connection, tenant: str, chunk: FactChunk) -> None:
        stored = self._store(connection, tenant, chunk.settings, chunk.persons, chunk.events)
        self._stores.progress.add_stale(connection, tenant, stored.touched | stored.everybody, position=1)
