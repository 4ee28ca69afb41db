"""ExportPersons and ExportEvents: the whole state as of one moment, in parts, and the revision to watch from.

Each export runs in one read snapshot; parts are bounded, so memory does not grow with the store.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from servicekit.revision import Revision

from identity.app.encoding import ChangeKind
from identity.app.tenant_settings import settings_of
from identity.domain.settings import TenantSettings
from identity.store.ports import Stores
from identity.store.rows import PersonRow

PERSONS_PER_PART = 1_000
EVENTS_PER_PART = 500
PART_BYTES = 1024 * 1024
"""A part holds about this much at most, whatever its count, or one item: it must fit into a message."""

T = TypeVar("T")


@dataclass(frozen=True)
class PersonsPart:
    """`settings` come with a tenant's first part, `revision` alone in the last part."""

    tenant: str = ""
    settings: TenantSettings | None = None
    persons: Sequence[PersonRow] = ()
    revision: Revision | None = None


@dataclass(frozen=True)
class EventsPart:
    """`events` are payloads of the changelog; `revision` stands alone in the last part."""

    tenant: str = ""
    events: Sequence[bytes] = ()
    revision: Revision | None = None


def export_persons(stores: Stores, service: str) -> Iterator[PersonsPart]:
    """Every person id of every tenant, by tenant and id."""
    revision = stores.changes.head().progress(service).through
    for tenant in stores.tenants.all():
        parts = _parts(_persons(stores, tenant), lambda row: len(row.entry), PERSONS_PER_PART)
        yield PersonsPart(tenant, settings_of(stores, tenant), next(parts, ()))
        for part in parts:
            yield PersonsPart(tenant, None, part)
    yield PersonsPart(revision=revision)


def export_events(stores: Stores, service: str) -> Iterator[EventsPart]:
    """The events still kept, by tenant and ingest sequence."""
    revision = stores.changes.head().progress(service).through
    for tenant in stores.tenants.all():
        payloads = (entry.payload for entry in stores.changes.kept(ChangeKind.EVENT, tenant))
        for part in _parts(payloads, len, EVENTS_PER_PART):
            yield EventsPart(tenant, part)
    yield EventsPart(revision=revision)


def _persons(stores: Stores, tenant: str) -> Iterator[PersonRow]:
    page = stores.persons.page(tenant, 0, PERSONS_PER_PART)
    yield from page
    while len(page) == PERSONS_PER_PART:
        page = stores.persons.page(tenant, page[-1].person_id, PERSONS_PER_PART)
        yield from page


def _parts(items: Iterable[T], size_of: Callable[[T], int], max_items: int) -> Iterator[tuple[T, ...]]:
    """Items in order, in parts of at most `max_items` and about `PART_BYTES`."""
    part: list[T] = []
    size = 0
    for item in items:
        size += size_of(item)
        if part and (len(part) == max_items or size > PART_BYTES):
            yield tuple(part)
            part, size = [], size_of(item)
        part.append(item)
    if part:
        yield tuple(part)
