"""Where a tag stands, told to whoever names one that is not there: retired, deleted, or only a draft."""

from collections.abc import Awaitable, Sequence
from typing import TypeVar

import grpc
from huaxiang.tagging.v1 import tag_life_pb2, tag_pb2
from servicekit.status import reason_of

from cli.calls.governance import life, state_name
from cli.exits import Exit, Refusal

NOT_FOUND = "NOT_FOUND"
T = TypeVar("T")


async def or_standing(channel: grpc.aio.Channel, tag_ids: Sequence[str], answer: Awaitable[T]) -> T:
    """The answer. Raises Refusal that says of the first of the tags which is out of force what became of it and what to
    use instead; otherwise what the answer raises."""
    try:
        return await answer
    except grpc.aio.AioRpcError as error:
        if reason_of(error).reason == NOT_FOUND:
            for tag_id in tag_ids:
                told = await _standing(channel, tag_id)
                if told is not None and told.state not in _IN_FORCE:
                    raise Refusal(_out_of_force(told), Exit.BAD_DATA, NOT_FOUND) from None
        raise


async def or_without_draft(channel: grpc.aio.Channel, tag_id: str, answer: Awaitable[T], hint: str) -> T:
    """The answer of an rpc about a tag's draft. Raises Refusal with a hint for a tag that has none; otherwise what the
    answer raises."""
    try:
        return await answer
    except grpc.aio.AioRpcError as error:
        if reason_of(error).reason == NOT_FOUND:
            told = await _standing(channel, tag_id)
            if told is not None and not told.HasField("draft"):
                said = f"tag {tag_id} ({state_name(told.state)}) has no draft; {hint}"
                raise Refusal(said, Exit.BAD_DATA, NOT_FOUND) from None
        raise


_IN_FORCE = frozenset({tag_pb2.TAG_STATE_ACTIVE, tag_pb2.TAG_STATE_DEPRECATED})


async def _standing(channel: grpc.aio.Channel, tag_id: str) -> tag_life_pb2.TagLife | None:
    """None for a tag that never was, and where it may not be told."""
    try:
        return await life(channel, tag_id)
    except grpc.aio.AioRpcError:
        return None


def _out_of_force(told: tag_life_pb2.TagLife) -> str:
    said = f"tag {told.tag_id} is {state_name(told.state)}, so it is not in force"
    if told.replacement_tag_id:
        said += f"; use {told.replacement_tag_id} instead"
    return f"{said} (what became of it: huaxiang tags history {told.tag_id})"
