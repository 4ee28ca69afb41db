"""The engine's columns as the evaluator over bitmaps reads them: for whoever needs roaring bitmaps of single leaves."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from rules.check import Population
from rules.evaluate.meaning import Scalar, Value, between
from rules.values import Kind

from segments.domain.packing import code_of, scalar_of
from segments.engine.algebra import Everyone, InSet, Sets
from segments.engine.answers import members
from segments.engine.arenas import aligned
from segments.engine.columns import TagColumn, TagColumns
from segments.engine.containers import BLOCK_BITS, BLOCK_SIZE, BLOCK_WORDS
from segments.engine.decoding import coded_of, values_of
from segments.engine.live.holdings import codes_held
from segments.engine.numbers import NO_HIGH, NO_LOW, NumberColumn
from segments.engine.program import program_of
from segments.engine.sets import SetColumn, members_column
from segments.engine.threads import Threads


@dataclass(frozen=True, slots=True)
class EngineBitmaps:
    """Implements TagBitmaps. Columns answer persons of the population of all only."""

    columns: TagColumns
    threads: Threads

    def universe(self, population: Population) -> BitMap:
        return _bitmap(Everyone(), self.columns.universe(population), self.threads)

    def tag(self, name: str) -> "EngineColumn":
        return self._column(self.columns.tag(name))

    def feature(self, form: str) -> "EngineColumn":
        return self._column(self.columns.feature(form))

    def segment(self, name: str) -> BitMap:
        return _bitmap(Everyone(), self.columns.segment(name), self.threads)

    def _column(self, column: TagColumn) -> "EngineColumn":
        return EngineColumn(column, self.columns.universe(Population.ALL), self.threads)


@dataclass(frozen=True, slots=True)
class EngineColumn:
    """Implements Column of rules, and Numbered."""

    column: TagColumn
    everyone: SetColumn
    threads: Threads

    @property
    def kind(self) -> Kind:
        return self.column.kind

    def known(self) -> BitMap:
        return self._found(self.column.known())

    def any_of(self, values: Collection[Scalar]) -> BitMap:
        return self._found(self.column.any_of(values))

    def between(self, low: Scalar | None, high: Scalar | None, *, with_low: bool, with_high: bool) -> BitMap:
        if self.column.dictionary is not None:
            return self.where(lambda value: between(value, low, high, with_low=with_low, with_high=with_high))
        first = NO_LOW if low is None else code_of(low) + (not with_low)
        last = NO_HIGH if high is None else code_of(high) - (not with_high)
        return self._found(self.column.within(first, last))

    def where(self, test: Callable[[Scalar], bool]) -> BitMap:
        """Of numbers at the cost of reading all of them."""
        if self.column.dictionary is not None:
            codes = [code for value, code in self.column.values() if test(value)]
            return self._found(self.column.coded(sorted(codes)))
        assert isinstance(self.column.column, NumberColumn)
        words = aligned(self.column.column.blocks * BLOCK_WORDS)
        passes: dict[int, bool] = {}
        for block in range(self.column.column.blocks):
            coded = coded_of(self.column, block)
            codes_here, places = np.unique(coded.codes, return_inverse=True)
            for code in codes_here.tolist():
                if code not in passes:
                    passes[code] = test(scalar_of(code, self.kind))
            mask = np.zeros(BLOCK_SIZE, np.bool_)
            mask[coded.offsets] = np.asarray([passes[each] for each in codes_here.tolist()], np.bool_)[places]
            words[block * BLOCK_WORDS : (block + 1) * BLOCK_WORDS] = np.packbits(
                mask, bitorder="little"
            ).view(np.uint64)
        return self._found(InSet(members_column(words), 0))

    def values(self, persons: BitMap) -> Iterator[tuple[int, Value]]:
        ids = np.asarray(persons.to_array(), np.int64)
        ids = ids[codes_held(self.everyone, ids).counts > 0]
        held = codes_held(self.column.column, ids)
        ends = np.cumsum(held.counts).tolist()
        codes = held.codes.tolist()
        values = None if self.column.dictionary is None else self.column.by_code
        start = 0
        for person, end in zip(ids.tolist(), ends, strict=True):
            if end > start:
                found = [
                    scalar_of(each, self.kind) if values is None else values[each]
                    for each in codes[start:end]
                ]
                yield person, tuple(found) if self._many else found[0]
            start = end

    def numbers(
        self, person_ids: npt.NDArray[np.uint32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Of each person: a number that is greater where the value is, of numbers, dates and moments; is it known?"""
        numbers, known = np.zeros(len(person_ids), np.int64), np.zeros(len(person_ids), np.bool_)
        blocks = person_ids >> BLOCK_BITS
        for block in np.unique(blocks).tolist():
            here = np.flatnonzero(blocks == block)
            values = values_of(self.column, block).take(person_ids[here] & (BLOCK_SIZE - 1))
            numbers[here], known[here] = values.data, values.known
        return numbers, known

    @property
    def _many(self) -> bool:
        return isinstance(self.column.column, SetColumn) and not self.column.column.single

    def _found(self, sets: Sets) -> BitMap:
        return _bitmap(sets, self.everyone, self.threads)


def _bitmap(sets: Sets, universe: SetColumn, threads: Threads) -> BitMap:
    (found,) = members(program_of([sets], universe), threads)
    return found.bitmap()
