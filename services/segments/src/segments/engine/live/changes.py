"""Changes of values: who had which codes before, and has which now."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segments.engine.compiled import kernel
from segments.engine.containers import BLOCK_BITS

Numbers = npt.NDArray[np.int64]

PERSON_BITS = 32
ROW_SHIFT = PERSON_BITS + 1
PERSON_MASK = (1 << PERSON_BITS) - 1
"""A flip is one int64: row << 33 | person << 1 | 1 when the person enters the row, 0 when it leaves."""


class Misfit(ValueError):
    """Changes of values that are not those of the column: its block is to be read again from its source."""


@dataclass(frozen=True, slots=True)
class Codes:
    """Of some persons in order: `counts` int64, how many each has, 0 = unknown; `codes` int64, all of them."""

    counts: Numbers
    codes: Numbers


@dataclass(frozen=True, slots=True)
class Changes:
    """int64 ids of persons, with the codes of each before and after; a person may change several times, in order."""

    persons: Numbers
    before: Codes
    after: Codes

    def __len__(self) -> int:
        return len(self.persons)

    @property
    def blocks(self) -> int:
        """How many blocks a column has at least that these persons are in."""
        return (int(self.persons.max()) >> BLOCK_BITS) + 1 if len(self.persons) else 0


def flips_of(changes: Changes, known: int, values: int) -> Numbers:
    """What changes in the rows 0 to below `values` and in the row `known`: ascending, each row and person once.

    Raises Misfit when a person enters a row again that it has not left.
    """
    before, after = changes.before, changes.after
    flips = np.empty(len(before.codes) + len(after.codes) + len(changes), np.int64)
    flips = flips[
        : _list(changes.persons, before.counts, before.codes, after.counts, after.codes, known, values, flips)
    ]
    flips.sort()
    count = _net(flips)
    if count < 0:
        raise Misfit("changes in which a person takes a value that it has already")
    return flips[:count]


@kernel
def _list(
    persons: Numbers,
    before_counts: Numbers,
    before_codes: Numbers,
    after_counts: Numbers,
    after_codes: Numbers,
    known: int,
    values: int,
    flips: Numbers,
) -> int:
    count = had = has = 0
    for each in range(len(persons)):
        person = persons[each] << 1
        for _ in range(before_counts[each]):
            if 0 <= before_codes[had] < values:
                flips[count] = (before_codes[had] << ROW_SHIFT) | person
                count += 1
            had += 1
        for _ in range(after_counts[each]):
            if 0 <= after_codes[has] < values:
                flips[count] = (after_codes[has] << ROW_SHIFT) | person | 1
                count += 1
            has += 1
        if (before_counts[each] > 0) != (after_counts[each] > 0):
            flips[count] = (known << ROW_SHIFT) | person | (1 if after_counts[each] > 0 else 0)
            count += 1
    return count


@kernel
def _net(flips: Numbers) -> int:
    """Keeps of the flips of a row and person what they come to; how many are left, -1 when that is not one or none."""
    count = each = 0
    while each < len(flips):
        whose, net = flips[each] >> 1, 0
        while each < len(flips) and flips[each] >> 1 == whose:
            net += 1 if flips[each] & 1 else -1
            each += 1
        if net < -1 or net > 1:
            return -1
        if net != 0:
            flips[count] = (whose << 1) | (1 if net > 0 else 0)
            count += 1
    return count
