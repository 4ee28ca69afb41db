"""What the use cases need of segments' past: versions of what was said, and members as they were each day."""

from typing import Protocol

from segments.domain.versions import SegmentVersion
from sqlalchemy import Connection


class SegmentVersions(Protocol):
    """Versions by (tenant, segment_id, version)."""

    def put(self, connection: Connection, tenant: str, version: SegmentVersion) -> None:
        """Stores a new version."""
        ...

    def get(
        self, connection: Connection, tenant: str, segment_id: str, version: int
    ) -> SegmentVersion | None:
        """One version; None when there is none."""
        ...

    def page(
        self, connection: Connection, tenant: str, segment_id: str, below: int | None, limit: int
    ) -> list[SegmentVersion]:
        """Newest first, those below a version."""
        ...

    def remove(self, connection: Connection, tenant: str, segment_id: str) -> None:
        """Removes all of a segment's."""
        ...
