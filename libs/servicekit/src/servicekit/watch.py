"""The server side of a Watch: one store's changelog as an endless stream, resumable, with heartbeats.

Progress is sent at once when a lane's entries move, filtered ones included, or its upstream moves, and with
the heartbeat otherwise: a lane's `through` also rises while only the other lane is written, which nobody
waits for.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass

from servicekit.changelog import Changelog, Head, Page, StoredEntry
from servicekit.database import Database
from servicekit.errors import InvalidField
from servicekit.head_poll import HeadPoll
from servicekit.progress import Progress
from servicekit.revision import LANES, Lane, Revision
from servicekit.turns import Turns
from servicekit.upstream import Point, Upstream, revisions

HEARTBEAT_S = 1.0
COALESCE_S = 0.01
"""Changes that follow a message within this time share the next one."""


@dataclass(frozen=True)
class WatchBatch:
    """Changes of one lane in order, none in a heartbeat. With it, everything up to `progress` has been
    sent."""

    lane: Lane
    entries: tuple[StoredEntry, ...]
    progress: Progress


class Watches:
    """All watches of one service. `watch` may run any number of times at once; each holds one page at
    most."""

    def __init__(self, database: Database, changelog: Changelog, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._database = database
        self._changelog = changelog
        self._heartbeat_s = heartbeat_s
        self._poll = HeadPoll(database, changelog)

    async def watch(
        self,
        after: Revision | None,
        *,
        lanes: Collection[Lane] = LANES,
        kinds: Collection[str] = (),
        tenant: str | None = None,
        keep: Callable[[StoredEntry], bool] | None = None,
    ) -> AsyncIterator[WatchBatch]:
        """Streams what follows `after`, for ever: at least once, in order within a lane, without gaps.

        At most 500 entries or about 1 MiB a batch; live first, bulk at least a tenth of the batches. `kinds`,
        `tenant` and `keep` filter. A slow reader delays only itself: the next page is read when the last
        was taken. Raises InvalidField without `after`, RevisionForeign for another service's revision,
        HistoryGone when what follows the cursor was trimmed, the store was restored, or the cursor lies
        beyond its end.
        """
        if after is None:
            raise InvalidField("after", "is required; a new consumer takes it from the bootstrap")
        head = await self._database.read(self._changelog.head)
        self._changelog.require_cursor(head, after)
        cursors = {lane: _LaneCursor(lane, after.position(lane)) for lane in LANES if lane in lanes}
        loop = asyncio.get_running_loop()
        turns = Turns()
        sent_at = loop.time() - self._heartbeat_s
        async with self._poll:
            while True:
                seen = self._database.commits.count
                lane = Lane.LIVE
                entries: tuple[StoredEntry, ...] = ()
                for lane in turns.order():
                    if lane not in cursors:
                        continue
                    page = await self._database.read(
                        self._changelog.page,
                        lane,
                        cursors[lane].through,
                        epoch=head.epoch,
                        kinds=kinds,
                        tenant=tenant,
                    )
                    cursors[lane].accept(page)
                    entries = page.entries if keep is None else tuple(filter(keep, page.entries))
                    if entries:
                        turns.served(lane)
                        break
                due_s = sent_at + self._heartbeat_s - loop.time()
                if entries or due_s <= 0 or any(cursor.news for cursor in cursors.values()):
                    yield WatchBatch(lane, entries, self._progress(head.epoch, cursors))
                    sent_at = loop.time()
                elif any(cursor.behind for cursor in cursors.values()):
                    continue
                else:
                    await self._database.commits.wait_beyond(seen, due_s)
                    await asyncio.sleep(max(0.0, sent_at + COALESCE_S - loop.time()))

    def _progress(self, epoch: str, cursors: "dict[Lane, _LaneCursor]") -> Progress:
        through = Revision(self._changelog.service, epoch)
        upstream: dict[tuple[str, Lane], Point] = {}
        for lane, cursor in cursors.items():
            through = through.at(lane, cursor.through)
            upstream.update(cursor.upstream)
            cursor.news = False
        return Progress(through, revisions(upstream))


class _LaneCursor:
    """How far one lane of one watch has come.

    An upstream read beside head position H may be promised when the lane has come to H. While the reader is
    behind, the oldest such pair is kept, so that a promise is made at last however long the lane stays busy.
    """

    def __init__(self, lane: Lane, through: int) -> None:
        self.through = through
        self.upstream: Upstream = {}
        self.news = False
        self.behind = False
        self._lane = lane
        self._kept: Head | None = None

    def accept(self, page: Page) -> None:
        """Takes a page's place and what may be promised with it."""
        reached = page.through >= page.head.position
        self._kept = page.head if reached else self._kept or page.head
        self.news |= bool(page.entries) or page.head.last(self._lane) > self.through
        self.behind = not reached
        self.through = page.through
        if page.through < self._kept.position:
            return
        promised = {key: point for key, point in self._kept.upstream.items() if key[1] is self._lane}
        self.news |= promised != self.upstream
        self.upstream = promised
        self._kept = None
