"""Who uses a tag, and which tags nobody uses: what retiring them would save."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from tagging.domain.governance.uses import TagUse

VALUE_BYTES = 12
"""About what a value takes in a block file: two bytes of offset, two of count, eight of code."""
IDLE_DAYS = 90
MONTH_DAYS = 30
VOLATILE_DAYS = 7


@dataclass(frozen=True, slots=True)
class Activity:
    """What was counted of a tag on a day, or on several together.

    reads       persons' values that somebody asked for by the tag's name, or by a template that shows it
    changes     values that became another one, were found or were lost
    compute_ms  what runs took for it, machine time; rows_read likewise
    """

    reads: int = 0
    changes: int = 0
    compute_ms: int = 0
    rows_read: int = 0

    def plus(self, other: "Activity") -> "Activity":
        return Activity(
            self.reads + other.reads,
            self.changes + other.changes,
            self.compute_ms + other.compute_ms,
            self.rows_read + other.rows_read,
        )


NOTHING = Activity()


@dataclass(frozen=True, slots=True)
class Unused:
    """A tag that nobody reads and nothing rests on. `month` is what it took in the last 30 days.

    idle_since  its last read, else when it came into force or counting began, whichever was later
    """

    tag_id: str
    idle_since: dt.date
    last_read: dt.date | None
    known_count: int
    month: Activity

    @property
    def stored_bytes(self) -> int:
        """About."""
        return self.known_count * VALUE_BYTES


def relied_on(rests_on: Mapping[str, Collection[str]], uses: Iterable[TagUse]) -> set[str]:
    """The tags that another tag, a segment or a campaign names. `rests_on`: tag -> tags that its definition names."""
    found = {name for each in uses for name in each.tag_ids}
    return found.union(*(set(names) - {tag_id} for tag_id, names in rests_on.items()))


def idle_since(in_force: dt.date, counted: dt.date, last_read: dt.date | None) -> dt.date:
    """Since when a tag is known not to have been read."""
    return max(in_force, counted) if last_read is None else max(last_read, in_force)
