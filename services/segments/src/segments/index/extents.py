"""How much of what there is in a column, told from its tables alone."""

import numpy as np

from segments.domain.extent import Containers
from segments.engine.columns import TagColumn
from segments.engine.containers import (
    CARDINALITY_MASK,
    CARDINALITY_SHIFT,
    DENSE,
    FULL,
    KIND_MASK,
    RUN,
    SPARSE,
)
from segments.engine.numbers import FEW, PERSONS, WIDTH, NumberColumn

_KINDS = 5


def containers_of(tag: TagColumn) -> Containers:
    """Those of its values and of whoever has one."""
    column = tag.column
    sets = column.knowns if isinstance(column, NumberColumn) else column
    kinds = np.bincount((sets.entries & KIND_MASK).ravel(), minlength=_KINDS).tolist()
    slices = few = 0
    if isinstance(column, NumberColumn):
        used = column.frames[:, PERSONS] > 0
        few = int(np.count_nonzero(used & (column.frames[:, WIDTH] == FEW)))
        slices = int(np.count_nonzero(used)) - few
    return Containers(kinds[FULL], kinds[DENSE], kinds[SPARSE], kinds[RUN], slices, few)


def persons_by_block(tag: TagColumn) -> list[int]:
    """How many have a value, of each block."""
    column = tag.column
    known = (column.knowns if isinstance(column, NumberColumn) else column).entries[-1]
    counts: list[int] = ((known >> CARDINALITY_SHIFT) & CARDINALITY_MASK).tolist()
    return counts
