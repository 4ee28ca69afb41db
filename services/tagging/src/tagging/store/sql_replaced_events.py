"""Events that identity tells anew under a higher number: it was put back from a copy, and a source sent them again.

The row takes the new number, anchor and arrival. A file of the lake that holds the event under its old number is
never rewritten: `replaced_event` lists the old numbers, and readers of the files leave them out.
"""

from collections.abc import Sequence
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.store.sql_lists import pieces

Row = tuple[Any, ...]
"""As `event` has its columns: tenant, ingest_sequence, arrival, source, event_id, ..."""


def replace_events(connection: Connection, tenant: str, repeats: Sequence[Row]) -> dict[int, int]:
    """Of rows that the store refused, those that stand in it under a lower number take the row's place.

    The new number of each event replaced, with the key that it was anchored on."""
    known = _known(connection, tenant, repeats)
    replaced: list[tuple[str, int]] = []
    found: dict[int, int] = {}
    for row in repeats:
        sequence, anchor = known.get((row[3], row[4]), (row[1], 0))
        if sequence >= row[1]:
            continue
        execute(
            connection,
            "UPDATE event SET ingest_sequence = ?, arrival = ?, type = ?, time_us = ?, anchor_key_id = ?, "
            "other_key_ids = ?, brand = ?, properties = ?, extra = ? "
            "WHERE tenant = ? AND ingest_sequence = ?",
            (row[1], row[2], *row[5:], tenant, sequence),
        )
        replaced.append((tenant, sequence))
        known[row[3], row[4]] = (row[1], row[7])
        found[row[1]] = anchor
    if replaced:
        execute_many(
            connection, "INSERT INTO replaced_event (tenant, ingest_sequence) VALUES (?, ?)", replaced
        )
    return found


def replaced_sequences(connection: Connection, tenant: str) -> list[int]:
    """The numbers that files may hold and that count no longer, ascending."""
    rows = execute(
        connection,
        "SELECT ingest_sequence FROM replaced_event WHERE tenant = ? ORDER BY ingest_sequence",
        (tenant,),
    )
    return [row[0] for row in rows]


def _known(
    connection: Connection, tenant: str, repeats: Sequence[Row]
) -> dict[tuple[str, str], tuple[int, int]]:
    """Number and anchor of each (source, event_id) that the store has."""
    by_source: dict[str, list[str]] = {}
    for row in repeats:
        by_source.setdefault(row[3], []).append(row[4])
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for source, event_ids in by_source.items():
        for piece, marks in pieces(event_ids):
            rows = execute(
                connection,
                "SELECT event_id, ingest_sequence, anchor_key_id FROM event "
                f"WHERE tenant = ? AND source = ? AND event_id IN ({marks})",
                [tenant, source, *piece],
            )
            found.update({(source, row[0]): (row[1], row[2]) for row in rows})
    return found
