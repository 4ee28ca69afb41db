"""What a rule would select: exact, stored nowhere."""

import datetime as dt
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from pyroaring import BitMap
from rules.check import Population
from rules.errors import NumberOverflow
from rules.evaluate.bitmaps import Column
from rules.evaluate.setting import Setting
from rules.values import Kind, ValueType
from segments.app.freshness_notes import Freshness, elapsed_us, freshness_of, valueless
from segments.app.membership import segment_with_members
from segments.app.readable import MayRead, unreadable_grades
from segments.app.rule_reading import ReadRule
from segments.app.standing import OVERFLOW
from segments.app.unknown_names import UpToDate, read_up_to_date
from segments.app.version import Board, Version
from segments.domain.changes import FeatureState, PackedBlock
from segments.domain.segment import Draft
from segments.errors import RuleInvalid
from segments.store.ports import EmptyColumn, WithColumns
from servicekit.revision import Revision

CACHED_COLUMNS = 32
"""Columns of features that are kept between previews, of all tenants."""
CACHE_GRAIN = dt.timedelta(minutes=1)
"""Hour windows age: a column is used again within the same minute of the suite's clock only."""


class FeatureColumns(Protocol):
    """Where a feature is computed that the index does not hold."""

    def evaluate(self, tenant: str, form: str, at_least: Revision | None) -> AsyncIterator[PackedBlock]:
        """The column block by block, over facts that tagging's revision covers. Raises UpstreamUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Previewed:
    """The answer. `sample` are the smallest ids."""

    count: int
    sample: list[int]
    canonical_rule: str
    freshness: Freshness
    read_at: Revision


class Preview:
    """The use case of PreviewSegment. `now` is the suite's time."""

    def __init__(
        self,
        board: Board,
        columns: FeatureColumns,
        up_to_date: UpToDate,
        empty_column: EmptyColumn,
        with_columns: WithColumns,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._board = board
        self._columns = columns
        self._up_to_date = up_to_date
        self._empty_column = empty_column
        self._with_columns = with_columns
        self._now = now
        self._cached: OrderedDict[tuple[object, ...], Column] = OrderedDict()

    async def __call__(
        self, tenant: str, rule: str, population: Population, sample: int, may_read: MayRead
    ) -> Previewed:
        """Evaluates over one version of the index. Raises RuleInvalid, SegmentNotLive, RightMissing,
        UpstreamUnavailable."""
        draft = Draft("", "", "", rule, population, "")
        read = await read_up_to_date(self._board, self._up_to_date, tenant, draft, may_read)
        version = self._board.current
        now = self._now()
        computed = await self.features(version, tenant, read, now)
        started = time.perf_counter_ns()
        found = await self._board.compute(lambda: self.evaluate(version, tenant, read, computed, now))
        took = elapsed_us(time.perf_counter_ns() - started)
        segments = version.tenant(tenant)
        notes = freshness_of(segments, [read], now, evaluate_us=took)
        warnings = [*notes.warnings, *valueless(segments, [read])]
        if sample and (grades := unreadable_grades(segments, read, may_read)):
            sample = 0
            warnings.append(
                f"nobody is named as an example: {' and '.join(grades)} values of single persons need their right"
            )
        return Previewed(
            count=len(found),
            sample=found[:sample].to_array().tolist() if sample else [],
            canonical_rule=read.canonical,
            freshness=replace(notes, as_of=segments.index.as_of(now), warnings=tuple(warnings)),
            read_at=version.revision,
        )

    async def features(
        self, version: Version, tenant: str, read: ReadRule, now: dt.datetime
    ) -> dict[str, Column]:
        """The columns, by form, that a rule needs and that the version does not hold. Raises SegmentNotLive for a
        segment of the rule without members, UpstreamUnavailable."""
        for name in sorted(read.segments):
            segment_with_members(version.tenant(tenant), name)
        missing = _missing(version, tenant, read)
        return {form: await self._column(version, tenant, form, read.forms[form], now) for form in missing}

    async def _column(self, version: Version, tenant: str, form: str, kind: Kind, now: dt.datetime) -> Column:
        """From the cache when nothing to the left has moved, nor the minute. Identity may move without a word of
        tagging: columns count events that no tag asks for."""
        at_least = version.upstream("tagging")
        minute = (now - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // CACHE_GRAIN
        key = (tenant, form, version.revision.rests_on, minute)
        if key in self._cached:
            self._cached.move_to_end(key)
            return self._cached[key]
        column = self._empty_column(ValueType(kind))
        texts: dict[int, str] = {}
        async for part in self._columns.evaluate(tenant, form, at_least):
            texts.update(part.coded.texts)
            column.put_block(part.block, part.coded, texts.__getitem__)
        self._cached[key] = column
        while len(self._cached) > CACHED_COLUMNS:
            self._cached.popitem(last=False)
        return column

    def evaluate(
        self, version: Version, tenant: str, read: ReadRule, computed: dict[str, Column], now: dt.datetime
    ) -> BitMap:
        """Of whom a rule is true at a version, with the columns that `features` gave. Raises RuleInvalid."""
        segments = version.tenant(tenant)
        view = segments.index.bitmaps(segments.members_by_segment())
        setting = Setting(segments.index.schema, segments.index.as_of(now), segments.index.calendar)
        try:
            whole = self._with_columns(view, computed)
            return segments.index.select(read.body, whole, setting, read.population)
        except NumberOverflow as error:
            raise RuleInvalid(
                OVERFLOW, 1, 1, "bring the numbers nearer to each other", readable=False
            ) from error


def _missing(version: Version, tenant: str, read: ReadRule) -> list[str]:
    features = version.tenant(tenant).index.features
    return [
        form for form in read.forms if form not in features or features[form].state is not FeatureState.LIVE
    ]
