"""Named periods of a tenant's calendar: what DURING means."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MAX_PERIODS = 1_000
MAX_NAME_CHARACTERS = 64


class CalendarInvalid(ValueError):
    """A calendar says something that cannot be; the message tells what, where and how to put it right."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` up to, and without, `end`. Moments without a zone are in the tenant's; both have one or neither."""

    name: str
    start: dt.datetime
    end: dt.datetime

    @classmethod
    def of_days(cls, name: str, first: dt.date, last: dt.date) -> "Period":
        """Whole days of the tenant, both included."""
        after = last + dt.timedelta(days=1)
        return cls(name, dt.datetime.combine(first, dt.time()), dt.datetime.combine(after, dt.time()))

    @classmethod
    def of_texts(cls, name: str, start: str, end: str) -> "Period":
        """Of moments as RFC 3339 writes them, with or without a zone. Raises CalendarInvalid."""
        try:
            return cls(name, dt.datetime.fromisoformat(start), dt.datetime.fromisoformat(end))
        except ValueError as error:
            raise CalendarInvalid(
                f"period '{name}': '{start}' or '{end}' is no moment; write 2026-10-31T20:00"
            ) from error


@dataclass(frozen=True, slots=True)
class Periods:
    """In any order, no name twice; at most 1,000."""

    all: tuple[Period, ...] = ()
    _named: Mapping[str, Period] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises CalendarInvalid."""
        if len(self.all) > MAX_PERIODS:
            raise CalendarInvalid(f"the calendar has {len(self.all)} periods, the limit is {MAX_PERIODS}")
        named = {each.name: each for each in self.all}
        if len(named) < len(self.all):
            raise CalendarInvalid("two periods of the calendar have one name; name them apart")
        for each in self.all:
            _check(each)
        object.__setattr__(self, "_named", named)

    @property
    def names(self) -> frozenset[str]:
        """What DURING may name."""
        return frozenset(self._named)

    def find(self, name: str) -> Period | None:
        """The period of a name; None when there is none."""
        return self._named.get(name)

    def with_own(self, own: Iterable[Period]) -> "Periods":
        """These and a tenant's own, which replace those of the same names. Raises CalendarInvalid."""
        said = list(own)
        names = {each.name for each in said}
        return Periods((*(each for each in self.all if each.name not in names), *said))


def _check(period: Period) -> None:
    where = f"period '{period.name}'"
    if not 1 <= len(period.name) <= MAX_NAME_CHARACTERS:
        raise CalendarInvalid(f"{where}: a name has 1 to {MAX_NAME_CHARACTERS} characters")
    if (period.start.tzinfo is None) != (period.end.tzinfo is None):
        raise CalendarInvalid(
            f"{where}: one moment names its time zone, the other does not; write both alike"
        )
    if period.start >= period.end:
        raise CalendarInvalid(f"{where}: it ends before it starts; the earlier moment goes first")
