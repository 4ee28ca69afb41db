"""What a rule would select: exact, stored nowhere."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from pyroaring import BitMap
from rules.check import Population
from rules.evaluate.bitmaps import Column, column_of, members
from rules.evaluate.meaning import Value
from rules.evaluate.setting import Setting
from rules.schema import Catalogue
from rules.values import Kind, ValueType
from segments.app.board import Board
from segments.app.freshness_notes import Freshness, freshness_of
from segments.app.rule_reading import ReadRule
from segments.domain.changes import FeatureState
from segments.domain.segment import Draft
from segments.store.ports import WithColumns


class FeatureColumns(Protocol):
    """Where a feature is computed that the index does not hold."""

    def evaluate(self, tenant: str, form: str, kind: Kind) -> AsyncIterator[dict[int, Value | None]]:
        """person_id -> value, block by block. Raises UpstreamUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Previewed:
    """The answer. `sample` are the smallest ids."""

    count: int
    sample: list[int]
    canonical_rule: str
    freshness: Freshness


class Preview:
    """The use case of PreviewSegment."""

    def __init__(self, board: Board, columns: FeatureColumns, with_columns: WithColumns) -> None:
        self._board = board
        self._columns = columns
        self._with_columns = with_columns

    async def __call__(self, tenant: str, rule: str, population: Population, sample: int) -> Previewed:
        """Evaluates over one version of the index. Raises RuleInvalid, NodeUnsupported, UpstreamUnavailable."""
        draft = Draft("", "", "", rule, population, "")
        async with self._board.gate.reading():
            read = self._board.read(tenant, draft)
            missing = self._missing(tenant, read)
        computed = {form: await self._compute(tenant, form, read.forms[form]) for form in missing}
        async with self._board.gate.reading():
            started = time.perf_counter_ns()
            found = await asyncio.to_thread(self._evaluate, tenant, read, computed)
            elapsed_us = (time.perf_counter_ns() - started) // 1_000
            freshness = freshness_of(self._board, tenant, read, elapsed_us)
        return Previewed(len(found), found.to_array()[:sample].tolist(), read.canonical, freshness)

    def _missing(self, tenant: str, read: ReadRule) -> list[str]:
        features = self._board.tenant(tenant).index.features
        return [
            form
            for form in read.forms
            if form not in features or features[form].state is not FeatureState.LIVE
        ]

    async def _compute(self, tenant: str, form: str, kind: Kind) -> Column:
        column = column_of(ValueType(kind))
        async for values in self._columns.evaluate(tenant, form, kind):
            column.apply(values)
        return column

    def _evaluate(self, tenant: str, read: ReadRule, computed: dict[str, Column]) -> BitMap:
        segments = self._board.tenant(tenant)
        view = segments.index.bitmaps(segments.members_by_segment())
        schema = Catalogue.of(segments.index.tag_types().values())
        setting = Setting(schema, segments.index.as_of(self._board.now()), segments.index.calendar)
        return members(read.body, self._with_columns(view, computed), setting, read.population)
