"""Members as they were: of each day, and of snapshots."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class KeptMembers:
    """What members rest on. `take_time`: when they were taken; `as_of`: the moment that windows were read at;
    `version`: of the definition, 0 when it is not known."""

    count: int
    population_count: int
    take_time: dt.datetime
    as_of: dt.datetime
    revision_token: str
    version: int


@dataclass(frozen=True, slots=True)
class SegmentDay:
    """A segment's members at the first moment of a day that was seen. `members` is a portable roaring bitmap of person
    ids, None when only how many is kept; a listing leaves it out and says `has_members`."""

    segment_id: str
    day: dt.date
    kept: KeptMembers
    members: bytes | None
    has_members: bool = True


@dataclass(frozen=True, slots=True)
class Stretch:
    """Kept days that follow each other, on all of which a person was a member, or on none."""

    first: dt.date
    last: dt.date
    member: bool


def stretches_of(days: Iterable[tuple[dt.date, bool]]) -> list[Stretch]:
    """Of (day, whether the person was a member), oldest first; the newest stretch first."""
    found: list[Stretch] = []
    for day, member in days:
        if found and found[-1].member is member:
            found[-1] = replace(found[-1], last=day)
        else:
            found.append(Stretch(day, day, member))
    return found[::-1]


@dataclass(frozen=True, slots=True)
class MembersAt:
    """Which members: a snapshot's, a day's, or those of now."""

    snapshot_id: str = ""
    day: dt.date | None = None

    @property
    def is_now(self) -> bool:
        return not self.snapshot_id and self.day is None
