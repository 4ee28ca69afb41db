"""New versions of the column of a tag or feature, with what its codes stand for."""

from collections.abc import Sequence

import numpy as np
from rules.evaluate.meaning import Scalar, Value

from segments.domain.packing import TooManyValues, code_of
from segments.engine.columns import TagColumn, ValueCodes
from segments.engine.containers import BLOCK_BITS, BLOCK_SIZE
from segments.engine.live.changes import Codes, Numbers
from segments.engine.live.holdings import changes_to, codes_held
from segments.engine.live.versions import changed, compacted
from segments.engine.numbers import NumberBlock, NumberColumn, number_column
from segments.engine.sets import VALUES_MOST, SetColumn
from segments.engine.threads import Threads


def with_values(
    version: TagColumn, persons: Numbers, values: Sequence[Value | None], threads: Threads
) -> TagColumn:
    """The version after persons (int64 ids) have these values, whatever they had; None: they have none. It is the one
    before when everybody has what they had.

    One who is told of twice has the last. A value that nobody had so far gets the next code; the dictionary may know of
    values that nobody has. Raises TooManyValues; the version before stays what it is.
    """
    scalars = [_scalars(each) for each in values]
    counts = np.fromiter((len(each) for each in scalars), np.int64, len(scalars))
    flat = [each for part in scalars for each in part]
    dictionary = None if version.dictionary is None else version.dictionary.with_values(flat)
    code = code_of if dictionary is None else dictionary.__getitem__
    codes = np.fromiter((code(each) for each in flat), np.int64, len(flat))
    return _put(version, persons, Codes(counts, codes), dictionary, threads)


def with_codes(
    version: TagColumn, persons: Numbers, codes: Codes, values: Sequence[Scalar], threads: Threads
) -> TagColumn:
    """The same for codes: places in `values` in a column with a dictionary, else those of segments.domain.packing."""
    dictionary = None if version.dictionary is None else version.dictionary.with_values(values)
    if dictionary is not None:
        places = np.fromiter((dictionary[each] for each in values), np.int64, len(values))
        codes = Codes(codes.counts, places[codes.codes])
    return _put(version, persons, codes, dictionary, threads)


def numbered(column: SetColumn, threads: Threads) -> NumberColumn:
    """A column of sets with one value per person as one of its codes."""
    column, blocks = compacted(column, threads), []
    for block in range(column.blocks):
        held = codes_held(column, np.arange(BLOCK_SIZE) + (block << BLOCK_BITS))
        offsets = np.flatnonzero(held.counts).astype(np.uint16)
        blocks.append(NumberBlock(held.codes, offsets) if len(offsets) else None)
    return number_column(blocks, threads)


def _put(
    version: TagColumn,
    persons: Numbers,
    codes: Codes,
    dictionary: ValueCodes | None,
    threads: Threads,
) -> TagColumn:
    column, count = version.column, 0 if dictionary is None else len(dictionary)
    if isinstance(column, SetColumn) and count > VALUES_MOST:
        if not column.single:
            raise TooManyValues(count, VALUES_MOST)
        column = numbered(column, threads)
    if isinstance(column, SetColumn) and not column.single:
        codes = _each_once(codes, count)
    column = changed(column, changes_to(column, persons, codes), threads, count)
    if column is version.column and dictionary is version.dictionary:
        return version
    return TagColumn(version.kind, column, dictionary)


def _each_once(codes: Codes, values: int) -> Codes:
    """Nobody has a value twice."""
    persons = np.repeat(np.arange(len(codes.counts)), codes.counts)
    pairs = np.unique(persons * max(values, 1) + codes.codes)
    counts = np.bincount(pairs // max(values, 1), minlength=len(codes.counts))
    return Codes(counts.astype(np.int64), pairs % max(values, 1))


def _scalars(value: Value | None) -> tuple[Scalar, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)
