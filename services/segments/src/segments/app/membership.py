"""Who is in, and why."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyroaring import BitMap
from rules.check import Population
from segments.app.freshness_notes import Freshness, freshness_of_members
from segments.app.names import nearest
from segments.app.readable import MayRead, require_explainable
from segments.app.rule_expansion import expanded, steps_told
from segments.app.standing import Standing
from segments.app.tenant_segments import TenantSegments
from segments.app.version import BEGINNING, Version
from segments.errors import PersonUnknown, SegmentNotLive
from segments.store.ports import TenantIndex
from servicekit.changelog import Head
from servicekit.errors import ResourceNotFound

GREATEST_ID = 2**32 - 1
"""Of a person."""
MOMENT_US = 10_000
"""Whoever asks within so long is told the same moment."""
KEPT_MOST = 1_000
"""Sets of segments."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Memberships in the order asked for. `person_ids`: the living persons, 0 where there is none; `members`: for each
    segment a byte 1 or 0 for each person."""

    person_ids: list[int]
    members: list[bytes]


@dataclass(frozen=True, slots=True)
class Placed:
    """One person's place in one segment. `rule` refers to no other segment and has no steps: `steps` tell in words what
    each does."""

    person_id: int
    member: bool
    in_population: bool
    rule: str
    steps: tuple[str, ...]
    freshness: Freshness


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """The members of some segments at one version, and what answers about them rest on."""

    index: TenantIndex
    of_segments: tuple[BitMap, ...]
    freshness: Freshness

    def check(self, person_ids: Sequence[int]) -> Checked:
        """Answers from the members as they stand."""
        alive, living = self.index.population(Population.ALL), self.index.living
        persons = [each if 0 < each <= GREATEST_ID and each in alive else living(each) for each in person_ids]
        return Checked(persons, [bytes(map(each.__contains__, persons)) for each in self.of_segments])


class Membership:
    """The use cases of MembershipService, over one version. `now` is the suite's time."""

    def __init__(self, now: Callable[[], dt.datetime]) -> None:
        self._now = now
        self._kept_at: tuple[Head | None, dt.datetime] = (None, BEGINNING)
        self._kept: dict[tuple[str, tuple[str, ...]], Members] = {}

    def members(self, version: Version, tenant: str, segment_ids: tuple[str, ...]) -> Members:
        """The same to all who ask within a moment. Raises ResourceNotFound, SegmentNotLive."""
        now = self._now()
        now = now.replace(microsecond=now.microsecond // MOMENT_US * MOMENT_US)
        head, moment = self._kept_at
        if head is not version.head or moment != now or len(self._kept) == KEPT_MOST:
            self._kept_at, self._kept = (version.head, now), {}
        found = self._kept.get((tenant, segment_ids))
        if found is None:
            segments = version.tenant(tenant)
            standing = [segment_with_members(segments, segment_id) for segment_id in segment_ids]
            notes = freshness_of_members(segments, standing, now)
            found = Members(segments.index, tuple(each.members for each in standing), notes)
            self._kept[tenant, segment_ids] = found
        return found

    def place(
        self, version: Version, tenant: str, person_id: int, segment_id: str, may_read: MayRead
    ) -> Placed:
        """Where a person stands to a segment, to be explained. Raises ResourceNotFound, SegmentNotLive, PersonUnknown,
        RightMissing."""
        segments = version.tenant(tenant)
        standing = live_segment(segments, segment_id)
        assert standing.rule is not None
        require_explainable(segments, standing.rule, may_read)
        living = segments.index.living(person_id)
        if living == 0:
            raise PersonUnknown(person_id)
        return Placed(
            person_id=living,
            member=living in standing.members,
            in_population=living in segments.index.population(standing.segment.draft.population),
            rule=expanded(segments, standing.segment, living),
            steps=steps_told(segments, standing.rule, living),
            freshness=freshness_of_members(segments, [standing], self._now()),
        )


def live_segment(segments: TenantSegments, segment_id: str) -> Standing:
    """One whose members are those of now. Raises ResourceNotFound, SegmentNotLive."""
    standing = segment_with_members(segments, segment_id)
    if not standing.live:
        raise _not_live(standing)
    return standing


def segment_with_members(segments: TenantSegments, segment_id: str) -> Standing:
    """One that has members to speak of, if only those of before: answers about them say so. Raises ResourceNotFound,
    SegmentNotLive."""
    standing = segments.get(segment_id)
    if standing is None:
        raise ResourceNotFound(f"segment {segment_id!r}", nearest(segment_id, segments.names()))
    if not standing.has_members:
        raise _not_live(standing)
    return standing


def _not_live(standing: Standing) -> SegmentNotLive:
    segment = standing.segment
    return SegmentNotLive(segment.segment_id, segment.state.value, segment.note)
