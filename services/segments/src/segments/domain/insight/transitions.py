"""From which value to which: persons by their value at two moments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rules.evaluate.meaning import Scalar
from segments.domain.insight.overlap import withheld_sums

MAX_VALUES = 100
_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class ValuesThen:
    """Each person's value at a moment, in order of the persons; None: unknown."""

    numbers: npt.NDArray[np.int64]
    values: tuple[Scalar, ...]

    def places(self, value: Scalar | None) -> npt.NDArray[np.bool_]:
        """Who had this value."""
        wanted = _UNKNOWN if value is None else self.values.index(value) if value in self.values else -2
        return np.equal(self.numbers, wanted)


@dataclass(frozen=True, slots=True)
class TransitionCell:
    """`persons` None: withheld."""

    before: Scalar | None
    after: Scalar | None
    persons: int | None


def values_then(
    person_ids: npt.NDArray[np.uint32],
    now: Mapping[int, Scalar],
    changed: Mapping[int, Scalar | None],
) -> ValuesThen:
    """From the values now, and those then of whoever has another one since."""
    found = [changed[each] if each in changed else now.get(each) for each in person_ids.tolist()]
    values = tuple(sorted({each for each in found if each is not None}, key=str))
    numbers = {value: number for number, value in enumerate(values)}
    coded = [_UNKNOWN if each is None else numbers[each] for each in found]
    return ValuesThen(np.asarray(coded, np.int64), values)


def transitions(before: ValuesThen, after: ValuesThen, fewest: int) -> list[TransitionCell]:
    """The cells that hold anybody, in order of both values, unknown last. Cells of few persons are withheld, and as
    many others as it takes that none follows from the sums of rows and columns."""
    pairs, counts = np.unique(np.stack([before.numbers, after.numbers]), axis=1, return_counts=True)
    cells = [
        (int(row), int(column), int(count)) for (row, column), count in zip(pairs.T, counts, strict=True)
    ]
    cells.sort(key=lambda each: (each[0] == _UNKNOWN, each[0], each[1] == _UNKNOWN, each[1]))
    rows, columns = len(before.values) + 1, len(after.values) + 1
    sums = [((row % rows, rows + column % columns), count) for row, column, count in cells]
    hidden = withheld_sums(sums, rows + columns, fewest)
    return [
        TransitionCell(_at(before.values, row), _at(after.values, column), None if place in hidden else count)
        for place, (row, column, count) in enumerate(cells)
    ]


def _at(values: Sequence[Scalar], number: int) -> Scalar | None:
    return None if number == _UNKNOWN else values[number]
