"""Persons and the tag values they have, as the ones of a sparse matrix."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from segments.domain.insight.significance import Floats


@dataclass(frozen=True, slots=True)
class Design:
    """One row for each person, one column for each value. `rows` and `columns` (int64, equally long) say where a one
    stands; a place comes once."""

    persons: int
    values: int
    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]

    def times(self, weights: Floats) -> Floats:
        """For each person the sum of the weights of the values that the person has."""
        return np.bincount(self.rows, weights[self.columns], self.persons).astype(np.float64, copy=False)

    def transposed_times(self, numbers: Floats) -> Floats:
        """For each value the sum of the numbers of the persons who have it."""
        return np.bincount(self.columns, numbers[self.rows], self.values).astype(np.float64, copy=False)

    def counts(self, of: npt.NDArray[np.bool_]) -> Floats:
        """For each value how many of some persons have it."""
        return self.transposed_times(of.astype(np.float64))

    def only(self, of: npt.NDArray[np.bool_]) -> "Design":
        """The rows of some persons, in the same order."""
        places = np.cumsum(of) - 1
        kept = of[self.rows]
        return Design(int(of.sum()), self.values, places[self.rows[kept]], self.columns[kept])
