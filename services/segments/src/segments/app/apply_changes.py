"""Applies what tagging tells: index, segments, changelog and cursor in one step."""

import datetime as dt
from collections.abc import Callable, Iterable

from segments.app.move_causes import explain_moves
from segments.app.record import record
from segments.app.tenant_segments import TenantSegments
from segments.app.version import BEGINNING, Board, Version
from segments.domain.changes import Change, DayRolled
from segments.domain.movement import Followed
from segments.domain.touched import Touched
from segments.store.ports import EmptyIndex, Stores, TenantIndex
from servicekit.progress import Progress
from servicekit.revision import LANES, Lane
from sqlalchemy import Connection

Effects = dict[str, tuple[Touched, Followed]]
_FROM_THE_START = dict.fromkeys(LANES, 0)


class ApplyChanges:
    """`now` is the suite's time."""

    def __init__(
        self, board: Board, stores: Stores, now: Callable[[], dt.datetime], empty_index: EmptyIndex
    ) -> None:
        self._board = board
        self._stores = stores
        self._now = now
        self._empty_index = empty_index
        self._arriving: dict[str, TenantIndex] | None = None

    async def apply(self, lane: Lane, changes: Iterable[Change], progress: Progress) -> None:
        """Applies changes of one lane in order. Repeats change nothing."""
        by_tenant: dict[str, list[Change]] = {}
        for change in changes:
            by_tenant.setdefault(change.tenant, []).append(change)

        def prepare(draft: Version) -> Effects:
            effects = {tenant: self._follow(draft, tenant, each, lane) for tenant, each in by_tenant.items()}
            reached = max(draft.cursors[lane], progress.through.position(lane))
            draft.cursors = {**draft.cursors, lane: reached}
            return effects

        def store(connection: Connection, draft: Version, effects: Effects) -> None:
            self._stores.journal.advance(connection, lane, progress)
            for tenant, (touched, _) in effects.items():
                self._stores.index.save(connection, tenant, touched, draft.tenant(tenant).index)
                if _moves_on(touched):
                    self._stores.segments.put_moment(connection, tenant, draft.tenant(tenant).moment)
            followed = {tenant: each for tenant, (_, each) in effects.items()}
            record(connection, self._stores, lane, followed)

        await self._board.change(prepare, store)

    def _follow(
        self, draft: Version, tenant: str, changes: list[Change], lane: Lane
    ) -> tuple[Touched, Followed]:
        touched, earlier = Touched(), draft.tenant(tenant)
        segments = draft.writable(tenant)
        before = segments.index.day
        segments.index.apply(changes, lane, draft.cursors, touched)
        draft.reread(tenant, None if _names_others(before, touched.day) else touched.tags)
        moment = self._now() if _moves_on(touched) else None
        followed = segments.follow(touched, lane, moment)
        explain_moves(earlier, segments, followed)
        return touched, followed

    # ---------------------------------------------------------------------------------------- bootstrap

    async def begin_bootstrap(self) -> None:
        """Forgets the cursor and begins indexes beside the ones in use, which go on answering."""
        self._arriving = {}

        def store(connection: Connection, draft: Version, _: None) -> None:
            self._stores.journal.forget(connection)

        await self._board.change(lambda draft: None, store)

    def take_chunk(self, changes: Iterable[Change]) -> None:
        """Takes a part of the whole state; of one tenant. Call it between begin_bootstrap and finish_bootstrap."""
        if self._arriving is None:
            raise RuntimeError("a bootstrap has not begun")
        changes = list(changes)
        for tenant in dict.fromkeys(change.tenant for change in changes):
            index = self._arriving.setdefault(tenant, self._empty_index(tenant))
            mine = [change for change in changes if change.tenant == tenant]
            index.apply(mine, Lane.BULK, _FROM_THE_START, Touched())

    async def finish_bootstrap(self, progress: Progress) -> None:
        """Puts what came in the place of what was. Nothing is told of the difference: a new epoch begins, and who
        watches this service bootstraps in turn."""
        arriving, self._arriving = self._arriving, None
        if arriving is None:
            raise RuntimeError("a bootstrap has not begun")
        now = self._now()

        def prepare(draft: Version) -> dict[str, Followed]:
            for tenant in {*draft.tenants, *arriving}:
                segments = draft.tenants.get(tenant) or TenantSegments(self._empty_index(tenant), BEGINNING)
                draft.put(tenant, segments.resting_on(arriving.get(tenant) or self._empty_index(tenant)))
            draft.cursors = {lane: progress.through.position(lane) for lane in LANES}
            followed = {}
            for tenant, segments in draft.tenants.items():
                draft.reread(tenant, None)
                followed[tenant] = segments.begin(now)
            return followed

        def store(connection: Connection, draft: Version, followed: dict[str, Followed]) -> None:
            stores = self._stores
            stores.index.replace(connection, [segments.index for segments in draft.tenants.values()])
            for tenant, each in followed.items():
                for segment in each.segments:
                    stores.segments.put(connection, tenant, segment)
                for segment_id, frozen in each.frozen.items():
                    stores.frozen.put(connection, tenant, segment_id, frozen)
                stores.segments.put_moment(connection, tenant, draft.tenant(tenant).moment)
            stores.journal.finish_bootstrap(connection, progress)

        await self._board.change(prepare, store)


def _names_others(before: DayRolled | None, day: DayRolled | None) -> bool:
    """Whether the calendar has other periods than before, which rules may name."""
    return day is not None and (before is None or set(before.periods) != set(day.periods))


def _moves_on(touched: Touched) -> bool:
    """Whether members may be computed that stay as they are: what is said of when must be so."""
    return touched.day is not None or bool(touched.features)
