"""Conditions that no container answers, computed for each person of the population: expressions of several tags, and
conditions on single dates and numbers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from rules.evaluate.events import Column
from rules.evaluate.events.conditions import truth
from rules.evaluate.setting import Setting
from rules.schema import ValueList
from rules.tree import (
    Aggregate,
    AnyLine,
    Condition,
    Expression,
    Feature,
    InSegment,
    Property,
    Sequence,
    TagRef,
)

from segments.engine.arenas import aligned
from segments.engine.columns import TagColumn, TagColumns
from segments.engine.containers import BLOCK_WORDS
from segments.engine.decoding import persons_of, values_of
from segments.engine.sets import SetColumn, members_column
from segments.engine.threads import Cancellation, Threads

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Computed:
    """What `sets_of` asks for such conditions: reads every tag of the condition once, block by block, at a cost that
    follows the population. `universe`: row 0 is the population."""

    columns: TagColumns
    universe: SetColumn
    setting: Setting
    threads: Threads
    cancellation: Cancellation | None = None

    def __call__(self, condition: Condition) -> SetColumn:
        """Row 0: whoever of the population the condition is true of. Raises NumberOverflow, Cancelled."""
        words = aligned(self.universe.blocks * BLOCK_WORDS)

        def work(first: int, last: int) -> None:
            for block in range(first, last):
                persons = np.flatnonzero(persons_of(self.universe, 0, block))
                if len(persons):
                    found = np.zeros(BLOCK_WORDS * 64, np.bool_)
                    found[persons] = truth(condition, _Block(self.columns, self.setting, block, persons))
                    stretch = words[block * BLOCK_WORDS : (block + 1) * BLOCK_WORDS]
                    stretch[:] = np.packbits(found, bitorder="little").view(np.uint64)

        self.threads.each(self.universe.blocks, work, self.cancellation)
        return members_column(words)


@dataclass(frozen=True)
class _Block:
    """Where names are read: a slot for each person of one block who is in the population."""

    columns: TagColumns
    setting: Setting
    block: int
    persons: npt.NDArray[np.int64]

    @cached_property
    def _read(self) -> dict[TagRef | Feature, Column]:
        return {}

    @property
    def size(self) -> int:
        return len(self.persons)

    def read(self, leaf: TagRef | Property | Aggregate | Feature) -> Column:
        if not isinstance(leaf, TagRef | Feature):
            raise TypeError(f"{type(leaf).__name__} is of events; evaluate a rule with features")
        if leaf not in self._read:
            self._read[leaf] = values_of(self._column(leaf), self.block).take(self.persons)
        return self._read[leaf]

    def _column(self, leaf: TagRef | Feature) -> TagColumn:
        return self.columns.tag(leaf.name) if isinstance(leaf, TagRef) else self.columns.feature(leaf.form)

    def list_of(self, operand: Expression) -> ValueList | None:
        tag = self.setting.schema.tag(operand.name) if isinstance(operand, TagRef) else None
        return tag.values if tag else None

    def holds(self, condition: AnyLine | InSegment | Sequence) -> Bools:
        raise TypeError(f"{type(condition).__name__} has no meaning here; evaluate a checked rule")
