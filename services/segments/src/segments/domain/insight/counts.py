"""How many persons have each value of a column: what every statistic here begins with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from segments.domain.packing import Codes


@dataclass(frozen=True, slots=True)
class ValueCounts:
    """`codes` ascending and distinct, int64; `counts` persons who have each, in the same order. `known`: persons with
    any value; less than the counts' sum in a multi-valued column."""

    codes: Codes
    counts: Codes
    known: int

    @classmethod
    def of(cls, codes: npt.ArrayLike, counts: npt.ArrayLike, known: int | None = None) -> "ValueCounts":
        """From sequences; `known` is the sum when not given, as in a column with one value per person."""
        weights = np.asarray(counts, np.int64)
        return cls(np.asarray(codes, np.int64), weights, int(weights.sum()) if known is None else known)

    def minus(self, part: "ValueCounts") -> "ValueCounts":
        """Of the persons that remain when some of them go; `part` counts these."""
        codes, (mine, theirs) = aligned([self, part])
        return ValueCounts(codes, mine - theirs, self.known - part.known)


def aligned(tables: Sequence[ValueCounts]) -> tuple[Codes, list[Codes]]:
    """All codes that occur, ascending, and each table's counts in that order, 0 where it has none."""
    codes = np.unique(np.concatenate([each.codes for each in tables])) if tables else np.zeros(0, np.int64)
    rows = []
    for each in tables:
        counts = np.zeros(len(codes), np.int64)
        counts[np.searchsorted(codes, each.codes)] = each.counts
        rows.append(counts)
    return codes, rows
