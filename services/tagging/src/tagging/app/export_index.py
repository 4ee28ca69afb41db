"""The whole state that segments needs, as one consistent snapshot."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from servicekit.changelog import Changelog, Entry
from servicekit.progress import Progress
from sqlalchemy import Connection
from tagging.domain.tenants import Tenant
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores

PERSONS = 5_000
TAGS = 200
FEATURES = 500

ExportColumn = Callable[[Connection, str, str], Iterator[Entry]]
"""(connection, tenant, column) -> the column's whole state as bounded entries, in order of block."""


@dataclass(frozen=True, slots=True)
class IndexPart:
    """Entries that say the state, as a watch would have told it."""

    tenant: str
    entries: tuple[Entry, ...]


class ExportIndex:
    """Per tenant its day, persons, tags, features, then columns block by block; last the progress."""

    def __init__(
        self, facts: FactStores, tags: TagStores, changelog: Changelog, export_column: ExportColumn
    ) -> None:
        self._facts = facts
        self._tags = tags
        self._changelog = changelog
        self._export_column = export_column

    def __call__(self, connection: Connection) -> Iterator[IndexPart | Progress]:
        """Reads as it is asked, in one snapshot."""
        progress = self._changelog.head(connection).progress(self._changelog.service)
        for tenant in self._facts.tenants.all(connection):
            for entries in self._parts(connection, tenant):
                yield IndexPart(tenant.name, entries)
        yield progress

    def _parts(self, connection: Connection, tenant: Tenant) -> Iterator[tuple[Entry, ...]]:
        name, entries = tenant.name, self._tags.entries
        yield (self._facts.entries.day(tenant),)
        yield from self._persons(connection, name)
        tags = self._tags.catalogue.all(connection, name).values()
        yield from _in_parts((entries.tag(name, tag) for tag in tags), TAGS)
        features = self._tags.features.all(connection, name).values()
        yield from _in_parts((entries.feature(name, feature) for feature in features), FEATURES)
        for column in self._tags.values.columns(connection, name):
            yield from _in_parts(self._export_column(connection, name, column), 1)

    def _persons(self, connection: Connection, tenant: str) -> Iterator[tuple[Entry, ...]]:
        after = 0
        while page := self._facts.key_map.universe(connection, tenant, after, PERSONS):
            yield tuple(self._facts.entries.person(tenant, person) for person in page)
            after = page[-1].person_id


def _in_parts(entries: Iterable[Entry], size: int) -> Iterator[tuple[Entry, ...]]:
    rest = iter(entries)
    while part := tuple(islice(rest, size)):
        yield part
