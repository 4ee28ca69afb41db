"""Events as the store has them, column by column; what they say is text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tagging.domain.columns import microseconds
from tagging.domain.events import Event
from tagging.store.property_json import encode


@dataclass(frozen=True, slots=True)
class StoredEvents:
    """Rows of the table `event`, in the order of EVENT_COLUMNS. Each column has a value per event.

    others             lists of key ids, "" for none
    properties, extra  JSON, as `property_json` says
    """

    sequences: Sequence[int] = ()
    sources: Sequence[str] = ()
    event_ids: Sequence[str] = ()
    types: Sequence[str] = ()
    times_us: Sequence[int] = ()
    anchors: Sequence[int] = ()
    others: Sequence[str] = ()
    brands: Sequence[str] = ()
    properties: Sequence[str] = ()
    extra: Sequence[str] = ()

    @staticmethod
    def of_rows(rows: Sequence[Sequence[Any]]) -> "StoredEvents":
        return StoredEvents(*zip(*rows, strict=True)) if rows else StoredEvents()

    @staticmethod
    def of(events: Iterable[Event]) -> "StoredEvents":
        return StoredEvents.of_rows([fields_of(event) for event in events])

    def __len__(self) -> int:
        return len(self.sequences)


def fields_of(event: Event) -> tuple[Any, ...]:
    """An event as a row of EVENT_COLUMNS."""
    return (
        event.ingest_sequence,
        event.source,
        event.event_id,
        event.type,
        microseconds(event.time),
        event.anchor_key_id,
        str(list(event.other_key_ids)) if event.other_key_ids else "",
        event.brand,
        encode(event.properties),
        encode(event.extra),
    )
