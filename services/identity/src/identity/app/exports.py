"""ExportPersons and ExportEvents: the whole state as of one moment, in parts, and the revision to watch from.

Each export runs in one read snapshot; parts are bounded, so memory does not grow with the store.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from servicekit.revision import Revision

from identity.app.encoding import ChangeKind
from identity.app.tenant_settings import settings_of
from identity.domain.settings import TenantSettings
from identity.store.ports import Stores
from identity.store.rows import PersonRow

PERSONS_PER_PART = 1_000
EVENTS_PER_PART = 500


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
        persons = stores.persons.page(tenant, 0, PERSONS_PER_PART)
        yield PersonsPart(tenant, settings_of(stores, tenant), persons)
        while len(persons) == PERSONS_PER_PART:
            persons = stores.persons.page(tenant, persons[-1].person_id, PERSONS_PER_PART)
            yield PersonsPart(tenant, None, persons)
    yield PersonsPart(revision=revision)


def export_events(stores: Stores, service: str) -> Iterator[EventsPart]:
    """The events still kept, by tenant and ingest sequence."""
    revision = stores.changes.head().progress(service).through
    for tenant in stores.tenants.all():
        entries = stores.changes.kept(ChangeKind.EVENT, tenant)
        while part := tuple(entry.payload for entry in islice(entries, EVENTS_PER_PART)):
            yield EventsPart(tenant, part)
    yield EventsPart(revision=revision)
