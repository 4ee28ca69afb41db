"""What has moved since when: follows the changelog, so that a copy of a portrait can be told old from right.

A copy is right as long as, after the position it was read at, nothing touched its person: no entry of values, no entry
`touched`, no block of values, no tag or day of its tenant. Entries are committed with what they tell of, so a copy that
is right at the position followed is what the store would answer there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from servicekit.changelog import Changelog, Head, StoredEntry
from servicekit.database import Database
from servicekit.errors import HistoryGone
from servicekit.head_poll import HeadPoll
from servicekit.logging import logger
from servicekit.revision import LANES, Revision
from sqlalchemy import Connection
from tagging.domain.changes import ChangeKind
from tagging.domain.columns import block_of
from tagging.domain.moves import Move
from tagging.store.portrait_ports import Version
from tagging.store.ports import Progress

KEPT_PERSONS = 200_000
"""Persons whose moves are remembered one by one; more, and everything before now counts as moved."""
READ_ENTRIES = 20_000
"""Entries that one look reads at most; further behind, everything counts as moved."""
LOOK_AGAIN_S = 1.0
KINDS = (ChangeKind.VALUES, ChangeKind.PERSON, ChangeKind.TAG, ChangeKind.DAY, ChangeKind.TOUCHED)


@dataclass(frozen=True, slots=True)
class Moves:
    """What one look found. `is_whole` False: more than was read, or too old to read. `is_settled` False: a bootstrap is
    under way, which tells of nothing until it ends."""

    head: Head
    moves: Sequence[Move]
    is_whole: bool
    is_settled: bool


@dataclass(slots=True)
class _TenantMoves:
    """Positions of the latest moves."""

    everybody: int = 0
    blocks: dict[int, int] = field(default_factory=dict)
    persons: dict[int, int] = field(default_factory=dict)


class Movements:
    """Of one process, on its event loop. `move_of` reads an entry; None when it touches nobody's portrait. `forget`
    removes the copies of persons who are gone.

    `look_back` positions are read at the first look: copies that others made since then may count.
    """

    def __init__(
        self,
        database: Database,
        changelog: Changelog,
        progress: Progress,
        move_of: Callable[[StoredEntry], Move | None],
        forget: Callable[[str, Collection[int]], Awaitable[None]],
        *,
        look_back: int = 0,
    ) -> None:
        self._database = database
        self._changelog = changelog
        self._progress = progress
        self._move_of = move_of
        self._forget = forget
        self._look_back = look_back
        self._head: Head | None = None
        self._revision: Revision | None = None
        self._floor = 0
        self._tenants: dict[str, _TenantMoves] = {}
        self._person_count = 0
        self._seen = -1
        self._is_settled = False
        self._looking: asyncio.Task[Head] | None = None

    @property
    def is_current(self) -> bool:
        """Whether every commit of this process has been looked at, and copies can be judged at all."""
        return self._is_settled and self._seen == self._database.commits.count

    @property
    def revision(self) -> Revision:
        """What is right, is right here; the same object while it is the same. After the first look."""
        assert self._revision is not None
        return self._revision

    async def catch_up(self) -> bool:
        """Looks until everything that this process had committed at the call is seen; whether copies can be judged."""
        wanted = self._database.commits.count
        while self._seen < wanted:
            await self.look()
        return self._is_settled

    async def look(self) -> Head:
        """Reads how far the store is; those who ask while a look has not begun share it."""
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())
        return await asyncio.shield(self._looking)

    def holds(self, tenant: str, person_id: int, version: Version) -> bool:
        """Whether nothing has touched the person's portrait since it was read."""
        if self._head is None or version.epoch != self._head.epoch or version.position < self._floor:
            return False
        moved = self._tenants.get(tenant)
        return moved is None or version.position >= max(
            moved.everybody,
            moved.blocks.get(block_of(person_id), 0),
            moved.persons.get(person_id, 0),
        )

    async def follow(self) -> None:
        """Looks at every commit until cancelled, those of other processes included."""
        async with HeadPoll(self._database, self._changelog):
            while True:
                seen = self._database.commits.count
                try:
                    await self.look()
                except Exception:
                    self._is_settled = False
                    logger().warning(
                        "portraits cannot be followed: they are read from the store", exc_info=True
                    )
                    await asyncio.sleep(LOOK_AGAIN_S)
                    continue
                await self._database.commits.wait_beyond(seen, LOOK_AGAIN_S)

    async def _look(self) -> Head:
        await asyncio.sleep(0)  # gathers all who were woken together
        self._looking = None
        seen = self._database.commits.count
        moves = await self._database.read(self._read, self._head)
        self._apply(moves)
        self._seen = max(self._seen, seen)
        for tenant, person_ids in _gone(moves.moves).items():
            await self._forget(tenant, person_ids)
        return moves.head

    def _read(self, connection: Connection, known: Head | None) -> Moves:
        head = self._changelog.head(connection)
        is_settled = self._progress.cursor(connection) is not None
        if known is not None and known.epoch != head.epoch:
            return Moves(head, (), False, is_settled)
        after = max(head.oldest, head.position - self._look_back) if known is None else known.position
        moves: list[Move] = []
        count = 0
        for lane in LANES:
            through = after
            while through < head.position:
                try:
                    page = self._changelog.page(connection, lane, through, kinds=KINDS)
                except HistoryGone:
                    return Moves(head, (), False, is_settled)
                count += len(page.entries)
                if count > READ_ENTRIES:
                    return Moves(head, (), False, is_settled)
                moves += [move for each in page.entries if (move := self._move_of(each)) is not None]
                through = page.through
        return Moves(head, moves, True, is_settled)

    def _apply(self, found: Moves) -> None:
        before = self._head
        if before is not None and found.head.epoch == before.epoch and found.head.position < before.position:
            return  # an older look that ended late
        self._head = found.head
        self._revision = Revision(
            self._changelog.service, found.head.epoch, found.head.position, found.head.position
        )
        self._is_settled = found.is_settled
        if before is None:
            self._floor = max(found.head.oldest, found.head.position - self._look_back)
        if not found.is_whole:
            self._invalidate(found.head.position)
            return
        for move in sorted(found.moves, key=lambda each: each.position):
            self._move(move)
        if self._person_count > KEPT_PERSONS:
            self._invalidate(found.head.position)

    def _move(self, move: Move) -> None:
        moved = self._tenants.setdefault(move.tenant, _TenantMoves())
        if move.everybody:
            self._person_count -= len(moved.persons)
            moved.everybody = max(moved.everybody, move.position)
            moved.blocks.clear()
            moved.persons.clear()
            return
        for block in move.blocks:
            moved.blocks[block] = max(moved.blocks.get(block, 0), move.position)
        persons = moved.persons
        before = len(persons)
        for person_id in move.person_ids:
            if persons.get(person_id, 0) < move.position:
                persons[person_id] = move.position
        self._person_count += len(persons) - before

    def _invalidate(self, position: int) -> None:
        """Everything at or before the position counts as moved there."""
        self._floor = position
        self._tenants.clear()
        self._person_count = 0


def _gone(moves: Iterable[Move]) -> dict[str, set[int]]:
    """The persons who are gone, by tenant."""
    found: dict[str, set[int]] = {}
    for move in moves:
        if move.is_gone:
            found.setdefault(move.tenant, set()).update(move.person_ids)
    return found
