"""Events as rows."""

import datetime as dt
import json
import time
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.domain.columns import microseconds, moment_of
from tagging.domain.events import Event
from tagging.domain.person_events import PersonEvents
from tagging.store.ports import Appended, Highest, PersonIds, Place
from tagging.store.property_json import Decoded, stored_values
from tagging.store.sql_counters import ensure_counters
from tagging.store.sql_key_owners import keys_of_persons, owners_of_keys
from tagging.store.sql_lists import pieces
from tagging.store.sql_replaced_events import replace_events
from tagging.store.sql_retention import counting, horizon_of
from tagging.store.stored_events import fields_of

INSERTED = 200
"""Rows of one insert, at most: 12 parameters each."""
ROW_BYTES = 100
"""What a row weighs in files beside its properties, about."""
EVENT_COLUMNS = (
    "ingest_sequence, source, event_id, type, time_us, anchor_key_id, other_key_ids, brand, properties, extra"
)


class SqlEventStore:
    """EventStore over the table `event`."""

    def append(self, connection: Connection, tenant: str, events: Sequence[Event]) -> Appended:
        if not events:
            return Appended()
        ensure_counters(connection, tenant)
        arrival = execute(
            connection,
            "UPDATE fact_counter SET arrival = arrival + ? WHERE tenant = ? RETURNING arrival",
            (len(events), tenant),
        ).scalar_one() - len(events)
        stored: set[int] = set()
        left: set[int] = set()
        size_bytes = 0
        for start in range(0, len(events), INSERTED):
            piece = events[start : start + INSERTED]
            rows = [_row(tenant, arrival + start + 1 + index, event) for index, event in enumerate(piece)]
            new = {
                row[0]
                for row in execute(connection, _insert(len(rows)), [part for row in rows for part in row])
            }
            if len(new) < len(rows):
                told_anew = replace_events(connection, tenant, [row for row in rows if row[1] not in new])
                new |= told_anew.keys()
                left.update(told_anew.values())
            size_bytes += sum(len(row[10]) + len(row[11]) + ROW_BYTES for row in rows if row[1] in new)
            stored |= new
        self._count(connection, tenant, events, size_bytes)
        first: dict[int, Event] = {}
        for event in events:
            first.setdefault(event.ingest_sequence, event)
        appended = tuple(event for sequence, event in first.items() if sequence in stored)
        return Appended(appended, frozenset(left))

    def of_persons(
        self,
        connection: Connection,
        tenant: str,
        person_ids: Collection[int],
        types: Collection[str] | None = None,
    ) -> dict[int, list[Event]]:
        found: dict[int, list[Event]] = {person_id: [] for person_id in person_ids}
        if types is not None and not types:
            return found
        listed = sorted(types) if types is not None else []
        of_types = f" AND type IN ({', '.join('?' * len(listed))})" if listed else ""
        count, bounds = counting(horizon_of(connection, tenant))
        owners = keys_of_persons(connection, tenant, found)
        for piece, marks in pieces(owners):
            rows = execute(
                connection,
                f"SELECT {EVENT_COLUMNS} FROM event "
                f"WHERE tenant = ? AND anchor_key_id IN ({marks}){of_types}{count}",
                [tenant, *piece, *listed, *bounds],
            )
            for event in map(event_of, rows):
                found[owners[event.anchor_key_id]].append(event)
        for events in found.values():
            events.sort(key=lambda event: (event.time, event.ingest_sequence))
        return found

    def columns_of_persons(
        self, connection: Connection, tenant: str, person_ids: Sequence[int], types: Collection[str]
    ) -> PersonEvents:
        owners = keys_of_persons(connection, tenant, person_ids) if types else {}
        slots = {person_id: slot for slot, person_id in enumerate(person_ids)}
        listed = sorted(types)
        count, bounds = counting(horizon_of(connection, tenant))
        rows: list[Any] = []
        for piece, marks in pieces(owners):
            rows += execute(
                connection,
                "SELECT anchor_key_id, time_us, ingest_sequence, type, source, properties, extra FROM event "
                f"WHERE tenant = ? AND anchor_key_id IN ({marks}) AND type IN ({', '.join('?' * len(listed))}){count}",
                [tenant, *piece, *listed, *bounds],
            )
        if not rows:
            return PersonEvents(len(person_ids))
        rows = sorted((slots[owners[row[0]]], *row[1:]) for row in rows)
        of_slots, times_us, sequences, of_types, sources, said, extra = zip(*rows, strict=True)
        return PersonEvents(
            len(person_ids),
            np.array(of_slots, np.int64),
            np.array(times_us, np.int64),
            sequences,
            of_types,
            sources,
            Decoded(said),
            Decoded(extra),
        )

    def times(
        self, connection: Connection, tenant: str, person_ids: Collection[int]
    ) -> list[tuple[int, str, int]]:
        found: list[tuple[int, str, int]] = []
        count, bounds = counting(horizon_of(connection, tenant))
        owners = keys_of_persons(connection, tenant, person_ids)
        for piece, marks in pieces(owners):
            rows = execute(
                connection,
                "SELECT anchor_key_id, type, time_us FROM event "
                f"WHERE tenant = ? AND anchor_key_id IN ({marks}){count}",
                [tenant, *piece, *bounds],
            )
            found += [(owners[key], type_, time_us) for key, type_, time_us in rows]
        return found

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
        found: list[Event] = []
        if types is not None and not types:
            return found
        listed = sorted(types) if types is not None else []
        condition = f" AND type IN ({', '.join('?' * len(listed))})" if types is not None else ""
        count, bounds = counting(horizon_of(connection, tenant))
        condition += count
        if before is not None:
            condition += " AND time_us <= ? AND (time_us < ? OR ingest_sequence < ?)"
            bounds += [before.time_us, before.time_us, before.ingest_sequence]
        for piece, marks in pieces(keys_of_persons(connection, tenant, [person_id])):
            rows = execute(
                connection,
                f"SELECT {EVENT_COLUMNS} FROM event "
                f"WHERE tenant = ? AND anchor_key_id IN ({marks}){condition} "
                "ORDER BY time_us DESC, ingest_sequence DESC LIMIT ?",
                [tenant, *piece, *listed, *bounds, limit],
            )
            found += map(event_of, rows)
        found.sort(key=lambda event: (event.time, event.ingest_sequence), reverse=True)
        return found[:limit]

    def persons_active(
        self, connection: Connection, tenant: str, start: dt.datetime, end: dt.datetime
    ) -> PersonIds:
        rows = execute(
            connection,
            "SELECT DISTINCT anchor_key_id FROM event WHERE tenant = ? AND time_us >= ? AND time_us < ?",
            (tenant, microseconds(start), microseconds(end)),
        )
        owners = owners_of_keys(connection, tenant, [row[0] for row in rows])
        return np.array(sorted({person_id for person_id in owners.values() if person_id}), dtype=np.int64)

    def highest(self, connection: Connection) -> dict[str, Highest]:
        rows = execute(
            connection,
            "SELECT tenant, highest_person_id, highest_key_id, highest_ingest_sequence FROM fact_counter",
        )
        return {row[0]: Highest(*row[1:]) for row in rows}

    @staticmethod
    def _count(connection: Connection, tenant: str, events: Sequence[Event], size_bytes: int) -> None:
        keys = max(max(event.anchor_key_id, *event.other_key_ids, 0) for event in events)
        sequence = max(event.ingest_sequence for event in events)
        execute(
            connection,
            "UPDATE fact_counter SET recent_bytes = recent_bytes + ?, "
            "recent_since_ms = CASE WHEN recent_since_ms = 0 AND ? > 0 THEN ? ELSE recent_since_ms END, "
            "highest_key_id = CASE WHEN highest_key_id < ? THEN ? ELSE highest_key_id END, "
            "highest_ingest_sequence = "
            "CASE WHEN highest_ingest_sequence < ? THEN ? ELSE highest_ingest_sequence END WHERE tenant = ?",
            (size_bytes, size_bytes, int(time.time() * 1000), keys, keys, sequence, sequence, tenant),
        )


def event_of(row: Sequence[Any]) -> Event:
    """The event of a row of EVENT_COLUMNS."""
    sequence, source, event_id, type_, time_us, anchor, others, brand, properties, extra = row
    return Event(
        ingest_sequence=sequence,
        source=source,
        event_id=event_id,
        type=type_,
        time=moment_of(time_us),
        anchor_key_id=anchor,
        other_key_ids=tuple(json.loads(others)) if others else (),
        brand=brand,
        properties=stored_values(properties),
        extra=stored_values(extra),
    )


def _row(tenant: str, arrival: int, event: Event) -> tuple[Any, ...]:
    sequence, *fields = fields_of(event)
    return tenant, sequence, arrival, *fields


def _insert(rows: int) -> str:
    marks = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * rows)
    return (
        "INSERT INTO event (tenant, ingest_sequence, arrival, source, event_id, type, time_us, "
        f"anchor_key_id, other_key_ids, brand, properties, extra) VALUES {marks} "
        "ON CONFLICT DO NOTHING RETURNING ingest_sequence"
    )
