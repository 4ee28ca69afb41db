"""Whole events by their numbers."""

from collections.abc import Collection

from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.domain.events import Event
from tagging.store.sql_events import EVENT_COLUMNS, event_of
from tagging.store.sql_lists import pieces


def events_by_sequence(connection: Connection, tenant: str, sequences: Collection[int]) -> dict[int, Event]:
    """Whole events by their ingest sequences."""
    found: dict[int, Event] = {}
    for piece, marks in pieces(sequences):
        rows = execute(
            connection,
            f"SELECT {EVENT_COLUMNS} FROM event WHERE tenant = ? AND ingest_sequence IN ({marks})",
            [tenant, *piece],
        )
        found.update((event.ingest_sequence, event) for event in map(event_of, rows))
    return found
