"""What tagging tells: values, persons, tags, features, the day. Every change has its tenant and position."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from rules.calendars import mainland_china
from rules.evaluate.meaning import Value
from rules.schema import TagType
from rules.values import Kind
from segments.domain.packing import Coded

BLOCK_BITS = 16
BLOCK_SIZE = 1 << BLOCK_BITS


@dataclass(frozen=True, slots=True)
class PersonValues:
    """New values of one person by column, from the stream; None makes one unknown."""

    tenant: str
    position: int
    person_id: int
    values: Mapping[str, Value | None]


@dataclass(frozen=True, slots=True)
class PackedBlock:
    """Values of one column for persons of one block of 65,536 ids. `coded.texts` are new entries of the column's
    dictionary; `as_of`: the moment that the values hold for, where that is told."""

    tenant: str
    position: int
    column: str
    block: int
    coded: Coded
    as_of: dt.datetime | None = None


class PersonState(Enum):
    """The numbers are those of tagging's UniverseState."""

    ANONYMOUS = 1
    KNOWN = 2
    MEMBER = 3
    REDIRECTED = 4
    ERASED = 5

    @property
    def living(self) -> bool:
        return self in {PersonState.ANONYMOUS, PersonState.KNOWN, PersonState.MEMBER}


@dataclass(frozen=True, slots=True)
class PersonChange:
    """A person id of the universe; of two entries the higher version wins."""

    tenant: str
    position: int
    person_id: int
    version: int
    state: PersonState
    redirect_person_id: int
    birth_hash: int


@dataclass(frozen=True, slots=True)
class TagChange:
    """A tag that came into force or went. `run_only`: only runs compute it; `grade`: who may read it needs the right
    tagging.values.read_<grade>; `purpose`: what a sensitive tag is kept for; `replacement`: what to use instead of a
    deprecated one, "" when none was named."""

    tenant: str
    position: int
    tag: TagType
    run_only: bool
    deleted: bool
    grade: str = "internal"
    purpose: str = ""
    deprecated: bool = False
    replacement: str = ""


class FeatureState(Enum):
    """The numbers are those of tagging's FeatureState."""

    BACKFILLING = 1
    LIVE = 2
    FAILED = 3
    DROPPED = 4


@dataclass(frozen=True, slots=True)
class FeatureChange:
    """Where a feature stands; its values travel under `column`."""

    tenant: str
    position: int
    form: str
    column: str
    kind: Kind
    state: FeatureState
    done_count: int
    total_count: int
    failure: str


@dataclass(frozen=True, slots=True)
class DayRolled:
    """The tenant's day that windows end with, and its calendar: `periods` are those that DURING may name, with when
    they begin, in UTC, and None where that was not told."""

    tenant: str
    position: int
    day: dt.date
    time_zone: str
    week_start: int
    periods: Mapping[str, dt.datetime | None] = field(
        default_factory=lambda: dict.fromkeys(mainland_china().periods.names)
    )


Change: TypeAlias = PersonValues | PackedBlock | PersonChange | TagChange | FeatureChange | DayRolled
