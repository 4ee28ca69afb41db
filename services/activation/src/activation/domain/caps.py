"""How often a person may be written to, and whether that is reached."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Period(StrEnum):
    """Of the calendar; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def first_day(self, day: dt.date) -> dt.date:
        """The first day of the period that a day lies in."""
        if self is Period.WEEK:
            return day - dt.timedelta(days=day.weekday())
        return day.replace(day=1) if self is Period.MONTH else day


LONGEST_DAYS = 31
"""No period that a day lies in began earlier than so many days before it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What caps tell messages apart by; `channel` is the kind of address: sms, wechat, push, email."""

    message_class: str
    channel: str
    brand: str


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` messages to a person in a period; an empty channel or brand means all of them together."""

    message_class: str
    channel: str
    brand: str
    period: Period
    limit: int

    def covers(self, kind: Kind) -> bool:
        """Whether messages of a kind count for this cap, and are held back by it."""
        return (
            self.message_class == kind.message_class
            and self.channel in ("", kind.channel)
            and self.brand in ("", kind.brand)
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """`count` messages of a kind that count for a day of the recipient's."""

    kind: Kind
    day: dt.date
    count: int


def counts(caps: Sequence[Cap], day: dt.date, sent: Iterable[Sent]) -> tuple[int, ...]:
    """For each cap how many messages count in its period that `day` lies in. What counts for a later day, because the
    recipient's zone has changed since, counts in every period."""
    listed = list(sent)
    return tuple(
        sum(each.count for each in listed if cap.covers(each.kind) and each.day >= cap.period.first_day(day))
        for cap in caps
    )


def reached(caps: Sequence[Cap], counted: Sequence[int]) -> Cap | None:
    """The first cap that leaves no room for one more message."""
    return next((cap for cap, count in zip(caps, counted, strict=True) if count >= cap.limit), None)
