"""Writes published persons and events into the changelog, the last thing a transaction does."""

from collections.abc import Sequence

from servicekit.changelog import Entry
from servicekit.revision import Lane, Revision

from identity.app.encoding import ChangeKind, Encoding
from identity.domain.record import ResolvedEvent
from identity.store.ports import Stores
from identity.store.rows import PersonRow


def append_changes(
    stores: Stores,
    encoding: Encoding,
    tenant: str,
    lane: Lane,
    persons: Sequence[PersonRow],
    events: Sequence[ResolvedEvent] = (),
) -> Revision:
    """Persons first: whoever reads an event knows its person. Rows keep the position as their version."""
    versions: dict[int, int] = {}

    def entry_of(row: PersonRow) -> Entry:
        def payload(position: int) -> bytes:
            versions[row.person_id] = position
            return encoding.versioned(row.entry, position)

        return Entry(ChangeKind.PERSON, tenant, payload)

    entries = [entry_of(row) for row in persons]
    entries += [Entry(ChangeKind.EVENT, tenant, encoding.event(event)) for event in events]
    revision = stores.changes.append(lane, entries)
    stores.persons.save(
        tenant,
        [row._replace(version=versions[row.person_id], lane=int(lane)) for row in persons],
    )
    return revision
