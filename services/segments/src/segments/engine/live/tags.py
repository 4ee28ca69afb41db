"""The column of a tag or feature that changes, with what its codes stand for."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from rules.evaluate.meaning import Scalar, Value

from segments.domain.packing import code_of
from segments.engine.columns import TagColumn
from segments.engine.containers import BLOCK_BITS, BLOCK_SIZE
from segments.engine.live.changes import Codes, Numbers
from segments.engine.live.column import LiveColumn
from segments.engine.live.holdings import codes_held
from segments.engine.live.versions import compacted
from segments.engine.numbers import NumberBlock, NumberColumn, number_column
from segments.engine.sets import VALUES_MOST, SetColumn
from segments.engine.threads import Cancellation, Threads


class LiveTag:
    """One thread at a time puts values; any may read versions and merge."""

    def __init__(self, version: TagColumn, threads: Threads) -> None:
        self._kind = version.kind
        self._dictionary = version.dictionary
        self._threads = threads
        self._live: LiveColumn[SetColumn | NumberColumn] = LiveColumn(version.column, threads)

    @property
    def version(self) -> TagColumn:
        """The latest one, immutable. Its dictionary may know of values that nobody has."""
        column = self._live.version
        return TagColumn(self._kind, column, self._dictionary)

    @property
    def is_due(self) -> bool:
        """Is it time to merge?"""
        return self._live.is_due

    def put(self, persons: Numbers, values: Sequence[Value | None]) -> TagColumn:
        """The version after persons have these values, whatever they had; None: they have none.

        A value that nobody had so far gets the next code. Raises ValueError for a multi-valued tag with more than
        VALUES_MOST; nothing has changed then.
        """
        dictionary = self._with(values)
        column, count = self._live.version, 0 if dictionary is None else len(dictionary)
        if isinstance(column, SetColumn) and count > VALUES_MOST:
            if not column.single:
                raise ValueError(f"{count} values are too many for a multi-valued tag; at most {VALUES_MOST}")
            self._live.replace(numbered(column, self._threads))
        codes = _codes(values, dictionary)
        self._dictionary = dictionary
        self._live.put(persons, codes, count)
        return self.version

    def merge(
        self,
        cancellation: Cancellation | None = None,
        stored: Callable[[TagColumn], TagColumn] | None = None,
    ) -> TagColumn:
        """See LiveColumn.merge."""

        def store(column: SetColumn | NumberColumn) -> SetColumn | NumberColumn:
            assert stored is not None
            return stored(TagColumn(self._kind, column, _part(self._dictionary, column))).column

        self._live.merge(cancellation, None if stored is None else store)
        return self.version

    def _with(self, values: Sequence[Value | None]) -> Mapping[Scalar, int] | None:
        known = self._dictionary
        if known is None:
            return None
        new = dict.fromkeys(each for value in values for each in _scalars(value) if each not in known)
        if not new:
            return known
        return {**known, **{each: len(known) + place for place, each in enumerate(new)}}


def numbered(column: SetColumn, threads: Threads) -> NumberColumn:
    """A column of sets with one value per person as one of its codes."""
    column, blocks = compacted(column, threads), []
    for block in range(column.blocks):
        held = codes_held(column, np.arange(BLOCK_SIZE) + (block << BLOCK_BITS))
        offsets = np.flatnonzero(held.counts).astype(np.uint16)
        blocks.append(NumberBlock(held.codes, offsets) if len(offsets) else None)
    return number_column(blocks, threads)


def _scalars(value: Value | None) -> tuple[Scalar, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _codes(values: Sequence[Value | None], dictionary: Mapping[Scalar, int] | None) -> Codes:
    scalars = [_scalars(each) for each in values]
    counts = np.fromiter((len(each) for each in scalars), np.int64, len(scalars))
    code = code_of if dictionary is None else dictionary.__getitem__
    codes = np.fromiter((code(each) for part in scalars for each in part), np.int64, int(counts.sum()))
    return Codes(counts, codes)


def _part(
    dictionary: Mapping[Scalar, int] | None, column: SetColumn | NumberColumn
) -> Mapping[Scalar, int] | None:
    """What the column has of a dictionary, to which others may have come meanwhile."""
    if dictionary is None or isinstance(column, NumberColumn):
        return dictionary
    return {value: code for value, code in dictionary.items() if code < column.values}
