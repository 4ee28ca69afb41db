"""SegmentDays on SQLite and PostgreSQL: a row for how many, another for who."""

import datetime as dt
from typing import Any

from segments.domain.kept_members import KeptMembers, SegmentDay
from segments.domain.packing import day_of, days, microseconds, moment_of
from servicekit.driver_sql import execute
from sqlalchemy import Connection

_COLUMNS = "segment_id, day, count, population_count, take_time_us, as_of_us, revision_token, version"
_OF_ONE = "tenant = ? AND segment_id = ?"
_MEMBERS = (
    "(SELECT members FROM segment_day_members m "
    "WHERE m.tenant = d.tenant AND m.segment_id = d.segment_id AND m.day = d.day)"
)


class SqlSegmentDays:
    """Implements SegmentDays."""

    def put(self, connection: Connection, tenant: str, day: SegmentDay) -> None:
        number, kept = days(day.day), day.kept
        added = execute(
            connection,
            f"INSERT INTO segment_day (tenant, {_COLUMNS}) VALUES ({', '.join('?' * 9)}) "
            "ON CONFLICT (tenant, segment_id, day) DO NOTHING",
            (
                tenant,
                day.segment_id,
                number,
                kept.count,
                kept.population_count,
                microseconds(kept.take_time),
                microseconds(kept.as_of),
                kept.revision_token,
                kept.version,
            ),
        )
        if added.rowcount and day.members is not None:
            execute(
                connection,
                "INSERT INTO segment_day_members (tenant, segment_id, day, members) VALUES (?, ?, ?, ?)",
                (tenant, day.segment_id, number, day.members),
            )

    def taken(self, connection: Connection, tenant: str, day: dt.date) -> frozenset[str]:
        rows = execute(
            connection, "SELECT segment_id FROM segment_day WHERE tenant = ? AND day = ?", (tenant, days(day))
        )
        return frozenset(row[0] for row in rows)

    def get(self, connection: Connection, tenant: str, segment_id: str, day: dt.date) -> SegmentDay | None:
        row = execute(
            connection,
            f"SELECT {_COLUMNS}, {_MEMBERS} FROM segment_day d WHERE {_OF_ONE} AND day = ?",
            (tenant, segment_id, days(day)),
        ).one_or_none()
        if row is None:
            return None
        members = None if row[8] is None else bytes(row[8])
        return _day(tuple(row), members, has_members=members is not None)

    def between(
        self, connection: Connection, tenant: str, segment_id: str, first: dt.date, last: dt.date
    ) -> list[SegmentDay]:
        rows = execute(
            connection,
            f"SELECT {_COLUMNS}, CASE WHEN EXISTS {_MEMBERS} THEN 1 ELSE 0 END FROM segment_day d "
            f"WHERE {_OF_ONE} AND day >= ? AND day <= ? ORDER BY day",
            (tenant, segment_id, days(first), days(last)),
        ).all()
        return [_day(tuple(row), None, has_members=bool(row[8])) for row in rows]

    def remove(self, connection: Connection, tenant: str, segment_id: str) -> None:
        for table in ("segment_day_members", "segment_day"):
            execute(connection, f"DELETE FROM {table} WHERE {_OF_ONE}", (tenant, segment_id))

    def remove_members_before(self, connection: Connection, day: dt.date, limit: int) -> int:
        return _remove_before(connection, "segment_day_members", day, limit)

    def remove_before(self, connection: Connection, day: dt.date, limit: int) -> int:
        _remove_before(connection, "segment_day_members", day, limit)
        return _remove_before(connection, "segment_day", day, limit)


def _remove_before(connection: Connection, table: str, day: dt.date, limit: int) -> int:
    return execute(
        connection,
        f"DELETE FROM {table} WHERE (tenant, segment_id, day) IN "
        f"(SELECT tenant, segment_id, day FROM {table} WHERE day < ? LIMIT ?)",
        (days(day), limit),
    ).rowcount


def _day(row: tuple[Any, ...], members: bytes | None, *, has_members: bool) -> SegmentDay:
    segment_id, day, count, population, take_time_us, as_of_us, token, version = row[:8]
    kept = KeptMembers(count, population, moment_of(take_time_us), moment_of(as_of_us), token, version)
    return SegmentDay(segment_id, day_of(day), kept, members, has_members)
