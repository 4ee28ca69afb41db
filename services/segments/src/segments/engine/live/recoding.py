"""Columns without the values that nobody has any more: a dictionary grows with each new value, and forgets none."""

import numpy as np
import numpy.typing as npt
from rules.values import Kind

from segments.engine.columns import TagColumn, ValueCodes
from segments.engine.containers import BLOCK_BITS, BLOCK_SIZE, CARDINALITY_MASK, CARDINALITY_SHIFT
from segments.engine.decoding import codes_in
from segments.engine.encoding import coded_column
from segments.engine.live.changes import Codes
from segments.engine.live.holdings import codes_held
from segments.engine.live.tags import with_codes
from segments.engine.numbers import NumberColumn
from segments.engine.sets import SetColumn
from segments.engine.threads import Threads

WASTE_MOST = 2
"""A dictionary with so many times the values that occur is made anew."""


def recoded(version: TagColumn, threads: Threads, *, thoroughly: bool) -> TagColumn | None:
    """The same values with codes for those alone that somebody has; None when the dictionary may stay as it is.

    `thoroughly`: made anew for the first value that nobody has, else when the dictionary is more waste than values.
    """
    if version.dictionary is None or version.kind is Kind.BOOL:
        return None
    codes = _occurring(version.column)
    most = len(codes) if thoroughly else len(codes) * WASTE_MOST
    if len(version.dictionary) <= most:
        return None
    values = version.by_code
    dictionary = ValueCodes.of(values[code] for code in codes.tolist())
    is_list = isinstance(version.column, SetColumn) and not version.column.single
    blocks = {each: codes_in(version.column, each) for each in range(version.column.blocks)}
    return coded_column(
        version.kind, blocks, codes, dictionary, version.column.blocks, threads, single=not is_list
    )


def caught_up_by_value(
    settled: TagColumn, after: TagColumn, blocks: list[int], threads: Threads
) -> TagColumn:
    """A version of `settled` that says in these blocks what `after` does, whose codes are others. Raises
    TooManyValues."""
    values = after.by_code
    for block in blocks:
        persons = np.arange(BLOCK_SIZE, dtype=np.int64) + (block << BLOCK_BITS)
        held = codes_held(after.column, persons)
        distinct, places = np.unique(held.codes, return_inverse=True)
        named = [values[code] for code in distinct.tolist()]
        settled = with_codes(settled, persons, Codes(held.counts, places.astype(np.int64)), named, threads)
    return settled


def _occurring(column: SetColumn | NumberColumn) -> npt.NDArray[np.int64]:
    """The codes that somebody has, ascending."""
    if isinstance(column, SetColumn):
        persons = (column.entries[:-1] >> CARDINALITY_SHIFT) & CARDINALITY_MASK
        return np.flatnonzero(persons.any(axis=1)).astype(np.int64)
    used = [np.unique(codes_in(column, each).codes) for each in range(column.blocks)]
    return np.unique(np.concatenate([np.zeros(0, np.int64), *used]))
