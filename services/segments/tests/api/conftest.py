"""Segments on a real channel, beside a tagging service at its wire."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from huaxiang.segments.v1 import (
    change_service_pb2_grpc,
    folder_service_pb2_grpc,
    member_history_service_pb2_grpc,
    member_upload_service_pb2_grpc,
    membership_service_pb2_grpc,
    recycle_bin_service_pb2_grpc,
    segment_pb2,
    segment_service_pb2,
    segment_service_pb2_grpc,
    segment_use_service_pb2_grpc,
    segment_version_service_pb2_grpc,
    snapshot_service_pb2_grpc,
)
from huaxiang.tagging.v1 import tag_pb2
from huaxiang.type.v1 import revision_pb2
from segments.main import ASKED_OF_IDENTITY, CALLED, Wiring, wire
from segments_identity import FakeIdentity
from segments_tagging import FakeTagging, day_told, order_paid, persons_told, tag_told, values_told
from servicekit.client import connect
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.revision import Revision
from servicekit.testing.servers import SERVICE_KEY, LocalServer, serving

NOW = dt.datetime(2026, 3, 31, 4, tzinfo=dt.UTC)
DAY = 20_543  # 2026-03-31
WITHIN_S = 30.0


class Suite:
    """Segments, its neighbour, and whoever calls it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.tagging = FakeTagging(folder)
        self.clock = ManualClock(NOW)
        self.people: FakeIdentity | None = None
        self.export_row_limit = 0
        self._stack = AsyncExitStack()
        self.wiring: Wiring
        self.server: LocalServer

    async def start(self) -> None:
        """Starts segments, anew after a stop: nothing but the store is left."""
        self._stack = AsyncExitStack()
        (self.folder / "tagging").mkdir(exist_ok=True)
        neighbour = await self._stack.enter_async_context(
            serving(self.tagging.services(), self.folder / "tagging", name="tagging")
        )
        database = Database.open(self.url, synchronous="NORMAL")
        self._stack.push_async_callback(database.close)
        channel = connect(neighbour.target, key=SERVICE_KEY, services=CALLED)
        self._stack.push_async_callback(channel.close)
        identity = None
        if self.people is not None:
            (self.folder / "identity").mkdir(exist_ok=True)
            people = await self._stack.enter_async_context(
                serving(self.people.services(), self.folder / "identity", name="identity")
            )
            identity = connect(people.target, key=SERVICE_KEY, services=ASKED_OF_IDENTITY)
            self._stack.push_async_callback(identity.close)
        self.wiring = await wire(
            database,
            channel,
            self.clock,
            identity=identity,
            export_row_limit=self.export_row_limit,
        )
        tasks = [asyncio.ensure_future(worker()) for worker in self.wiring.workers]

        async def stop() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._stack.push_async_callback(stop)
        self.server = await self._stack.enter_async_context(
            serving(self.wiring.services, self.folder, name="segments")
        )

    async def stop(self) -> None:
        await self._stack.aclose()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits for what follows from something that was told."""
        async with asyncio.timeout(WITHIN_S):
            while not holds():
                seen = self.wiring.board.commits.count
                if not holds():
                    await self.wiring.board.commits.wait_beyond(seen, 0.05)

    # ------------------------------------------------------------------------------------------ calling

    def segments(self, role: str = "admin") -> segment_service_pb2_grpc.SegmentServiceStub:
        return segment_service_pb2_grpc.SegmentServiceStub(self.server.connect(role))

    def versions(self, role: str = "admin") -> segment_version_service_pb2_grpc.SegmentVersionServiceStub:
        return segment_version_service_pb2_grpc.SegmentVersionServiceStub(self.server.connect(role))

    def history(self, role: str = "admin") -> member_history_service_pb2_grpc.MemberHistoryServiceStub:
        return member_history_service_pb2_grpc.MemberHistoryServiceStub(self.server.connect(role))

    def bin(self, role: str = "admin") -> recycle_bin_service_pb2_grpc.RecycleBinServiceStub:
        return recycle_bin_service_pb2_grpc.RecycleBinServiceStub(self.server.connect(role))

    def uses(self, role: str = "admin") -> segment_use_service_pb2_grpc.SegmentUseServiceStub:
        return segment_use_service_pb2_grpc.SegmentUseServiceStub(self.server.connect(role))

    def uploads(self, role: str = "admin") -> member_upload_service_pb2_grpc.MemberUploadServiceStub:
        return member_upload_service_pb2_grpc.MemberUploadServiceStub(self.server.connect(role))

    def folders(self, role: str = "admin") -> folder_service_pb2_grpc.FolderServiceStub:
        return folder_service_pb2_grpc.FolderServiceStub(self.server.connect(role))

    def memberships(self, role: str = "admin") -> membership_service_pb2_grpc.MembershipServiceStub:
        return membership_service_pb2_grpc.MembershipServiceStub(self.server.connect(role))

    def snapshots(self, role: str = "admin") -> snapshot_service_pb2_grpc.SnapshotServiceStub:
        return snapshot_service_pb2_grpc.SnapshotServiceStub(self.server.connect(role))

    def changes(self) -> change_service_pb2_grpc.ChangeServiceStub:
        return change_service_pb2_grpc.ChangeServiceStub(self.server.connect())

    async def create(
        self, segment_id: str, rule: str, **said: Any
    ) -> segment_service_pb2.CreateSegmentResponse:
        segment = segment_pb2.Segment(segment_id=segment_id, rule=rule, **said)
        request = segment_service_pb2.CreateSegmentRequest(segment=segment)
        return await self.segments().CreateSegment(request)

    async def get(
        self, segment_id: str, after: Revision | None = None
    ) -> segment_service_pb2.GetSegmentResponse:
        request = segment_service_pb2.GetSegmentRequest(segment_id=segment_id, consistency=fresh(after))
        return await self.segments().GetSegment(request)

    def members(self, segment_id: str) -> list[int]:
        standing = self.wiring.board.current.tenant("t1").get(segment_id)
        return [] if standing is None else standing.members.to_array().tolist()


def fresh(after: Revision | None) -> revision_pb2.Consistency | None:
    return None if after is None else revision_pb2.Consistency(at_least_as_fresh=after.to_proto())


@pytest.fixture
async def suite(migrated_url: str, tmp_path: Path) -> AsyncIterator[Suite]:
    """Three known persons of a retailer: two women, one man with points."""
    suite = Suite(migrated_url, tmp_path)
    suite.tagging.event_types = [order_paid()]
    suite.tagging.tell(
        day_told(DAY),
        *persons_told([1, 2, 3]),
        tag_told("gender", tag_pb2.BASE_TYPE_TEXT, "female", "male"),
        tag_told("points", tag_pb2.BASE_TYPE_NUMBER),
        tag_told("level", tag_pb2.BASE_TYPE_TEXT, "gold", "silver", by_runs=True),
        tag_told("last_seen", tag_pb2.BASE_TYPE_DATETIME),
        values_told(1, gender="female"),
        values_told(2, gender="female"),
        values_told(3, gender="male", points=120_000),
    )
    await suite.start()
    await suite.until(lambda: bool(suite.wiring.board.current.dictionary.events))
    await suite.until(lambda: suite.wiring.board.current.upstream("tagging") is not None)
    yield suite
    await suite.stop()
    await suite.tagging.database.close()
