"""What is kept of the quality of tags, for readers; each method in the caller's snapshot."""

import datetime as dt
from collections.abc import Sequence

from servicekit.changelog import Changelog
from servicekit.errors import ResourceNotFound
from servicekit.revision import Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnsInForce
from tagging.app.quality.looks import FindLooks
from tagging.domain.plan import Tag
from tagging.domain.quality.alerts import Alert, AlertKind
from tagging.errors import nearest
from tagging.store.quality_ports import QualityStores, Scored


class ReadQuality:
    """Changes nothing."""

    def __init__(
        self, quality: QualityStores, columns: ColumnsInForce, find: FindLooks, changelog: Changelog
    ) -> None:
        self._quality = quality
        self._find = find
        self._columns = columns
        self._changelog = changelog

    def tag(self, connection: Connection, tenant: str, tag_id: str) -> Tag:
        """Raises ResourceNotFound for a tag that is not in force."""
        tags = self._columns.of(connection, tenant).tags
        if tag_id not in tags:
            raise ResourceNotFound(f"tag {tag_id}", nearest(tag_id, tags))
        return tags[tag_id]

    def latest(self, connection: Connection, tenant: str, tag_id: str) -> Scored | None:
        return self._quality.measurements.latest(connection, tenant, [tag_id]).get(tag_id)

    def pending(self, connection: Connection, tenant: str) -> frozenset[str]:
        """The tags of which a new measurement is to come: a run of theirs has ended since, or a day begun."""
        return self._find.due(connection, tenant)

    def page(
        self, connection: Connection, tenant: str, after: str, limit: int, max_points: int | None
    ) -> Sequence[Scored]:
        """The latest of each tag, in order."""
        return self._quality.measurements.page(connection, tenant, after, limit, max_points)

    def history(
        self, connection: Connection, tenant: str, tag_id: str, before: dt.datetime | None, limit: int
    ) -> Sequence[Scored]:
        """Newest first."""
        return self._quality.measurements.history(connection, tenant, tag_id, before, limit)

    def open_alerts(self, connection: Connection, tenant: str, tag_id: str) -> Sequence[Alert]:
        """In order of kind."""
        found = self._quality.alerts.open(connection, tenant, [tag_id]).get(tag_id, {})
        return [found[kind] for kind in AlertKind if kind in found]

    def alerts(
        self,
        connection: Connection,
        tenant: str,
        *,
        tag_id: str,
        with_closed: bool,
        before: int | None,
        limit: int,
    ) -> Sequence[Alert]:
        """Newest first."""
        return self._quality.alerts.page(
            connection, tenant, tag_id=tag_id, with_closed=with_closed, before=before, limit=limit
        )

    def revision(self, connection: Connection) -> Revision:
        """What this snapshot holds."""
        head = self._changelog.head(connection)
        return Revision(self._changelog.service, head.epoch, head.position, head.position)
