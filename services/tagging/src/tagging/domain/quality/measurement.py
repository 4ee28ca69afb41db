"""What was measured of a tag's values at one moment. Shares are scaled by 10^4: 10,000 is all."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.values import SCALE, divide_half_even

from .distribution import Distribution, NamedCounts, total
from .stability import stability_index

MONTH = dt.timedelta(days=30)
MIN_COMPARED = 500
"""Values on either side that an index needs: of fewer, chance alone moves 20 bins by more than 0.1."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """`as_of`: the moment that the values are of, None when none was ever computed. `promised_hours` 0: nothing is
    promised. `in_force`: since when the tag is; what was never computed is late from then on."""

    as_of: dt.datetime | None
    promised_hours: int = 0
    in_force: dt.datetime | None = None

    def age(self, now: dt.datetime) -> dt.timedelta | None:
        """Never negative: a clock may be set back."""
        begin = self.as_of or self.in_force
        return None if begin is None else max(now - begin, dt.timedelta(0))

    def is_kept(self, now: dt.datetime) -> bool:
        """Whether the promise is; a promise of values that were never computed is not."""
        age = self.age(now)
        return not self.promised_hours or (age is not None and age <= dt.timedelta(hours=self.promised_hours))


@dataclass(frozen=True, slots=True)
class Drift:
    """The stability index against the measurement before this one and against the latest that is 30 days old or
    older, of the same version; None where there is none to compare with."""

    previous: int | None = None
    previous_time: dt.datetime | None = None
    month: int | None = None
    month_time: dt.datetime | None = None

    @property
    def worst(self) -> int | None:
        found = [each for each in (self.previous, self.month) if each is not None]
        return max(found) if found else None


@dataclass(frozen=True, slots=True)
class Validity:
    """`broken`: by rule of the owner, how many of the `checked_count` values break it; `broken_count` break any."""

    checked_count: int = 0
    broken_count: int = 0
    broken: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of how many of the persons with a value behaviour contradicts it."""

    checked_count: int
    contradicted_count: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What the latest run of the tag took, and all of the last 30 days: machine milliseconds, rows gone over."""

    last_ms: int = 0
    last_rows: int = 0
    month_ms: int = 0
    month_rows: int = 0


@dataclass(frozen=True, slots=True)
class Use:
    """`reads`: persons' values that somebody asked for by the tag's name in the last 30 days; `is_early`: less than 30
    days have been counted. The rest are who rests on the tag now."""

    reads: int = 0
    last_read: dt.date | None = None
    is_early: bool = True
    tags: int = 0
    segments: int = 0
    campaigns: int = 0

    @property
    def is_used(self) -> bool:
        return bool(self.reads or self.tags or self.segments or self.campaigns)


@dataclass(frozen=True, slots=True)
class Measurement:
    """Of one version of a tag.

    run_id        the run that it follows; "" when it follows the tenant's midnight
    population    persons who may have a value
    known_count   persons who have one
    volatility    changed values a day, as a share of the persons with a value, over up to 7 days; None when nothing
                  was counted yet
    unseen_events types of events that the tag rests on and that never came
    seen_events   how many types that it rests on did come
    warnings      what could not be measured, in words for people
    """

    tag_id: str
    version: int
    time: dt.datetime
    population: int
    known_count: int
    distribution: Distribution = field(default_factory=NamedCounts)
    freshness: Freshness = field(default_factory=lambda: Freshness(None))
    drift: Drift = field(default_factory=Drift)
    previous_known: int | None = None
    volatility: int | None = None
    validity: Validity | None = None
    agreement: Agreement | None = None
    use: Use = field(default_factory=Use)
    cost: Cost = field(default_factory=Cost)
    run_id: str = ""
    unseen_events: tuple[str, ...] = ()
    seen_events: int = 0
    warnings: tuple[str, ...] = ()
    measured_ms: int = 0

    @property
    def value_count(self) -> int:
        """More than `known_count` when a person may have several."""
        return total(self.distribution)

    @property
    def coverage(self) -> int:
        """The share of the population that has a value."""
        return share(self.known_count, self.population)

    @property
    def null_share(self) -> int:
        return SCALE - self.coverage if self.population else 0


def share(part: int, whole: int) -> int:
    """Between 0 and 1, scaled, half to even; 0 of nothing."""
    return divide_half_even(min(part, whole) * SCALE, whole) if whole else 0


def drift_of(now: Distribution, previous: Measurement | None, month: Measurement | None) -> Drift:
    """`previous` and `month` are of the same version."""
    return Drift(
        _moved(previous, now),
        previous.time if previous else None,
        _moved(month, now),
        month.time if month else None,
    )


def _moved(then: Measurement | None, now: Distribution) -> int | None:
    if then is None or min(then.value_count, total(now)) < MIN_COMPARED:
        return None
    return stability_index(then.distribution, now)
