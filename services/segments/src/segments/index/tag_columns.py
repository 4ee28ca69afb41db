"""Columns counted block by block, for groups of persons."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from segments.domain.changes import BLOCK_BITS, BLOCK_SIZE
from segments.domain.insight.counts import ValueCounts
from segments.domain.packing import Coded, Codes, recoded
from segments.index.columns import ScalarColumn
from segments.index.lists import ListColumn
from segments.store.insight_ports import Label, Ones, Tabulated
from segments.store.ports import TenantIndex

if TYPE_CHECKING:
    from segments.engine.members import Members

_COUNTED_BY_PLACE = 1 << 16
"""Codes from 0 up to this are counted by their place in an array, others by sorting."""


class BlockColumns:
    """Implements TagColumns: contained columns are counted by the block engine, plain ones as arrays."""

    def among(self, index: TenantIndex, groups: Sequence[BitMap]) -> "BlockGroups":
        return BlockGroups(index, groups)

    def ones(self, index: TenantIndex, column: str, person_ids: npt.NDArray[np.uint32]) -> Ones:
        held = index.held(column)
        if not isinstance(held, ScalarColumn | ListColumn):
            from segments.index import contained_counts

            return contained_counts.ones(held.tag, person_ids)
        places, codes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        texts: dict[int, str] = {}
        for block in held.blocks():
            start, end = _span(person_ids, block)
            if start == end:
                continue
            coded = held.block(block)
            texts.update(coded.texts)
            chosen = _chosen(coded, block, person_ids)
            offsets = (person_ids[start:end] & (BLOCK_SIZE - 1)).astype(np.uint16)
            rows = start + np.searchsorted(offsets, coded.offsets[chosen])
            places.append(np.repeat(rows, coded.counts[chosen]))
            codes.append(coded.codes[np.repeat(chosen, coded.counts)])
        return Ones(np.concatenate(places), np.concatenate(codes), texts)


class BlockGroups:
    """Implements Groups."""

    def __init__(self, index: TenantIndex, groups: Sequence[BitMap]) -> None:
        self._index = index
        self._groups = groups

    def tabulate(self, column: str, label: Label | None = None) -> Tabulated:
        held = self._index.held(column)
        if not isinstance(held, ScalarColumn | ListColumn):
            from segments.index import contained_counts

            return contained_counts.tabulated(held.tag, self._members, label)
        return self._from_blocks(column, label)

    @cached_property
    def _members(self) -> "list[Members]":
        """As the engine has them, made once for all columns."""
        from segments.engine.members import members_of

        blocks = max((each.max() >> BLOCK_BITS for each in self._groups if each), default=-1) + 1
        return [members_of(each, blocks) for each in self._groups]

    @cached_property
    def _ids(self) -> list[npt.NDArray[np.uint32]]:
        return [np.asarray(each.to_array(), np.uint32) for each in self._groups]

    def _from_blocks(self, column: str, label: Label | None) -> Tabulated:
        tallies = [_Tally() for _ in self._groups]
        labels = _Labels(label)
        texts: dict[int, str] = {}
        for block, coded in _blocks(self._index, column):
            texts.update(coded.texts)
            codes = coded.codes if label is None else recoded(coded.codes, labels.of(coded.texts))
            for tally, persons in zip(tallies, self._ids, strict=True):
                chosen = _chosen(coded, block, persons)
                tally.add(coded, codes, chosen, once=label is not None)
        return Tabulated([each.counts() for each in tallies], texts if label is None else labels.texts)


class _Labels:
    """Labels numbered as they come."""

    def __init__(self, label: Label | None) -> None:
        self._label = label
        self._numbers: dict[str, int] = {}

    @property
    def texts(self) -> dict[int, str]:
        return {number: text for text, number in self._numbers.items()}

    def of(self, texts: Mapping[int, str]) -> "_Numbering":
        assert self._label is not None
        return _Numbering(self._label, self._numbers, texts)


class _Numbering:
    def __init__(self, label: Label, numbers: dict[str, int], texts: Mapping[int, str]) -> None:
        self._label, self._numbers, self._texts = label, numbers, texts

    def __call__(self, code: int) -> int:
        return self._numbers.setdefault(self._label(self._texts[code]), len(self._numbers))


class _Tally:
    """Counts of one group, growing block by block."""

    def __init__(self) -> None:
        self._by_place = np.zeros(_COUNTED_BY_PLACE, np.int64)
        self._others: list[tuple[Codes, Codes]] = []
        self._known = 0

    def add(self, coded: Coded, codes: Codes, chosen: npt.NDArray[np.bool_], *, once: bool) -> None:
        """The persons of `chosen`, one for each offset; `once`: a person counts once for each code."""
        counts = coded.counts[chosen]
        self._known += int(np.count_nonzero(counts))
        found = codes[np.repeat(chosen, coded.counts)]
        if once and len(found) > len(counts):
            rows = np.repeat(np.arange(len(counts)), counts)
            found = np.unique(np.stack([rows, found]), axis=1)[1]
        if not len(found):
            return
        if int(found.min()) >= 0 and int(found.max()) < _COUNTED_BY_PLACE:
            counted = np.bincount(found)
            self._by_place[: len(counted)] += counted
        else:
            self._others.append(np.unique(found, return_counts=True))

    def counts(self) -> ValueCounts:
        there = np.flatnonzero(self._by_place).astype(np.int64)
        codes = np.concatenate([there, *(each[0] for each in self._others)])
        counts = np.concatenate([self._by_place[there], *(each[1] for each in self._others)])
        distinct, places = np.unique(codes, return_inverse=True)
        summed = np.zeros(len(distinct), np.int64)
        np.add.at(summed, places, counts)
        return ValueCounts(distinct, summed, self._known)


def _blocks(index: TenantIndex, column: str) -> Iterator[tuple[int, Coded]]:
    for block in index.blocks(column):
        coded = index.block(column, block)
        if coded is not None and len(coded.offsets):
            yield block, coded


def _span(person_ids: npt.NDArray[np.uint32], block: int) -> tuple[int, int]:
    ends = np.searchsorted(person_ids, np.asarray([block << BLOCK_BITS, (block + 1) << BLOCK_BITS]))
    return int(ends[0]), int(ends[1])


def _chosen(coded: Coded, block: int, person_ids: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Which of the block's offsets belong to the persons."""
    start, end = _span(person_ids, block)
    mask = np.zeros(BLOCK_SIZE, np.bool_)
    mask[person_ids[start:end] & (BLOCK_SIZE - 1)] = True
    return mask[coded.offsets]
