"""Measurements, alerts, activities and marks as rows."""

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.columns import day_of, days, microseconds, moment_of
from tagging.domain.persons import PersonState
from tagging.domain.quality.alerts import Alert, AlertKind, Finding
from tagging.domain.quality.measurement import Measurement
from tagging.domain.quality.usage import Activity
from tagging.store.quality_documents import from_json, to_json
from tagging.store.quality_ports import Mark, Population, Scored
from tagging.store.sql_lists import pieces

_MEASURED = "tag_id, version, time_us, score, document"
_ALERT = "number, tag_id, kind, detail, measured, allowed, opened_us, seen_us, closed_us"
_PUT_MEASUREMENT = (
    "INSERT INTO quality_measurement (tenant, tag_id, version, time_us, score, document) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (tenant, tag_id, time_us) "
    "DO UPDATE SET version = excluded.version, score = excluded.score, document = excluded.document"
)
_LATEST = (
    f"SELECT {_MEASURED} FROM quality_measurement m WHERE tenant = ? AND time_us = "  # constants
    "(SELECT max(time_us) FROM quality_measurement n WHERE n.tenant = m.tenant AND n.tag_id = m.tag_id)"
)
_PUT_ALERT = (
    f"INSERT INTO quality_alert (tenant, {_ALERT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (tenant, number) DO UPDATE SET detail = excluded.detail, measured = excluded.measured, "
    "allowed = excluded.allowed, seen_us = excluded.seen_us, closed_us = excluded.closed_us"
)
_ADD = (
    "INSERT INTO tag_activity (tenant, day, tag_id, reads, changes, compute_ms, rows_read) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, day, tag_id) DO UPDATE SET "
    "reads = tag_activity.reads + excluded.reads, changes = tag_activity.changes + excluded.changes, "
    "compute_ms = tag_activity.compute_ms + excluded.compute_ms, "
    "rows_read = tag_activity.rows_read + excluded.rows_read"
)
_READ = (
    "INSERT INTO tag_last_read (tenant, tag_id, day) VALUES (?, ?, ?) "
    "ON CONFLICT (tenant, tag_id) DO UPDATE SET day = excluded.day WHERE tag_last_read.day < excluded.day"
)
_PUT_MARK = (
    "INSERT INTO quality_mark (tenant, run_sequence, day, counted_day, arrival, event_types) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant) DO UPDATE SET run_sequence = excluded.run_sequence, "
    "day = excluded.day, counted_day = excluded.counted_day, arrival = excluded.arrival, "
    "event_types = excluded.event_types"
)


class SqlMeasurements:
    """Measurements over the table `quality_measurement`."""

    def put(self, connection: Connection, tenant: str, measurements: Collection[Scored]) -> None:
        rows = [
            (
                tenant,
                each.measured.tag_id,
                each.measured.version,
                microseconds(each.measured.time),
                each.score.points,
                to_json(each.measured, each.score),
            )
            for each in measurements
        ]
        execute_many(connection, _PUT_MEASUREMENT, rows)

    def latest(self, connection: Connection, tenant: str, tag_ids: Collection[str]) -> dict[str, Scored]:
        found: dict[str, Scored] = {}
        for piece, marks in pieces(sorted(tag_ids)):
            rows = execute(connection, f"{_LATEST} AND tag_id IN ({marks})", (tenant, *piece))
            found |= {each.measured.tag_id: each for each in map(_scored, rows)}
        return found

    def page(
        self, connection: Connection, tenant: str, after: str, limit: int, max_points: int | None = None
    ) -> list[Scored]:
        most = 100 if max_points is None else max_points
        rows = execute(
            connection,
            f"{_LATEST} AND tag_id > ? AND score <= ? ORDER BY tag_id LIMIT ?",
            (tenant, after, most, limit),
        )
        return [_scored(row) for row in rows]

    def history(
        self, connection: Connection, tenant: str, tag_id: str, before: dt.datetime | None, limit: int
    ) -> list[Scored]:
        end = 2**62 if before is None else microseconds(before)
        rows = execute(
            connection,
            f"SELECT {_MEASURED} FROM quality_measurement WHERE tenant = ? AND tag_id = ? AND time_us < ? "
            "ORDER BY time_us DESC LIMIT ?",
            (tenant, tag_id, end, limit),
        )
        return [_scored(row) for row in rows]

    def standing_at(
        self, connection: Connection, tenant: str, tag_id: str, version: int, moment: dt.datetime
    ) -> Measurement | None:
        row = execute(
            connection,
            f"SELECT {_MEASURED} FROM quality_measurement WHERE tenant = ? AND tag_id = ? AND time_us <= ? "
            "AND version = ? ORDER BY time_us DESC LIMIT 1",
            (tenant, tag_id, microseconds(moment), version),
        ).first()
        return None if row is None else _scored(row).measured

    def times(self, connection: Connection, tenant: str, tag_id: str) -> list[dt.datetime]:
        rows = execute(
            connection,
            "SELECT time_us FROM quality_measurement WHERE tenant = ? AND tag_id = ? ORDER BY time_us",
            (tenant, tag_id),
        )
        return [moment_of(row[0]) for row in rows]

    def remove(
        self, connection: Connection, tenant: str, tag_id: str, times: Collection[dt.datetime]
    ) -> None:
        execute_many(
            connection,
            "DELETE FROM quality_measurement WHERE tenant = ? AND tag_id = ? AND time_us = ?",
            [(tenant, tag_id, microseconds(each)) for each in times],
        )

    def tag_ids(self, connection: Connection, tenant: str) -> set[str]:
        rows = execute(
            connection, "SELECT DISTINCT tag_id FROM quality_measurement WHERE tenant = ?", (tenant,)
        )
        return {row[0] for row in rows}

    def drop(self, connection: Connection, tenant: str, tag_ids: Collection[str]) -> None:
        _delete(connection, "quality_measurement", tenant, tag_ids)


class SqlAlerts:
    """Alerts over the table `quality_alert`."""

    def open(
        self, connection: Connection, tenant: str, tag_ids: Collection[str] | None = None
    ) -> dict[str, dict[AlertKind, Alert]]:
        rows = execute(
            connection,
            f"SELECT {_ALERT} FROM quality_alert WHERE tenant = ? AND closed_us = 0 ORDER BY number",
            (tenant,),
        )
        found: dict[str, dict[AlertKind, Alert]] = {}
        for alert in map(_alert, rows):
            if tag_ids is None or alert.tag_id in tag_ids:
                found.setdefault(alert.tag_id, {})[alert.kind] = alert
        return found

    def add(
        self,
        connection: Connection,
        tenant: str,
        tag_id: str,
        findings: Collection[Finding],
        now: dt.datetime,
    ) -> list[Alert]:
        if not findings:
            return []
        (row,) = execute(
            connection, "SELECT coalesce(max(number), 0) FROM quality_alert WHERE tenant = ?", (tenant,)
        ).all()
        added = [Alert(row[0] + place, tag_id, each, now, now) for place, each in enumerate(findings, 1)]
        self.put(connection, tenant, added)
        return added

    def put(self, connection: Connection, tenant: str, alerts: Collection[Alert]) -> None:
        execute_many(connection, _PUT_ALERT, [(tenant, *_alert_row(each)) for each in alerts])

    def page(
        self,
        connection: Connection,
        tenant: str,
        *,
        tag_id: str = "",
        with_closed: bool = False,
        before: int | None = None,
        limit: int,
    ) -> list[Alert]:
        conditions, values = ["tenant = ?", "number < ?"], [tenant, 2**62 if before is None else before]
        if tag_id:
            conditions.append("tag_id = ?")
            values.append(tag_id)
        if not with_closed:
            conditions.append("closed_us = 0")
        rows = execute(
            connection,
            f"SELECT {_ALERT} FROM quality_alert WHERE {' AND '.join(conditions)} "
            "ORDER BY number DESC LIMIT ?",
            (*values, limit),
        )
        return [_alert(row) for row in rows]

    def forget(self, connection: Connection, tenant: str, before: dt.datetime) -> int:
        return execute(
            connection,
            "DELETE FROM quality_alert WHERE tenant = ? AND closed_us > 0 AND closed_us < ? AND number < "
            "(SELECT max(number) FROM quality_alert WHERE tenant = ?)",
            (tenant, microseconds(before), tenant),
        ).rowcount


class SqlTagActivities:
    """TagActivities over the tables `tag_activity` and `tag_last_read`."""

    def add(self, connection: Connection, tenant: str, day: dt.date, counted: Mapping[str, Activity]) -> None:
        number = days(day)
        rows = [
            (tenant, number, tag_id, each.reads, each.changes, each.compute_ms, each.rows_read)
            for tag_id, each in sorted(counted.items())
        ]
        execute_many(connection, _ADD, rows)
        read = [(tenant, tag_id, number) for tag_id, each in sorted(counted.items()) if each.reads]
        execute_many(connection, _READ, read)

    def since(
        self, connection: Connection, tenant: str, day: dt.date, tag_ids: Collection[str] | None = None
    ) -> dict[str, Activity]:
        summed = "sum(reads), sum(changes), sum(compute_ms), sum(rows_read)"
        rows = execute(
            connection,
            f"SELECT tag_id, {summed} FROM tag_activity WHERE tenant = ? AND day >= ? GROUP BY tag_id",
            (tenant, days(day)),
        )
        return {row[0]: Activity(*map(int, row[1:])) for row in rows if tag_ids is None or row[0] in tag_ids}

    def last_reads(self, connection: Connection, tenant: str) -> dict[str, dt.date]:
        rows = execute(connection, "SELECT tag_id, day FROM tag_last_read WHERE tenant = ?", (tenant,))
        return {row[0]: day_of(row[1]) for row in rows}

    def trim(self, connection: Connection, tenant: str, before: dt.date) -> int:
        return execute(
            connection, "DELETE FROM tag_activity WHERE tenant = ? AND day < ?", (tenant, days(before))
        ).rowcount

    def drop(self, connection: Connection, tenant: str, tag_ids: Collection[str]) -> None:
        for table in ("tag_activity", "tag_last_read"):
            _delete(connection, table, tenant, tag_ids)


class SqlQualityMarks:
    """QualityMarks over the table `quality_mark`."""

    def get(self, connection: Connection, tenant: str) -> Mark | None:
        row = execute(
            connection,
            "SELECT run_sequence, day, counted_day, arrival, event_types FROM quality_mark WHERE tenant = ?",
            (tenant,),
        ).one_or_none()
        if row is None:
            return None
        return Mark(row[0], day_of(row[1]), day_of(row[2]), row[3], frozenset(json.loads(row[4])))

    def put(self, connection: Connection, tenant: str, mark: Mark) -> None:
        types = json.dumps(sorted(mark.event_types), ensure_ascii=False)
        row = (tenant, mark.run_sequence, days(mark.day), days(mark.counted), mark.arrival, types)
        execute(connection, _PUT_MARK, row)


class SqlQualityInputs:
    """QualityInputs over `person`, `value_block` and `stated_value`."""

    def population(self, connection: Connection, tenant: str) -> Population:
        rows = execute(
            connection, "SELECT state, count(*) FROM person WHERE tenant = ? GROUP BY state", (tenant,)
        )
        living = {PersonState(state): count for state, count in rows if PersonState(state).is_living}
        return Population(sum(living.values()), sum(living.values()) - living.get(PersonState.ANONYMOUS, 0))

    def of_runs(self, connection: Connection, tenant: str) -> dict[str, dt.datetime]:
        rows = execute(
            connection,
            "SELECT column_name, min(as_of_us) FROM value_block WHERE tenant = ? GROUP BY column_name",
            (tenant,),
        )
        return {row[0]: moment_of(row[1]) for row in rows}

    def latest_statement(self, connection: Connection, tenant: str, tag_id: str) -> dt.datetime | None:
        (row,) = execute(
            connection,
            "SELECT max(time_us) FROM stated_value WHERE tenant = ? AND tag_id = ?",
            (tenant, tag_id),
        ).all()
        return None if row[0] is None else moment_of(row[0])


def _delete(connection: Connection, table: str, tenant: str, tag_ids: Iterable[str]) -> None:
    execute_many(
        connection,
        f"DELETE FROM {table} WHERE tenant = ? AND tag_id = ?",
        [(tenant, each) for each in sorted(tag_ids)],
    )


def _scored(row: Any) -> Scored:
    tag_id, version, time_us, points, document = row
    return Scored(*from_json(tag_id, version, moment_of(time_us), points, document))


def _alert_row(alert: Alert) -> tuple[Any, ...]:
    return (
        alert.number,
        alert.tag_id,
        alert.kind.value,
        alert.finding.detail,
        alert.finding.measured,
        alert.finding.limit,
        microseconds(alert.opened),
        microseconds(alert.seen),
        0 if alert.closed is None else microseconds(alert.closed),
    )


def _alert(row: Any) -> Alert:
    number, tag_id, kind, detail, measured, limit, opened_us, seen_us, closed_us = row
    return Alert(
        number,
        tag_id,
        Finding(AlertKind(kind), detail, measured, limit),
        moment_of(opened_us),
        moment_of(seen_us),
        moment_of(closed_us) if closed_us else None,
    )
