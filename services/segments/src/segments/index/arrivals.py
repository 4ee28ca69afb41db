"""Which value came last, when the two lanes overtake each other: the one with the higher position.

Only what one lane has applied beyond the other lane's cursor has to be remembered; the rest cannot be overtaken any
more. What bulk has applied beyond live is kept in memory alone: after a restart bulk resumes no later than live, so
it comes again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from rules.evaluate.meaning import Value
from servicekit.revision import Lane


@dataclass(frozen=True, slots=True)
class _BulkArrival:
    position: int
    offsets: npt.NDArray[np.uint16]

    def holds(self, offset: int) -> bool:
        place = int(np.searchsorted(self.offsets, offset))
        return place < len(self.offsets) and int(self.offsets[place]) == offset


@dataclass(slots=True)
class Arrivals:
    """One tenant's. `cursors` are the lanes' as stored."""

    cursors: dict[Lane, int] = field(default_factory=lambda: {Lane.LIVE: 0, Lane.BULK: 0})
    live: dict[tuple[str, int], int] = field(default_factory=dict)
    bulk: dict[tuple[str, int], list[_BulkArrival]] = field(default_factory=dict)

    def admit_one(self, lane: Lane, column: str, person_id: int, position: int) -> bool:
        """Whether one person's value is the latest so far; remembers it."""
        if self.live.get((column, person_id), 0) > position:
            return False
        block, offset = person_id >> 16, person_id & 0xFFFF
        arrivals = self.bulk.get((column, block), ())
        if any(each.position > position and each.holds(offset) for each in arrivals):
            return False
        other = Lane.BULK if lane is Lane.LIVE else Lane.LIVE
        if position > self.cursors[other]:
            self.live[column, person_id] = position
        return True

    def admit_block(
        self,
        column: str,
        block: int,
        position: int,
        offsets: npt.NDArray[np.uint16],
        values: Mapping[int, Value | None],
    ) -> dict[int, Value | None]:
        """person_id -> value of those in a block whose value is the latest so far; remembers them."""
        if position > self.cursors[Lane.LIVE]:
            self.bulk.setdefault((column, block), []).append(_BulkArrival(position, offsets))
        base = block << 16
        return {
            base + offset: value
            for offset, value in values.items()
            if not self.live or self.live.get((column, base + offset), 0) < position
        }

    def reached(self, lane: Lane, position: int) -> None:
        """A lane's cursor has moved: forgets what cannot be overtaken any more."""
        if position <= self.cursors[lane]:
            return
        self.cursors[lane] = position
        settled = min(self.cursors.values())
        if self.live:
            self.live = {key: at for key, at in self.live.items() if at > settled}
        if self.bulk:
            kept = {
                key: [each for each in all_ if each.position > settled] for key, all_ in self.bulk.items()
            }
            self.bulk = {key: arrivals for key, arrivals in kept.items() if arrivals}
