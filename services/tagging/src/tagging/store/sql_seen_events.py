"""What came in, over the tables `seen_event_type`, `seen_property` and `survey_cursor`."""

import json
from collections.abc import Collection
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.events import Event
from tagging.domain.seen_events import MAX_EXAMPLES, MAX_PROPERTIES, MAX_TYPES, Seen, SeenPlace, Survey
from tagging.store.mapping_ports import SeenType
from tagging.store.sql_events import EVENT_COLUMNS, event_of


class SqlSeenEvents:
    """SeenEvents."""

    def unseen(self, connection: Connection, tenant: str, limit: int) -> tuple[list[Event], int]:
        after = self.cursor(connection, tenant)
        rows = execute(
            connection,
            f"SELECT {EVENT_COLUMNS}, arrival FROM event WHERE tenant = ? AND arrival > ? ORDER BY arrival LIMIT ?",
            (tenant, after, limit),
        ).all()
        if rows:
            return [event_of(row[:-1]) for row in rows], rows[-1][-1]
        return [], max(after, self._arrived(connection, tenant))

    def pending_count(self, connection: Connection, tenant: str) -> int:
        return max(0, self._arrived(connection, tenant) - self.cursor(connection, tenant))

    @staticmethod
    def _arrived(connection: Connection, tenant: str) -> int:
        sql = "SELECT arrival FROM fact_counter WHERE tenant = ?"
        return execute(connection, sql, (tenant,)).scalar_one_or_none() or 0

    def cursor(self, connection: Connection, tenant: str) -> int:
        sql = "SELECT arrival FROM survey_cursor WHERE tenant = ?"
        return execute(connection, sql, (tenant,)).scalar_one_or_none() or 0

    def add(self, connection: Connection, tenant: str, survey: Survey, after: int, through: int) -> bool:
        moved = execute(
            connection,
            "INSERT INTO survey_cursor (tenant, arrival) VALUES (?, ?) "
            "ON CONFLICT (tenant) DO UPDATE SET arrival = excluded.arrival WHERE survey_cursor.arrival = ?",
            (tenant, through, after),
        )
        if not moved.rowcount or not survey.types:
            return bool(moved.rowcount)
        known = self.types(connection, tenant, survey.types.keys())
        count = execute(
            connection, "SELECT count(*) FROM seen_event_type WHERE tenant = ?", (tenant,)
        ).scalar_one()
        room = MAX_TYPES - count
        for name in sorted(survey.types):
            if name in known or room > 0:
                room -= name not in known
                self._add_type(connection, tenant, name, survey, known.get(name))
        return True

    @staticmethod
    def _add_type(
        connection: Connection, tenant: str, name: str, survey: Survey, known: SeenType | None
    ) -> None:
        room = MAX_PROPERTIES - (len(known.places) if known else 0)
        unlisted = survey.unlisted[name]
        rows: list[tuple[Any, ...]] = []
        for place, seen in sorted(survey.places.items()):
            if place.event_type != name:
                continue
            is_known = known is not None and place in known.places
            if not is_known and room <= 0:
                unlisted += seen.count
                continue
            room -= not is_known
            before = known.examples.get(place, ()) if known else ()
            examples = tuple(dict.fromkeys((*before, *survey.examples.get(place, ()))))[:MAX_EXAMPLES]
            said = json.dumps(examples, ensure_ascii=False)
            rows.append((tenant, *place, seen.count, seen.first_us, seen.last_us, said))
        execute_many(
            connection,
            "INSERT INTO seen_property (tenant, type, name, source, kind, count, first_us, last_us, examples) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, type, name, source, kind) DO UPDATE SET "
            f"count = seen_property.count + excluded.count, {_spread('seen_property')}, examples = excluded.examples",
            rows,
        )
        of_type = survey.types[name]
        execute(
            connection,
            "INSERT INTO seen_event_type (tenant, type, event_count, unlisted_count, first_us, last_us) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, type) DO UPDATE SET "
            "event_count = seen_event_type.event_count + excluded.event_count, "
            "unlisted_count = seen_event_type.unlisted_count + excluded.unlisted_count, "
            f"{_spread('seen_event_type')}",
            (tenant, name, of_type.count, unlisted, of_type.first_us, of_type.last_us),
        )

    def types(self, connection: Connection, tenant: str, names: Collection[str] = ()) -> dict[str, SeenType]:
        listed = sorted(names)
        condition = f" AND type IN ({', '.join('?' * len(listed))})" if listed else ""
        found: dict[str, SeenType] = {}
        for name, count, unlisted, first, last in execute(
            connection,
            "SELECT type, event_count, unlisted_count, first_us, last_us FROM seen_event_type "
            f"WHERE tenant = ?{condition} ORDER BY type",
            [tenant, *listed],
        ):
            found[name] = SeenType(Seen(count, first, last), unlisted, {}, {})
        for type_, name, source, kind, count, first, last, examples in execute(
            connection,
            "SELECT type, name, source, kind, count, first_us, last_us, examples FROM seen_property "
            f"WHERE tenant = ?{condition} ORDER BY type, name, count DESC, source, kind",
            [tenant, *listed],
        ):
            place = SeenPlace(type_, name, source, kind)
            found[type_].places[place] = Seen(count, first, last)  # type: ignore[index]
            if shown := json.loads(examples):
                found[type_].examples[place] = tuple(shown)  # type: ignore[index]
        return found

    def forget_examples(self, connection: Connection, tenant: str, event_type: str) -> None:
        execute(
            connection,
            "UPDATE seen_property SET examples = '[]' WHERE tenant = ? AND type = ?",
            (tenant, event_type),
        )


def _spread(table: str) -> str:
    """The earlier of two first times, the later of two last ones."""
    return (
        f"first_us = CASE WHEN excluded.first_us < {table}.first_us THEN excluded.first_us ELSE {table}.first_us END, "
        f"last_us = CASE WHEN excluded.last_us > {table}.last_us THEN excluded.last_us ELSE {table}.last_us END"
    )
