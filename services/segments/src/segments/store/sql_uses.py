"""SegmentUses on SQLite and PostgreSQL."""

import json
from collections.abc import Sequence

from segments.domain.uses import SegmentUse
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection


class SqlSegmentUses:
    """Implements SegmentUses."""

    def replace(self, connection: Connection, tenant: str, consumer: str, uses: Sequence[SegmentUse]) -> None:
        execute(connection, "DELETE FROM segment_use WHERE tenant = ? AND consumer = ?", (tenant, consumer))
        execute_many(
            connection,
            "INSERT INTO segment_use (tenant, consumer, kind, name, segment_ids) VALUES (?, ?, ?, ?, ?)",
            [(tenant, consumer, each.kind, each.name, json.dumps(each.segment_ids)) for each in uses],
        )

    def all(self, connection: Connection, tenant: str) -> list[SegmentUse]:
        rows = execute(
            connection, "SELECT kind, name, segment_ids FROM segment_use WHERE tenant = ?", (tenant,)
        ).all()
        return sorted(
            (SegmentUse(kind, name, tuple(json.loads(segments))) for kind, name, segments in rows),
            key=lambda each: (each.kind, each.name),
        )
