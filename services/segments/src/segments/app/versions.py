"""The versions of what was said of a segment, and what differs between two."""

from segments.app.segments import existing
from segments.app.version import Version
from segments.domain.versions import FieldDifference, SegmentVersion, differing_fields
from segments.store.life_ports import SegmentVersions
from servicekit.errors import ResourceNotFound
from sqlalchemy import Connection


class Versions:
    """Reads in the caller's snapshot; `version` tells which segments there are."""

    def __init__(self, store: SegmentVersions) -> None:
        self._store = store

    def page(
        self,
        connection: Connection,
        version: Version,
        tenant: str,
        segment_id: str,
        below: int | None,
        limit: int,
    ) -> list[SegmentVersion]:
        """Newest first. Raises ResourceNotFound."""
        existing(version, tenant, segment_id)
        return self._store.page(connection, tenant, segment_id, below, limit)

    def diff(
        self, connection: Connection, version: Version, tenant: str, segment_id: str, old: int, new: int
    ) -> tuple[FieldDifference, ...]:
        """`new` 0 is the one in force, `old` 0 the one before the new one. Raises ResourceNotFound."""
        latest = existing(version, tenant, segment_id).version
        after = self.get(connection, tenant, segment_id, new or latest)
        before = self.get(connection, tenant, segment_id, old or max(1, after.version - 1))
        return differing_fields(before.draft, after.draft)

    def get(self, connection: Connection, tenant: str, segment_id: str, number: int) -> SegmentVersion:
        """One version. Raises ResourceNotFound."""
        found = self._store.get(connection, tenant, segment_id, number)
        if found is None:
            raise ResourceNotFound(f"version {number} of segment {segment_id!r}")
        return found
