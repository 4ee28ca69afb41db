"""Read your own write: holds a read back until the store has come to the revision that the caller names.

The revision may be of this service or of any service to its left; either way its two lanes are asked for
one by one, and a position of 0 asks for nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable

from huaxiang.type.v1 import revision_pb2

from servicekit.calls import current_deadline
from servicekit.changelog import Changelog, Head
from servicekit.commits import Commits
from servicekit.database import Database
from servicekit.errors import NotReached, RevisionForeign
from servicekit.head_poll import HeadPoll
from servicekit.revision import LANES, Lane, Revision, parse_token

MAX_WAIT_S = 10.0
"""For calls without a deadline."""
ANSWER_MARGIN_S = 0.05
"""NotReached is raised this long before the deadline, or it would never reach the caller."""


class Freshness:
    """Knows how far one store has come. `load` reads it, `commits` says when to look again.

    A service that answers from memory gives the `load` and `commits` of that memory; the others use
    `of_store`.
    """

    def __init__(
        self,
        changelog: Changelog,
        load: Callable[[], Awaitable[Head]],
        commits: Commits,
        poll: HeadPoll | None = None,
    ) -> None:
        self._service = changelog.service
        self._left = frozenset(service for services in changelog.sources.values() for service in services)
        self._load = load
        self._commits = commits
        self._poll = poll
        self._known: Head | None = None
        self._loading: asyncio.Task[Head] | None = None

    @classmethod
    def of_store(cls, database: Database, changelog: Changelog) -> "Freshness":
        """Follows the store's own changelog head and upstream table."""

        async def load() -> Head:
            return await database.read(changelog.head)

        return cls(changelog, load, database.commits, HeadPoll(database, changelog))

    async def ensure(
        self, consistency: revision_pb2.Consistency | None, deadline: float | None = None
    ) -> None:
        """Returns when everything at or before `consistency.at_least_as_fresh` is visible; at once without
        one.

        `deadline` is in loop.time() seconds, by default the running call's. Raises NotReached when it
        passes first, RevisionForeign for a revision of before a restore or of a service that is not to the
        left, RevisionMalformed.
        """
        if consistency is None or consistency.WhichOneof("requirement") != "at_least_as_fresh":
            return
        await self.reach(parse_token(consistency.at_least_as_fresh.token), deadline)

    async def reach(self, revision: Revision, deadline: float | None = None) -> None:
        """`ensure` for a revision."""
        if revision.service != self._service and revision.service not in self._left:
            raise RevisionForeign(revision.service, f"its changes do not reach {self._service!r}")
        if self._known is not None and _reaches(self._known, revision, self._service):
            return
        seen = self._commits.count
        if self._covers(await self._look(), revision):
            return
        if deadline is None:
            deadline = current_deadline()
        until = asyncio.get_running_loop().time() + MAX_WAIT_S if deadline is None else deadline
        if self._poll is None:
            await self._wait(revision, seen, until - ANSWER_MARGIN_S)
            return
        async with self._poll:
            await self._wait(revision, seen, until - ANSWER_MARGIN_S)

    async def _wait(self, revision: Revision, seen: int, until: float) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if loop.time() >= until:
                raise NotReached(revision.service)
            await self._commits.wait_beyond(seen, until - loop.time())
            seen = self._commits.count
            if self._covers(await self._look(), revision):
                return

    async def _look(self) -> Head:
        """Reads the head; those who ask while a read has not begun share it."""
        if self._loading is None:
            self._loading = asyncio.get_running_loop().create_task(self._read())
        return await asyncio.shield(self._loading)

    async def _read(self) -> Head:
        await asyncio.sleep(0)  # gathers all who were woken together
        self._loading = None
        self._known = await self._load()
        return self._known

    def _covers(self, head: Head, wanted: Revision) -> bool:
        """Raises RevisionForeign when `wanted` is of an epoch that is over, or one that this store never had.

        A service that answers from memory may come to its store's latest epoch later than a caller who wrote.
        """
        own = wanted.service == self._service
        for lane in LANES:
            epoch, _ = _point(head, wanted.service, lane, own=own) or (wanted.epoch, 0)
            unknown = own and self._poll is not None and wanted.epoch != epoch
            if wanted.position(lane) and (wanted.epoch < epoch or unknown):
                raise RevisionForeign(wanted.service, "the store was restored since")
        return _reaches(head, wanted, self._service)


def _point(head: Head, service: str, lane: Lane, *, own: bool) -> tuple[str, int] | None:
    """The epoch and position that the store has come to; None before anything of the service arrived."""
    return (head.epoch, head.position) if own else head.upstream.get((service, lane))


def _reaches(head: Head, wanted: Revision, service: str) -> bool:
    for lane in LANES:
        point = _point(head, wanted.service, lane, own=wanted.service == service)
        if wanted.position(lane) and (
            point is None or point[0] != wanted.epoch or point[1] < wanted.position(lane)
        ):
            return False
    return True
