"""What changes of a column of values are, from what everybody had before and has after."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from segments.engine.algebra import InSet
from segments.engine.answers import members
from segments.engine.live.changes import Changes, Codes
from segments.engine.program import program_of
from segments.engine.sets import CodedBlock, SetColumn, set_column
from segments.engine.threads import Threads

SIZE = 1 << 16
Having = npt.NDArray[np.bool_]
"""[values, persons]"""


def joined(changes: Sequence[Changes]) -> Changes:
    """One after the other."""
    before, after = [each.before for each in changes], [each.after for each in changes]
    return Changes(np.concatenate([each.persons for each in changes]), _joined(before), _joined(after))


def _joined(codes: Sequence[Codes]) -> Codes:
    counts = np.concatenate([each.counts for each in codes])
    return Codes(counts, np.concatenate([each.codes for each in codes]))


def codes_of(having: Having, persons: npt.NDArray[np.int64]) -> Codes:
    part = having[:, persons].T
    return Codes(part.sum(axis=1, dtype=np.int64), np.nonzero(part)[1].astype(np.int64))


def changes_of(before: Having, after: Having, others: npt.NDArray[np.int64]) -> Changes:
    """`others` did not change, but are told of."""
    persons = np.unique(np.concatenate([np.flatnonzero((before != after).any(axis=0)), others]))
    return Changes(persons, codes_of(before, persons), codes_of(after, persons))


def column_of(having: Having, threads: Threads, *, single: bool) -> SetColumn:
    blocks = []
    for block in range(having.shape[1] // SIZE):
        offsets, codes = np.nonzero(having[:, block * SIZE : (block + 1) * SIZE].T)
        blocks.append(CodedBlock(codes.astype(np.uint16), offsets.astype(np.uint16)) if len(codes) else None)
    return set_column(blocks, len(having), threads, single=single)


def having_of(column: SetColumn, blocks: int, threads: Threads) -> Having:
    """As programs read it, the row of the known at the end."""
    universe = set_column([CodedBlock(np.zeros(SIZE, np.uint16))] * blocks, 1, threads)
    sets = [InSet(column, each) for each in range(column.values + 1)]
    found = members(program_of(sets, universe), threads)
    return np.stack([np.unpackbits(each.words.view(np.uint8), bitorder="little") for each in found]) == 1
