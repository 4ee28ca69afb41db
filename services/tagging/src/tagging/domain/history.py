"""Kept versions of a column's values: what they were before they changed, packed.

Only what was is kept: the value at an earlier moment is what was before the first change after that moment, and without
one what is now.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .columns import Bools, Coded, Counts, Ints, changed

MAX_KEEP_DAYS = 3 * 366


@dataclass(frozen=True, slots=True)
class Keeping:
    """For how long a column's values are kept, and since when they have been."""

    keep_days: int
    since: dt.datetime

    def reach(self, now: dt.datetime) -> dt.datetime:
        """The earliest moment that can be asked for."""
        return max(self.since, now - dt.timedelta(days=self.keep_days))


@dataclass(frozen=True, slots=True)
class Recorded:
    """Values before they changed, in the order of the changes; a person may have several.

    times_us  the moment that the change is of, microseconds
    counts    how many codes each had; 0 is unknown
    codes     one after the other
    """

    persons: Ints
    times_us: Ints
    counts: Counts
    codes: Ints

    @staticmethod
    def of(old: Coded, time_us: int) -> "Recorded":
        """What changed at one moment."""
        return Recorded(old.persons, np.full(len(old.persons), time_us, np.int64), old.counts, old.codes)

    @staticmethod
    def joined(parts: Sequence["Recorded"]) -> "Recorded":
        """One after the other; at least one."""
        return Recorded(
            np.concatenate([each.persons for each in parts]),
            np.concatenate([each.times_us for each in parts]),
            np.concatenate([each.counts for each in parts]),
            np.concatenate([each.codes for each in parts]),
        )

    def take(self, chosen: Bools) -> "Recorded":
        of_codes = np.repeat(chosen, self.counts)
        return Recorded(
            self.persons[chosen], self.times_us[chosen], self.counts[chosen], self.codes[of_codes]
        )

    def between(self, start_us: int, end_us: int) -> "Recorded":
        """The changes at start < time <= end."""
        return self.take((self.times_us > start_us) & (self.times_us <= end_us))

    def before(self, time_us: int) -> Coded:
        """Of each person that changed after a moment, the value that it had at it; persons ascending."""
        later = self.take(self.times_us > time_us)
        persons, first = np.unique(later.persons, return_index=True)
        chosen = np.zeros(len(later.persons), np.bool_)
        chosen[first] = True
        kept = later.take(chosen)
        order = np.argsort(kept.persons, kind="stable")
        starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(kept.counts, dtype=np.int64)))
        codes = [kept.codes[starts[index] : starts[index + 1]] for index in order.tolist()]
        return Coded(persons, kept.counts[order], np.concatenate([*codes, np.empty(0, np.int64)]))


@dataclass(frozen=True, slots=True)
class Difference:
    """The persons whose value at one moment is not what it was at another: the same of both, ascending."""

    old: Coded
    new: Coded

    @property
    def entered(self) -> int:
        """Who had no value and has one."""
        return int(np.count_nonzero(self.old.counts == 0))

    @property
    def left(self) -> int:
        """Who had a value and has none."""
        return int(np.count_nonzero(self.new.counts == 0))

    @property
    def changed(self) -> int:
        """Who has another value."""
        return len(self.old.persons) - self.entered - self.left

    def where(self, chosen: Bools) -> "Difference":
        """Of those alone where it is true."""
        return Difference(self.old.take(chosen), self.new.take(chosen))


def difference(present: Coded, recorded: Recorded, start_us: int, end_us: int) -> Difference:
    """Between two moments, from what is now and what was recorded since."""
    persons = np.unique(recorded.between(start_us, end_us).persons)
    old = present.overlaid(recorded.before(start_us)).only(persons)
    new = present.overlaid(recorded.before(end_us)).only(persons)
    different = changed(old, new)
    return Difference(old.take(different), new.take(different))
