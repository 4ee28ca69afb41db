"""Who was in a segment before, and who came and went since."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from pyroaring import BitMap
from segments.app.freshness_notes import freshness_of_members
from segments.app.membership import segment_with_members
from segments.app.segments import existing
from segments.app.tenant_segments import TenantSegments
from segments.app.today import today
from segments.app.version import Version
from segments.domain.kept_members import KeptMembers, MembersAt, SegmentDay, Stretch, stretches_of
from segments.errors import PersonUnknown
from segments.store.life_ports import SegmentDays
from segments.store.ports import SnapshotStore
from servicekit.errors import InvalidField, ResourceNotFound
from sqlalchemy import Connection

MAX_TREND_DAYS = 1_000
TREND_DAYS = 90


@dataclass(frozen=True, slots=True)
class Side:
    """Members of one moment, as who they are today; `rule` is the canonical one of a snapshot, "" otherwise."""

    kept: KeptMembers
    members: BitMap
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """Who is only in the second (`joined`), only in the first (`left`), and how many are in both."""

    old: KeptMembers
    new: KeptMembers
    joined: BitMap
    left: BitMap
    stayed_count: int


class MemberHistory:
    """Reads in the caller's snapshot, beside one version. `now` is the suite's time."""

    def __init__(self, days: SegmentDays, snapshots: SnapshotStore, now: Callable[[], dt.datetime]) -> None:
        self._days = days
        self._snapshots = snapshots
        self._now = now

    def trend(
        self,
        connection: Connection,
        version: Version,
        tenant: str,
        segment_id: str,
        first: dt.date | None,
        last: dt.date | None,
    ) -> list[SegmentDay]:
        """Oldest first. Raises ResourceNotFound, InvalidField."""
        existing(version, tenant, segment_id)
        index = version.tenant(tenant).index
        end = last or (index.day.day if index.day is not None else index.calendar.day_of(self._now()))
        start = first or end - dt.timedelta(days=TREND_DAYS - 1)
        if (end - start).days > MAX_TREND_DAYS:
            raise InvalidField(
                "from_day", f"is {(end - start).days} days before the last, the limit is {MAX_TREND_DAYS}"
            )
        return self._days.between(connection, tenant, segment_id, start, end)

    def diff(
        self,
        connection: Connection,
        version: Version,
        tenant: str,
        segment_id: str,
        old: MembersAt,
        new: MembersAt,
    ) -> Difference:
        """Raises ResourceNotFound, SegmentNotLive, InvalidField."""
        before = self.side(connection, version, tenant, segment_id, old)
        after = self.side(connection, version, tenant, segment_id, new)
        return Difference(
            before.kept,
            after.kept,
            after.members - before.members,
            before.members - after.members,
            before.members.intersection_cardinality(after.members),
        )

    def of_person(
        self, connection: Connection, version: Version, tenant: str, segment_id: str, person_id: int
    ) -> tuple[list[Stretch], bool | None]:
        """When one person was in, of the days whose members are kept, and whether that is so now; None while the
        segment has no members to speak of. Raises ResourceNotFound, PersonUnknown."""
        standing, segments = existing(version, tenant, segment_id), version.tenant(tenant)
        living = segments.index.living(person_id)
        if living == 0:
            raise PersonUnknown(person_id)
        days = self._days.between(connection, tenant, segment_id, dt.date.min, dt.date.max)
        kept = (self._days.get(connection, tenant, segment_id, each.day) for each in days if each.has_members)
        seen = (
            (day.day, living in living_members(segments, day.members))
            for day in kept
            if day is not None and day.members is not None
        )
        now = segments.get(standing.draft.segment_id)
        member = living in now.members if now is not None and now.has_members else None
        return stretches_of(seen), member

    def side(
        self, connection: Connection, version: Version, tenant: str, segment_id: str, at: MembersAt
    ) -> Side:
        """The members of one moment. Raises ResourceNotFound, SegmentNotLive, InvalidField."""
        existing(version, tenant, segment_id)
        segments = version.tenant(tenant)
        if at.is_now:
            return self._now_of(version, segments, segment_id)
        if at.day is not None:
            day = self._days.get(connection, tenant, segment_id, at.day)
            if day is None or day.members is None:
                raise ResourceNotFound(f"members of segment {segment_id!r} of {at.day}")
            return Side(day.kept, living_members(segments, day.members))
        snapshot = self._snapshots.get(connection, tenant, at.snapshot_id)
        if snapshot is None:
            raise ResourceNotFound(f"snapshot {at.snapshot_id!r}")
        if snapshot.segment_id != segment_id:
            raise InvalidField("snapshot_id", f"is of segment {snapshot.segment_id!r}, not of {segment_id!r}")
        kept = KeptMembers(
            snapshot.count,
            snapshot.population_count,
            snapshot.create_time,
            snapshot.as_of,
            snapshot.revision_token,
            snapshot.version,
        )
        return Side(kept, living_members(segments, snapshot.members), snapshot.canonical_rule)

    def _now_of(self, version: Version, segments: TenantSegments, segment_id: str) -> Side:
        standing = segment_with_members(segments, segment_id)
        now = self._now()
        freshness = freshness_of_members(segments, [standing], now)
        kept = KeptMembers(
            len(standing.members),
            freshness.population_count,
            now,
            freshness.as_of,
            version.revision.token(),
            standing.segment.version,
        )
        return Side(kept, standing.members)


def living_members(segments: TenantSegments, members: bytes) -> BitMap:
    """Kept members as who they are today: redirects followed, the erased left out."""
    return today(segments.index, BitMap.deserialize(members))
