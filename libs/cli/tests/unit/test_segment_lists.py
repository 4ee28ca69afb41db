"""Uploads of members: refusals are heard, whatever was on its way, and the messages come in order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from cli.calls import segment_lists
from cli.calls.segment_lists import upload
from huaxiang.segments.v1 import member_upload_service_pb2 as pb
from huaxiang.segments.v1 import member_upload_service_pb2_grpc as rpc

ENTRIES = ["1", "2", "member_id=M1", "3"]


class Door(rpc.MemberUploadServiceServicer):
    """Refuses after so many messages; else tells of all."""

    def __init__(self, refuses_after: int | None) -> None:
        self._refuses_after = refuses_after
        self.seen: list[int] = []

    async def UploadMembers(self, request_iterator, context):  # noqa: N802  # the rpc's name
        if self._refuses_after == 0:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you")
        seen = []
        async for message in request_iterator:
            seen.append(len(message.person_ids) + len(message.identifiers))
            if len(seen) == self._refuses_after:
                await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not this one")
            yield pb.UploadMembersResponse()
        self.seen = seen
        yield pb.UploadMembersResponse(done=True, count=sum(seen))


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    rpc.add_MemberUploadServiceServicer_to_server(door, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


@pytest.mark.parametrize(
    ("after", "code"), [(0, grpc.StatusCode.PERMISSION_DENIED), (1, grpc.StatusCode.FAILED_PRECONDITION)]
)
async def test_a_refusal_is_heard_whatever_is_on_its_way(after: int, code: grpc.StatusCode) -> None:
    async with served(Door(after)) as channel:
        for _ in range(50):
            with pytest.raises(grpc.aio.AioRpcError) as told:
                await upload(channel, "vip", ENTRIES, "add", "")
            assert told.value.code() is code


async def test_entries_come_whole_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_lists, "ENTRIES_PER_MESSAGE", 1)
    door = Door(None)
    async with served(door) as channel:
        told = await upload(channel, "vip", ENTRIES, "add", "")
    assert (told.done, told.count) == (True, 4)
    assert door.seen == [0, 1, 1, 1, 1]
