"""Columns of tags from blocks of codes."""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
from rules.values import Kind, ValueType

from segments.domain.packing import Coded, scalar_of
from segments.engine.columns import TagColumn, ValueCodes
from segments.engine.containers import BLOCK_BITS, BLOCK_SIZE
from segments.engine.numbers import NumberBlock, number_column
from segments.engine.sets import VALUES_MOST, CodedBlock, set_column
from segments.engine.threads import Threads

Blocks = Mapping[int, Coded]


def tag_column(type_: ValueType, blocks: Blocks, count: int, threads: Threads) -> TagColumn:
    """The column of a tag's values in blocks 0 to before `count`; a block that is not given has none.

    `coded.texts` name every code of a column of texts. Raises ValueError for a multi-valued tag with more than
    VALUES_MOST distinct values.
    """
    kind = type_.element or type_.kind
    if type_.kind is not Kind.LIST and kind in {Kind.NUMBER, Kind.DATE, Kind.DATETIME}:
        return TagColumn(kind, number_column([_numbers(blocks.get(each)) for each in range(count)], threads))
    codes, dictionary = _dictionary(kind, blocks.values())
    return coded_column(kind, blocks, codes, dictionary, count, threads, single=type_.kind is not Kind.LIST)


def coded_column(
    kind: Kind,
    blocks: Blocks,
    codes: npt.NDArray[np.int64],
    dictionary: ValueCodes,
    count: int,
    threads: Threads,
    *,
    single: bool,
) -> TagColumn:
    """The same of blocks with these codes, ascending; `dictionary` says of each value at which place its code is."""
    if len(codes) > VALUES_MOST and single:
        numbers = [_numbers(_recoded(blocks.get(each), codes)) for each in range(count)]
        return TagColumn(kind, number_column(numbers, threads), dictionary)
    coded = [_sets(_recoded(blocks.get(each), codes)) for each in range(count)]
    return TagColumn(kind, set_column(coded, len(codes), threads, single=single), dictionary)


def _dictionary(kind: Kind, blocks: Iterable[Coded]) -> tuple[npt.NDArray[np.int64], ValueCodes]:
    """The distinct codes ascending, and the place of each value among them."""
    texts: dict[int, str] = {}
    used: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
    for each in blocks:
        texts.update(each.texts)
        used.append(np.unique(each.codes))
    codes = np.unique(np.concatenate(used))
    if kind is Kind.BOOL:
        codes = np.asarray([0, 1], np.int64)
    values = (texts[each] if kind is Kind.TEXT else scalar_of(each, kind) for each in codes.tolist())
    return codes, ValueCodes.of(values)


def _recoded(coded: Coded | None, codes: npt.NDArray[np.int64]) -> Coded | None:
    if coded is None:
        return None
    return Coded(coded.offsets, coded.counts, np.searchsorted(codes, coded.codes))


def _numbers(coded: Coded | None) -> NumberBlock | None:
    if coded is None:
        return None
    offsets = coded.offsets[coded.counts > 0]
    return NumberBlock(np.ascontiguousarray(coded.codes), None if len(offsets) == BLOCK_SIZE else offsets)


def _sets(coded: Coded | None) -> CodedBlock | None:
    if coded is None:
        return None
    pairs = np.repeat(coded.offsets.astype(np.int64), coded.counts) << BLOCK_BITS | coded.codes
    if np.any(np.diff(pairs) <= 0):
        pairs = np.unique(pairs)  # a person has a value once
    return CodedBlock(pairs.astype(np.uint16), (pairs >> BLOCK_BITS).astype(np.uint16))
