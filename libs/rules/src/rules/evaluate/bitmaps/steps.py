"""LIMIT and SAMPLE over sets of persons and their birth hashes."""

import datetime as dt
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from rules.errors import UnsupportedNode
from rules.evaluate.meaning import Value
from rules.evaluate.selection import kept, sampled
from rules.tree import Limit, Sample

from .index import Column, TagBitmaps
from .leaves import EVALUATOR

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


@runtime_checkable
class BirthHashes(Protocol):
    """An index that knows its persons' birth hashes."""

    def birth_hashes(self, person_ids: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
        """Of each, in the same order; 0 for one that is not known."""
        ...


class RuleBitmaps(TagBitmaps, BirthHashes, Protocol):
    """What whole rules are evaluated over, steps included."""


@runtime_checkable
class Numbered(Protocol):
    """A column of numbers, dates or moments that tells many persons' values at once."""

    def numbers(
        self, person_ids: npt.NDArray[np.uint32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Of each, in the same order: a number that is greater where the value is, and whether it is known."""
        ...


def narrowed(members: BitMap, steps: tuple[Limit | Sample, ...], index: TagBitmaps) -> BitMap:
    """Those whom the steps leave, one after the other. Raises UnsupportedNode when the index has no birth hashes,
    LookupError for a tag that it does not have."""
    for step in steps:
        if not isinstance(index, BirthHashes):
            raise UnsupportedNode(
                f"{type(step).__name__.upper()} over an index without birth hashes", EVALUATOR
            )
        ids = np.array(members.to_array(), np.uint32)
        if isinstance(step, Sample):
            members = BitMap(ids[sampled(index.birth_hashes(ids), step)])
        else:
            members = BitMap(_first(step, ids, index, index, kept(step, len(ids))))
    return members


def _first(
    step: Limit, ids: npt.NDArray[np.uint32], index: TagBitmaps, hashes: BirthHashes, count: int
) -> npt.NDArray[np.uint32]:
    """So many, by the tag's value, the unknown last; then by birth hash, then by id. Sorts those alone who may be among
    them."""
    column = index.tag(step.by.name)
    numbers, known = column.numbers(ids) if isinstance(column, Numbered) else _numbers(column, ids)
    if step.descending:
        numbers = ~numbers  # the reverse order, of the least number, too
    numbers = np.where(known, numbers, 0)
    if 0 < count < np.count_nonzero(known):
        last = np.partition(numbers[known], count - 1)[count - 1]
        near = known & (numbers <= last)
        ids, numbers, known = ids[near], numbers[near], known[near]
    found: npt.NDArray[np.uint32] = ids[np.lexsort((ids, hashes.birth_hashes(ids), numbers, ~known))[:count]]
    return found


def _numbers(
    column: Column, ids: npt.NDArray[np.uint32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """As `Numbered` says, person by person."""
    numbers, known = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
    for person, value in column.values(BitMap(ids)):
        place = int(np.searchsorted(ids, person))
        numbers[place], known[place] = _number(value), True
    return numbers, known


def _number(value: Value) -> int:
    match value:
        case dt.datetime():
            return (value - _EPOCH) // _MICROSECOND
        case dt.date():
            return value.toordinal()
        case int():
            return value
    raise TypeError(f"LIMIT orders by numbers, dates and moments, not by {type(value).__name__}")
