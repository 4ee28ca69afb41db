"""Takes every segment's members once a day."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import NamedTuple

from segments.app.freshness_notes import freshness_of_members
from segments.app.version import Version
from segments.domain.kept_members import KeptMembers, SegmentDay
from segments.store.life_ports import SegmentDays
from sqlalchemy import Connection

TAKEN_AT_ONCE = 5
"""Segments in one transaction: others wait for it."""
REMOVED_AT_ONCE = 100


class Due(NamedTuple):
    """A segment that has no row for its tenant's day yet."""

    tenant: str
    segment_id: str
    day: dt.date


class KeepDays:
    """A day begins when tagging has rolled it: windows then end with it. `now` is the suite's time."""

    def __init__(self, store: SegmentDays, now: Callable[[], dt.datetime]) -> None:
        self._store = store
        self._now = now

    def due(self, connection: Connection, version: Version) -> list[Due]:
        """Live segments without a row, in order."""
        found = []
        for tenant, segments in sorted(version.tenants.items()):
            live = [each.segment.segment_id for each in segments.all() if each.live]
            if live and segments.index.day is not None:
                day = segments.index.day.day
                taken = self._store.taken(connection, tenant, day)
                found += [Due(tenant, segment_id, day) for segment_id in live if segment_id not in taken]
        return found

    def take(self, connection: Connection, version: Version, due: Sequence[Due]) -> None:
        """Stores their members as they are in a version."""
        now = self._now()
        for each in due:
            segments = version.tenant(each.tenant)
            standing = segments.get(each.segment_id)
            if standing is None or standing.rule is None or not standing.live:
                continue
            freshness = freshness_of_members(segments, [standing], now)
            kept = KeptMembers(
                count=len(standing.members),
                population_count=freshness.population_count,
                take_time=now,
                as_of=freshness.as_of,
                revision_token=version.revision.token(),
                version=standing.segment.version,
            )
            day = SegmentDay(each.segment_id, each.day, kept, standing.members.serialize())
            self._store.put(connection, each.tenant, day)

    def remove_old(
        self, connection: Connection, *, counts_keep: dt.timedelta, members_keep: dt.timedelta
    ) -> int:
        """Removes some of what is kept no longer; answers how much."""
        today = self._now().date()
        members = self._store.remove_members_before(connection, today - members_keep, REMOVED_AT_ONCE)
        return members + self._store.remove_before(connection, today - counts_keep, REMOVED_AT_ONCE)
