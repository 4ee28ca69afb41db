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

from .index import TagBitmaps
from .leaves import EVALUATOR

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


@runtime_checkable
class BirthHashes(Protocol):
    """An index that knows its persons' birth hashes."""

    def birth_hashes(self, person_ids: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
        """Of each, in the same order; 0 for one that is not known."""
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
        hashes = index.birth_hashes(ids)
        if isinstance(step, Sample):
            members = BitMap(ids[sampled(hashes, step)])
        else:
            members = BitMap(ids[_order(step, ids, hashes, index)[: kept(step, len(ids))]])
    return members


def _order(
    step: Limit, ids: npt.NDArray[np.uint32], hashes: npt.NDArray[np.uint64], index: TagBitmaps
) -> npt.NDArray[np.intp]:
    """By the tag's value, the unknown last; then by birth hash, then by id."""
    numbers = np.zeros(len(ids), np.int64)
    unknown = np.ones(len(ids), np.bool_)
    for person, value in index.tag(step.by.name).values(BitMap(ids)):
        place = int(np.searchsorted(ids, person))
        numbers[place], unknown[place] = _number(value), False
    if step.descending:
        numbers = np.where(unknown, 0, ~numbers)  # the reverse order, of the least number, too
    return np.lexsort((ids, hashes, numbers, unknown))


def _number(value: Value) -> int:
    match value:
        case dt.datetime():
            return (value - _EPOCH) // _MICROSECOND
        case dt.date():
            return value.toordinal()
        case int():
            return value
    raise TypeError(f"LIMIT orders by numbers, dates and moments, not by {type(value).__name__}")
