"""Who a rule selects, by the block engine where there is something to gain, and how: one tenant's, of any version."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyroaring import BitMap
from rules.check import Population
from rules.errors import UnsupportedNode
from rules.evaluate.bitmaps import RuleBitmaps, members
from rules.evaluate.setting import Setting
from rules.tree import Condition
from servicekit.kernels.threads import Cancellation

from segments.domain.changes import BLOCK_SIZE, TagChange
from segments.domain.plan import Evaluator, Plan
from segments.domain.shared_parts import SharedParts
from segments.index import readiness
from segments.index.plans import BitmapSteps
from segments.index.results import Content, Results, content_of
from segments.index.universe import Universe

if TYPE_CHECKING:
    from segments.index.selection import EngineColumns, EngineView, Kept

BY_BLOCKS_FROM = BLOCK_SIZE // 2
"""Persons from which on the block engine answers, over columns in files. For fewer, bitmaps take less than a
millisecond and no compiler."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What a condition is asked of: a version of the index at a moment."""

    view: RuleBitmaps
    setting: Setting
    population: Population
    people: Universe
    tags: Mapping[str, TagChange]

    def content(self, condition: Condition) -> Content:
        """What the answer rests on."""
        within = self.population, self.people.stamp
        return content_of(condition, self.view, self.setting, within, self.tags)


class Answering:
    """Shared by the versions of a tenant's index: what it keeps is found by content. Safe for threads."""

    def __init__(self) -> None:
        self._made: list[EngineColumns] = []
        self._results = Results()

    def select(self, condition: Condition, asking: Asking, parts: SharedParts | None = None) -> BitMap:
        """The persons of whom it is true; `parts`: of several rules asked of the same. Raises as
        rules.evaluate.bitmaps.members."""
        seen, _ = self._by_blocks(asking)
        if seen is None:
            return members(condition, asking.view, asking.setting, asking.population)
        kept = self._kept(asking)

        def compute() -> BitMap:
            from segments.index import selection

            try:
                return selection.select(condition, seen, asking.setting, asking.population, kept, parts)
            except UnsupportedNode:
                return members(condition, asking.view, asking.setting, asking.population)

        return kept(condition, compute)

    def plan(
        self, condition: Condition, asking: Asking, computed: Set[str], cancellation: Cancellation | None
    ) -> Plan:
        """How it is answered; `computed` are the forms of features that were computed for the question. Raises
        Cancelled, and as `select`."""
        kept = False
        seen, because = self._by_blocks(asking)
        if seen is not None:
            from segments.index import selection

            kept = self._results.has(asking.content(condition))
            try:
                blocks, step = selection.explain(
                    condition,
                    seen,
                    asking.setting,
                    asking.population,
                    self._kept(asking),
                    computed,
                    cancellation,
                )
            except UnsupportedNode as error:
                because = str(error)
            else:
                return Plan(Evaluator.BLOCK_ENGINE, "", blocks, kept, step)
        steps = BitmapSteps(asking.view, asking.setting, asking.population, computed, cancellation)
        return Plan(Evaluator.BITMAPS, because, steps.blocks, kept, steps.of(condition))

    def _kept(self, asking: Asking) -> "Kept":
        def kept(condition: Condition, compute: Callable[[], BitMap]) -> BitMap:
            content = asking.content(condition)
            found = self._results.get(content)
            if found is None:
                found = compute()
                self._results.put(content, found)
            return found

        return kept

    def _by_blocks(self, asking: Asking) -> "tuple[EngineView | None, str]":
        """The index as the block engine reads it; None, and why, while bitmaps answer."""
        populations = asking.people.populations
        if len(populations[asking.population]) < BY_BLOCKS_FROM:
            return None, f"for fewer than {BY_BLOCKS_FROM:,} persons bitmaps are as fast"
        if not readiness.engine_is_ready():
            return None, "the kernels of the block engine are being compiled"
        from segments.index import selection

        if not self._made:
            self._made.append(selection.EngineColumns())
        blocks = selection.blocks_of(populations[Population.ALL])
        return selection.EngineView(self._made[0], asking.view, asking.people.stamp, blocks), ""
