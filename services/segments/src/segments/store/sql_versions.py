"""SegmentVersions on SQLite and PostgreSQL."""

from typing import Any

from rules.check import Population
from segments.domain.packing import microseconds, moment_of
from segments.domain.segment import Draft, Kind
from segments.domain.versions import Saying, SegmentVersion
from servicekit.driver_sql import execute
from sqlalchemy import Connection

_COLUMNS = (
    "segment_id, version, display_name, description, rule, canonical_rule, population, brand, folder, owner, "
    "start_time_us, subject, reason, kind"
)


class SqlSegmentVersions:
    """Implements SegmentVersions."""

    def put(self, connection: Connection, tenant: str, version: SegmentVersion) -> None:
        draft = version.draft
        execute(
            connection,
            f"INSERT INTO segment_version (tenant, {_COLUMNS}) VALUES ({', '.join('?' * 15)})",
            (
                tenant,
                draft.segment_id,
                version.version,
                draft.display_name,
                draft.description,
                draft.rule,
                version.canonical_rule,
                draft.population.value,
                draft.brand,
                draft.folder,
                draft.owner,
                microseconds(version.saying.time),
                version.saying.subject,
                version.saying.reason,
                draft.kind.value,
            ),
        )

    def get(
        self, connection: Connection, tenant: str, segment_id: str, version: int
    ) -> SegmentVersion | None:
        row = execute(
            connection,
            f"SELECT {_COLUMNS} FROM segment_version WHERE tenant = ? AND segment_id = ? AND version = ?",
            (tenant, segment_id, version),
        ).one_or_none()
        return None if row is None else _version(tuple(row))

    def page(
        self, connection: Connection, tenant: str, segment_id: str, below: int | None, limit: int
    ) -> list[SegmentVersion]:
        rows = execute(
            connection,
            f"SELECT {_COLUMNS} FROM segment_version WHERE tenant = ? AND segment_id = ? AND version < ? "
            "ORDER BY version DESC LIMIT ?",
            (tenant, segment_id, 2**31 - 1 if below is None else below, limit),
        ).all()
        return [_version(tuple(row)) for row in rows]

    def remove(self, connection: Connection, tenant: str, segment_id: str) -> None:
        execute(
            connection,
            "DELETE FROM segment_version WHERE tenant = ? AND segment_id = ?",
            (tenant, segment_id),
        )


def _version(row: tuple[Any, ...]) -> SegmentVersion:
    segment_id, version, name, description, rule, canonical, population, brand, folder, owner = row[:10]
    draft = Draft(
        segment_id, name, description, rule, Population(population), brand, folder, owner, Kind(row[13])
    )
    return SegmentVersion(version, draft, canonical, Saying(row[11], row[12], moment_of(row[10])))
