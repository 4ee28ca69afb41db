"""What the index holds of a tenant, column by column, for whoever operates it."""

import datetime as dt
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace

from rules.check import Population
from segments.app.version import Board, Version
from segments.domain.changes import FeatureChange, FeatureState
from segments.domain.extent import ColumnState, ColumnStatus, Extent, IndexTotals, Mapped, totals_of
from segments.store.ports import ColumnFiles, IndexStore, TenantIndex
from servicekit.database import Database
from servicekit.revision import Revision


@dataclass(frozen=True, slots=True)
class ColumnPage:
    """Columns by name, whether there are more, sums over all of them, and what all of it was read at."""

    columns: tuple[ColumnStatus, ...]
    has_more: bool
    totals: IndexTotals
    read_at: Revision


class IndexStatus:
    """The use case. `now` is the suite's time; `files`: None when columns are in none."""

    def __init__(
        self,
        board: Board,
        database: Database,
        store: IndexStore,
        files: ColumnFiles | None,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._board = board
        self._database = database
        self._store = store
        self._files = files
        self._now = now

    async def page(self, tenant: str, after: str, size: int, *, troubled_only: bool) -> ColumnPage:
        """The columns behind one of a name, "" for the first: of one version, but for what is stored beside them."""
        version = self._board.current
        found, totals = await self._board.compute(lambda: self._all(version, tenant))
        listed = [each for each in found if each.state is not ColumnState.READY or not troubled_only]
        start = bisect_right([each.column for each in listed], after) if after else 0
        columns = listed[start : start + size]
        beside = await self._database.read(self._store.beside, tenant, [each.column for each in columns])
        return ColumnPage(
            tuple(replace(each, beside=beside.get(each.column, 0)) for each in columns),
            has_more=start + size < len(listed),
            totals=totals,
            read_at=version.revision,
        )

    def _all(self, version: Version, tenant: str) -> tuple[list[ColumnStatus], IndexTotals]:
        index = version.tenant(tenant).index
        features = {each.column: each for each in index.features.values()}
        found = [self._status(index, each, features.get(each)) for each in index.column_names()]
        mapped = Mapped() if self._files is None else self._files.mapped()
        persons = len(index.population(Population.ALL))
        return found, totals_of(found, persons, mapped, index.as_of(self._now()))

    def _status(self, index: TenantIndex, column: str, feature: FeatureChange | None) -> ColumnStatus:
        tag, extent = index.tags.get(column), index.extent(column)
        state, note = _state(extent, feature)
        file = extent.file
        return ColumnStatus(
            column=column,
            form="" if feature is None else feature.form,
            state=state,
            note=note,
            by_runs=tag is not None and tag.run_only,
            is_deprecated=tag is not None and tag.deprecated,
            position=index.born[column],
            extent=extent,
            written=None if file is None or self._files is None else self._files.written(file.file),
        )


def _state(extent: Extent, feature: FeatureChange | None) -> tuple[ColumnState, str]:
    if extent.damage:
        return ColumnState.REBUILDING, extent.damage
    if feature is not None and feature.state is FeatureState.FAILED:
        return ColumnState.FAILED, feature.failure
    if feature is not None and feature.state is not FeatureState.LIVE:
        return ColumnState.COMPUTING, f"{feature.done_count} of {feature.total_count}"
    if extent.persons == 0:
        return ColumnState.EMPTY, ""
    return ColumnState.READY, ""
