"""Values that somebody states of a person: imported from a system, or set by hand.

A statement stays at the person id that it names, which stands for one birth identifier for ever. A person's value is
the fold over the ids that stand for it now: a merge takes the latest statement of all, undoing it gives each its own
again, and no statement is ever moved.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from rules.evaluate.meaning import Value

CERTAIN = 10_000
MAX_SOURCE_CHARACTERS = 64
MAX_AHEAD = dt.timedelta(minutes=10)
"""A statement of a moment further ahead is refused; one less far ahead is of now."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What is stated of a person id. `value` None takes back what was stated before.

    time        the moment it is of: the latest holds
    confidence  0 to 10,000 (1.0)
    source      the system or person that states it
    expires_at  from then on nothing is known; None is never
    """

    person_id: int
    value: Value | None
    time: dt.datetime
    confidence: int = CERTAIN
    source: str = ""
    expires_at: dt.datetime | None = None

    @property
    def order(self) -> tuple[dt.datetime, int]:
        """The latest holds; of one moment, that of the highest id."""
        return self.time, self.person_id

    def has_lapsed(self, now: dt.datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def standing(self, now: dt.datetime) -> Value | None:
        """The value that it gives at a moment."""
        return None if self.has_lapsed(now) else self.value


def latest(statements: Iterable[Statement]) -> Statement | None:
    """The one that holds for a person, of those of all its ids; which one does not depend on the moment: a statement
    that has lapsed still stands above earlier ones."""
    return max(statements, key=lambda each: each.order, default=None)


def supersedes(new: Statement, present: Statement | None) -> bool:
    """Whether a statement takes the place of the present one of the same id: of one moment, what comes later does."""
    return present is None or new.time >= present.time
