"""SegmentStore and SnapshotStore on SQLite and PostgreSQL."""

import datetime as dt
import json
from typing import Any

from rules.check import Population
from segments.domain.packing import microseconds, moment_of
from segments.domain.segment import Draft, Kind, Segment, Snapshot, State
from servicekit.driver_sql import execute
from sqlalchemy import Connection

_SEGMENT_COLUMNS = (
    "segment_id, display_name, description, rule, canonical_rule, population, brand, etag, "
    "create_time_us, update_time_us, state, note, folder, owner, version, kind"
)
_SNAPSHOT_COLUMNS = (
    "snapshot_id, segment_id, canonical_rule, count, population_count, create_time_us, as_of_us, "
    "revision_token, members, purposes, version"
)


class SqlSegmentStore:
    """Implements SegmentStore."""

    def get(self, connection: Connection, tenant: str, segment_id: str) -> Segment | None:
        row = execute(
            connection,
            f"SELECT {_SEGMENT_COLUMNS} FROM segment WHERE tenant = ? AND segment_id = ?",
            (tenant, segment_id),
        ).one_or_none()
        return None if row is None else _segment(tuple(row))

    def all(self, connection: Connection) -> list[tuple[str, Segment]]:
        rows = execute(
            connection,
            f"SELECT tenant, {_SEGMENT_COLUMNS} FROM segment ORDER BY tenant, segment_id",
        ).all()
        return [(row[0], _segment(tuple(row[1:]))) for row in rows]

    def put(self, connection: Connection, tenant: str, segment: Segment) -> None:
        self.delete(connection, tenant, segment.segment_id)
        draft = segment.draft
        execute(
            connection,
            f"INSERT INTO segment (tenant, {_SEGMENT_COLUMNS}) VALUES ({', '.join('?' * 17)})",
            (
                tenant,
                draft.segment_id,
                draft.display_name,
                draft.description,
                draft.rule,
                segment.canonical_rule,
                draft.population.value,
                draft.brand,
                segment.etag,
                microseconds(segment.create_time),
                microseconds(segment.update_time),
                segment.state.value,
                segment.note,
                draft.folder,
                draft.owner,
                segment.version,
                draft.kind.value,
            ),
        )

    def delete(self, connection: Connection, tenant: str, segment_id: str) -> bool:
        found = execute(
            connection, "DELETE FROM segment WHERE tenant = ? AND segment_id = ?", (tenant, segment_id)
        )
        return found.rowcount > 0

    def moments(self, connection: Connection) -> dict[str, dt.datetime]:
        rows = execute(connection, "SELECT tenant, moment_us FROM tenant_moment").all()
        return {tenant: moment_of(moment_us) for tenant, moment_us in rows}

    def put_moment(self, connection: Connection, tenant: str, moment: dt.datetime) -> None:
        execute(
            connection,
            "INSERT INTO tenant_moment (tenant, moment_us) VALUES (?, ?) "
            "ON CONFLICT (tenant) DO UPDATE SET moment_us = excluded.moment_us",
            (tenant, microseconds(moment)),
        )


class SqlSnapshotStore:
    """Implements SnapshotStore."""

    def get(self, connection: Connection, tenant: str, snapshot_id: str) -> Snapshot | None:
        row = execute(
            connection,
            f"SELECT {_SNAPSHOT_COLUMNS} FROM snapshot WHERE tenant = ? AND snapshot_id = ?",
            (tenant, snapshot_id),
        ).one_or_none()
        return None if row is None else _snapshot(tuple(row))

    def page(
        self,
        connection: Connection,
        tenant: str,
        segment_id: str,
        before: tuple[dt.datetime, str] | None,
        limit: int,
    ) -> list[Snapshot]:
        columns = _SNAPSHOT_COLUMNS.replace("members", "NULL")
        time_us, snapshot_id = (2**62, "") if before is None else (microseconds(before[0]), before[1])
        rows = execute(
            connection,
            f"SELECT {columns} FROM snapshot WHERE tenant = ? AND segment_id = ? "
            "AND (create_time_us < ? OR (create_time_us = ? AND snapshot_id < ?)) "
            "ORDER BY create_time_us DESC, snapshot_id DESC LIMIT ?",
            (tenant, segment_id, time_us, time_us, snapshot_id, limit),
        ).all()
        return [_snapshot(tuple(row)) for row in rows]

    def add(self, connection: Connection, tenant: str, snapshot: Snapshot) -> None:
        execute(
            connection,
            f"INSERT INTO snapshot (tenant, {_SNAPSHOT_COLUMNS}) VALUES ({', '.join('?' * 12)})",
            (
                tenant,
                snapshot.snapshot_id,
                snapshot.segment_id,
                snapshot.canonical_rule,
                snapshot.count,
                snapshot.population_count,
                microseconds(snapshot.create_time),
                microseconds(snapshot.as_of),
                snapshot.revision_token,
                snapshot.members,
                json.dumps(snapshot.purposes),
                snapshot.version,
            ),
        )

    def remove_before(self, connection: Connection, moment: dt.datetime, limit: int) -> int:
        return execute(
            connection,
            "DELETE FROM snapshot WHERE (tenant, snapshot_id) IN (SELECT tenant, snapshot_id FROM snapshot "
            "WHERE create_time_us < ? ORDER BY create_time_us LIMIT ?)",
            (microseconds(moment), limit),
        ).rowcount


def _snapshot(row: tuple[Any, ...]) -> Snapshot:
    return Snapshot(
        snapshot_id=row[0],
        segment_id=row[1],
        canonical_rule=row[2],
        count=row[3],
        population_count=row[4],
        create_time=moment_of(row[5]),
        as_of=moment_of(row[6]),
        revision_token=row[7],
        members=bytes(row[8] or b""),
        purposes=tuple(json.loads(row[9])),
        version=row[10],
    )


def _segment(row: tuple[Any, ...]) -> Segment:
    return Segment(
        draft=Draft(
            segment_id=row[0],
            display_name=row[1],
            description=row[2],
            rule=row[3],
            population=Population(row[5]),
            brand=row[6],
            folder=row[12],
            owner=row[13],
            kind=Kind(row[15]),
        ),
        canonical_rule=row[4],
        etag=row[7],
        create_time=moment_of(row[8]),
        update_time=moment_of(row[9]),
        state=State(row[10]),
        note=row[11],
        version=row[14],
    )
