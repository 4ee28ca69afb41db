"""RecycleBin on SQLite and PostgreSQL; what a deleted segment said is its latest version."""

import datetime as dt

from segments.domain.packing import microseconds, moment_of
from segments.domain.segment import Deletion, Segment
from segments.store.life_ports import SegmentVersions
from servicekit.driver_sql import execute
from sqlalchemy import Connection

_COLUMNS = (
    "segment_id, version, etag, create_time_us, update_time_us, delete_time_us, subject, reason, forced"
)


class SqlRecycleBin:
    """Implements RecycleBin."""

    def __init__(self, versions: SegmentVersions) -> None:
        self._versions = versions

    def put(self, connection: Connection, tenant: str, deletion: Deletion) -> None:
        segment = deletion.segment
        execute(
            connection,
            f"INSERT INTO deleted_segment (tenant, {_COLUMNS}) VALUES ({', '.join('?' * 10)})",
            (
                tenant,
                segment.segment_id,
                segment.version,
                segment.etag,
                microseconds(segment.create_time),
                microseconds(segment.update_time),
                microseconds(deletion.time),
                deletion.subject,
                deletion.reason,
                deletion.forced,
            ),
        )

    def get(self, connection: Connection, tenant: str, segment_id: str) -> Deletion | None:
        found = self._read(connection, tenant, "segment_id = ?", (segment_id,), 1)
        return found[0] if found else None

    def page(self, connection: Connection, tenant: str, after: str, limit: int) -> list[Deletion]:
        return self._read(connection, tenant, "segment_id > ?", (after,), limit)

    def remove(self, connection: Connection, tenant: str, segment_id: str) -> None:
        execute(
            connection,
            "DELETE FROM deleted_segment WHERE tenant = ? AND segment_id = ?",
            (tenant, segment_id),
        )

    def due(self, connection: Connection, before: dt.datetime, limit: int) -> list[tuple[str, str]]:
        rows = execute(
            connection,
            "SELECT tenant, segment_id FROM deleted_segment WHERE delete_time_us < ? ORDER BY delete_time_us LIMIT ?",
            (microseconds(before), limit),
        ).all()
        return [(tenant, segment_id) for tenant, segment_id in rows]

    def _read(
        self, connection: Connection, tenant: str, where: str, values: tuple[str, ...], limit: int
    ) -> list[Deletion]:
        rows = execute(
            connection,
            f"SELECT {_COLUMNS} FROM deleted_segment WHERE tenant = ? AND {where} ORDER BY segment_id LIMIT ?",
            (tenant, *values, limit),
        ).all()
        found = []
        for segment_id, number, etag, created_us, updated_us, deleted_us, subject, reason, forced in rows:
            said = self._versions.get(connection, tenant, segment_id, number)
            assert said is not None  # versions go with the purge
            segment = Segment(
                said.draft,
                said.canonical_rule,
                etag,
                moment_of(created_us),
                moment_of(updated_us),
                version=number,
            )
            found.append(Deletion(segment, moment_of(deleted_us), subject, reason, bool(forced)))
        return found
