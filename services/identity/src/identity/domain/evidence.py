"""What is known of two identifiers together: a summary of every record that named both, in any order.

Merging summaries is commutative, associative and idempotent, so the summary is a function of the set of
records. A co-occurrence and a login count by the day: a busy pair changes once a day and not with each event.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

DAY_US = 86_400_000_000
NEVER_US = -1
MAX_SOURCES = 8
"""Sources kept of a pair; of more, the first by name."""


class LinkKind(IntEnum):
    """How a record says that its identifiers belong together; the numbers are those of huaxiang.identity.v1.LinkKind.

    CO_OCCURRENCE: they were named together. LOGIN: the person logged in. BIND: the person tied them together.
    UNBIND: the person parted the others from the first.
    """

    CO_OCCURRENCE = 0
    LOGIN = 1
    BIND = 2
    UNBIND = 3


class Evidence(NamedTuple):
    """The summary of a pair. Times are microseconds since 1970; `kinds` is the sum of 1 for a co-occurrence, 2 for a
    login, 4 for a bind, and 0 when it was only ever parted; `verified` is the sum of 1 when some record said that the
    identifier of the lower key was verified and 2 of the higher; `unbound_us` -1 is never."""

    first_us: int
    last_us: int
    kinds: int
    verified: int = 0
    unbound_us: int = NEVER_US
    sources: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """Whether the pair was seen together after it was last parted."""
        return self.last_us > self.unbound_us

    def merged(self, other: "Evidence") -> "Evidence":
        """The summary of both; `self` itself when `other` adds nothing."""
        if (
            other.last_us <= self.last_us
            and other.first_us >= self.first_us
            and other.kinds | self.kinds == self.kinds
            and other.verified | self.verified == self.verified
            and other.unbound_us <= self.unbound_us
            and (other.sources == self.sources or self._holds(other.sources))
        ):
            return self
        merged = Evidence(
            min((one.first_us for one in (self, other) if one.kinds), default=0),
            max(self.last_us, other.last_us),
            self.kinds | other.kinds,
            self.verified | other.verified,
            max(self.unbound_us, other.unbound_us),
            tuple(sorted({*self.sources, *other.sources})[:MAX_SOURCES]),
        )
        return self if merged == self else merged

    def _holds(self, sources: tuple[str, ...]) -> bool:
        full = len(self.sources) == MAX_SOURCES
        return all(source in self.sources or (full and source > self.sources[-1]) for source in sources)


def sighting(kind: LinkKind, time_us: int, verified: int, source: str) -> Evidence:
    """What one record says of a pair that it names. A bind and an unbind keep their moment, all else its UTC day: what
    is seen on the day of an unbind, after it, does not undo it; a bind does."""
    if kind is LinkKind.UNBIND:
        return Evidence(0, 0, 0, 0, time_us, (source,))
    seen_us = time_us if kind is LinkKind.BIND else time_us - time_us % DAY_US
    return Evidence(seen_us, seen_us, 1 << kind, verified, NEVER_US, (source,))


def expired(beside: Mapping[int, Evidence], validity_days: int) -> frozenset[int]:
    """Which of the keys beside a key belong to an earlier holder of it.

    The sightings of all of them, in order of time, fall into groups wherever nothing was seen for `validity_days`;
    those of every group but the latest are expired.
    """
    by_start = sorted(beside, key=lambda key_id: (beside[key_id].first_us, key_id))
    earlier: set[int] = set()
    seen_until_us = 0
    holders: list[int] = []
    for key_id in by_start:
        found = beside[key_id]
        if holders and found.first_us - seen_until_us >= validity_days * DAY_US:
            earlier.update(holders)
            holders = []
        holders.append(key_id)
        seen_until_us = max(seen_until_us, found.last_us)
    return frozenset(earlier)
