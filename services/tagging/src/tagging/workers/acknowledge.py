"""Tells identity how far its changes are stored, so that it may let go of them."""

import asyncio
from collections.abc import Callable

import grpc
from huaxiang.identity.v1 import change_service_pb2 as pb
from huaxiang.identity.v1.change_service_pb2_grpc import ChangeServiceStub
from servicekit.database import Database
from servicekit.logging import logger
from servicekit.revision import Revision
from tagging.store.ports import EventStore, Highest, Progress

CONSUMER = "tagging"
"""The name in identity's configuration."""
INTERVAL_S = 1.0
CHECKS = 10
"""Looks at the count of changes in an interval."""
MAX_UNACKNOWLEDGED = 5_000
"""Changes stored and not acknowledged, at most, while the calls succeed."""


class Acknowledge:
    """Runs until cancelled: a call each second while the cursor moves, and sooner after 5,000 changes.

    `applied` counts the changes that this process has stored.
    """

    def __init__(
        self,
        database: Database,
        progress: Progress,
        events: EventStore,
        channel: grpc.aio.Channel,
        applied: Callable[[], int],
        *,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._database = database
        self._progress = progress
        self._events = events
        self._changes = ChangeServiceStub(channel)
        self._applied = applied
        self._interval_s = interval_s
        self._told: Revision | None = None

    async def run(self) -> None:
        """Tries again at the next interval when something fails: the next call tells all."""
        while True:
            applied = self._applied()
            try:
                await self._tell_news()
            except grpc.aio.AioRpcError as error:
                logger().warning("acknowledging failed", consumer=CONSUMER, code=error.code().name)
            except Exception as error:
                logger().warning("acknowledging failed", consumer=CONSUMER, exc_info=error)
            for _ in range(CHECKS):
                await asyncio.sleep(self._interval_s / CHECKS)
                if self._applied() - applied >= MAX_UNACKNOWLEDGED:
                    break

    async def _tell_news(self) -> None:
        cursor = await self._database.read(self._progress.cursor)
        if cursor is not None and cursor != self._told:
            await self._tell(cursor)

    async def _tell(self, cursor: Revision) -> None:
        highest = await self._database.read(self._events.highest)
        await self._changes.AcknowledgeChanges(
            pb.AcknowledgeChangesRequest(
                consumer=CONSUMER,
                through=cursor.to_proto(),
                highest_ids={tenant: _highest(ids) for tenant, ids in highest.items()},
            )
        )
        self._told = cursor


def _highest(ids: Highest) -> pb.HighestIds:
    return pb.HighestIds(person_id=ids.person_id, key_id=ids.key_id, ingest_sequence=ids.ingest_sequence)
