"""AcknowledgeChanges: a consumer says how far it has stored the changes and which ids it has seen."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from servicekit.errors import RevisionForeign
from servicekit.revision import Revision

from identity.errors import ConsumerUnknown
from identity.store.ports import Stores
from identity.store.rows import Counters


@dataclass(frozen=True, slots=True)
class HighestIds:
    """The highest ids of a tenant that a consumer has stored."""

    person_id: int
    key_id: int
    ingest_sequence: int


class AcknowledgeChanges:
    """Never moves back."""

    def __init__(self, consumers: Collection[str], service: str) -> None:
        self._consumers = consumers
        self._service = service

    def __call__(
        self, stores: Stores, consumer: str, through: Revision, highest: Mapping[str, HighestIds]
    ) -> None:
        """Raises ConsumerUnknown, RevisionForeign."""
        if consumer not in self._consumers:
            raise ConsumerUnknown(consumer, sorted(self._consumers))
        head = stores.changes.head()
        if through.service != self._service:
            raise RevisionForeign(through.service, f"it is not a revision of {self._service!r}")
        if through.epoch != head.epoch or max(through.live, through.bulk) > head.position:
            raise RevisionForeign(through.service, "the store was restored since")
        stores.acknowledgements.advance(consumer, through)
        for tenant, ids in sorted(highest.items()):
            counters = stores.tenants.lock(tenant, head.epoch)
            raised = Counters(
                max(counters.next_key_id, ids.key_id + 1),
                max(counters.next_ingest_sequence, ids.ingest_sequence + 1),
                counters.blocks.above(ids.person_id),
            )
            if raised != counters:
                stores.tenants.save(tenant, raised)


def acknowledged_by_all(stores: Stores, consumers: Collection[str]) -> int | None:
    """The position that every consumer has stored in both lanes; 0 while one has said nothing, None without
    consumers."""
    if not consumers:
        return None
    epoch = stores.changes.head().epoch
    positions: list[int] = []
    for consumer in consumers:
        through = stores.acknowledgements.get(consumer)
        positions.append(min(through.live, through.bulk) if through and through.epoch == epoch else 0)
    return min(positions)
