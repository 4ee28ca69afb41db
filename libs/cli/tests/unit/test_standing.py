"""Whoever names a tag that is not in force is told where it stands."""

from collections.abc import AsyncIterator

import grpc
import pytest
from cli.calls.standing import or_standing, or_without_draft
from cli.calls.tags import one_tag
from cli.exits import Refusal
from huaxiang.tagging.v1 import tag_life_pb2, tag_life_service_pb2_grpc, tag_pb2, tag_service_pb2_grpc
from huaxiang.tagging.v1 import tag_life_service_pb2 as life_pb
from servicekit.errors import ResourceNotFound
from servicekit.status import DETAILS_KEY, details_of

LIVES = {
    "old": tag_life_pb2.TagLife(tag_id="old", state=tag_pb2.TAG_STATE_RETIRED, replacement_tag_id="new"),
    "city": tag_life_pb2.TagLife(tag_id="city", state=tag_pb2.TAG_STATE_ACTIVE),
}


class Tagging(tag_service_pb2_grpc.TagServiceServicer, tag_life_service_pb2_grpc.TagLifeServiceServicer):
    """Has no tag in force; knows two lives."""

    async def GetTag(self, request, context) -> None:  # noqa: N802
        await refuse(context, f"tag {request.tag_id}")

    async def GetTagLife(self, request, context) -> life_pb.GetTagLifeResponse:  # noqa: N802
        if request.tag_id not in LIVES:
            await refuse(context, f"tag {request.tag_id}")
        return life_pb.GetTagLifeResponse(life=LIVES[request.tag_id])


async def refuse(context, resource: str) -> None:
    error = ResourceNotFound(resource)
    context.set_trailing_metadata(((DETAILS_KEY, details_of(error)),))
    await context.abort(grpc.StatusCode.NOT_FOUND, error.message)


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    tag_service_pb2_grpc.add_TagServiceServicer_to_server(Tagging(), server)
    tag_life_service_pb2_grpc.add_TagLifeServiceServicer_to_server(Tagging(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield opened
    await server.stop(None)


async def test_a_retired_tag_is_told_with_what_to_use_instead(channel: grpc.aio.Channel) -> None:
    with pytest.raises(Refusal, match=r"old is retired, .*use new instead.*NOT_FOUND"):
        await or_standing(channel, ["city", "old"], one_tag(channel, "old"))


async def test_what_never_was_and_what_is_in_force_keep_the_answer(channel: grpc.aio.Channel) -> None:
    for tag_id in ("none", "city"):
        with pytest.raises(grpc.aio.AioRpcError, match=f"tag {tag_id} does not exist"):
            await or_standing(channel, [tag_id], one_tag(channel, tag_id))


async def test_a_tag_without_a_draft_is_told_with_a_hint(channel: grpc.aio.Channel) -> None:
    with pytest.raises(Refusal, match=r"city \(active\) has no draft; see this"):
        await or_without_draft(channel, "city", one_tag(channel, "city"), "see this")
    with pytest.raises(grpc.aio.AioRpcError):
        await or_without_draft(channel, "none", one_tag(channel, "none"), "see this")
