"""Applies what tagging tells: index, segments, changelog and cursor in one step."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from segments.app.board import Board
from segments.domain.changes import Change
from segments.domain.movement import Followed
from segments.domain.touched import Touched
from segments.store.ports import TagIndexes
from servicekit.progress import Progress
from servicekit.revision import LANES, Lane
from sqlalchemy import Connection


@dataclass(slots=True)
class _Effects:
    touched: dict[str, Touched]
    followed: dict[str, Followed]


class ApplyChanges:
    """`empty_indexes` makes the indexes that a bootstrap fills beside the ones in use."""

    def __init__(self, board: Board, empty_indexes: Callable[[], TagIndexes]) -> None:
        self._board = board
        self._empty_indexes = empty_indexes
        self._arriving: TagIndexes | None = None

    async def apply(self, lane: Lane, changes: Iterable[Change], progress: Progress) -> None:
        """Applies changes of one lane in order. Repeats change nothing."""
        changes = list(changes)
        if not changes:
            await self._board.database.write(self._board.journal.advance, lane, progress)
            self._board.indexes.reached(lane, progress.through.position(lane))
            return
        await self._board.change(
            lambda: self._in_memory(lane, changes, progress),
            lambda connection, effects: self._in_store(connection, lane, effects, progress),
        )

    def _in_memory(self, lane: Lane, changes: list[Change], progress: Progress) -> _Effects:
        effects = _Effects({}, {})
        for change in changes:
            touched = effects.touched.setdefault(change.tenant, Touched())
            self._board.indexes.tenant(change.tenant).apply(change, lane, touched)
        self._board.indexes.reached(lane, progress.through.position(lane))
        now = self._board.now()
        for tenant, touched in effects.touched.items():
            self._board.reread(tenant, touched.tags)
            effects.followed[tenant] = self._board.tenant(tenant).follow(touched, now)
        return effects

    def _in_store(self, connection: Connection, lane: Lane, effects: _Effects, progress: Progress) -> None:
        board = self._board
        board.journal.advance(connection, lane, progress)
        for tenant, touched in effects.touched.items():
            board.index_store.save(connection, tenant, touched, board.indexes.tenant(tenant))
        board.store_followed(connection, lane, effects.followed)

    # ---------------------------------------------------------------------------------------- bootstrap

    async def begin_bootstrap(self) -> None:
        """Forgets the cursor and begins indexes beside the ones in use, which go on answering."""
        self._arriving = self._empty_indexes()
        await self._board.database.write(self._board.journal.forget)

    def take_chunk(self, changes: Iterable[Change]) -> None:
        """Takes a part of the whole state. Call it between begin_bootstrap and finish_bootstrap."""
        if self._arriving is None:
            raise RuntimeError("a bootstrap has not begun")
        for change in changes:
            self._arriving.tenant(change.tenant).apply(change, Lane.BULK, Touched())

    async def finish_bootstrap(self, progress: Progress) -> None:
        """Puts what came in the place of what was: segments follow the difference."""
        arriving, self._arriving = self._arriving, None
        if arriving is None:
            raise RuntimeError("a bootstrap has not begun")
        for lane in LANES:
            arriving.reached(lane, progress.through.position(lane))
        await self._board.change(
            lambda: self._swap(arriving),
            lambda connection, followed: self._store_all(connection, followed, progress),
        )

    def _swap(self, arriving: TagIndexes) -> dict[str, Followed]:
        board = self._board
        board.indexes.take_over(arriving)
        now = board.now()
        followed: dict[str, Followed] = {}
        for tenant, segments in board.segments.items():
            segments.index = board.indexes.tenant(tenant)
            board.reread(tenant, None)
            followed[tenant] = segments.follow(Touched(everyone=True), now)
        return followed

    def _store_all(self, connection: Connection, followed: dict[str, Followed], progress: Progress) -> None:
        self._board.index_store.replace(connection, self._board.indexes.tenants())
        self._board.journal.reset(connection, progress)
        self._board.store_followed(connection, Lane.BULK, followed)
