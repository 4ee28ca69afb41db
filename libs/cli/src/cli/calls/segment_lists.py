"""Static segments: lists of members."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

import grpc
from huaxiang.segments.v1 import member_upload_service_pb2 as upload_pb
from huaxiang.segments.v1.member_upload_service_pb2_grpc import MemberUploadServiceStub

from cli.exits import Exit, Refusal
from cli.ids import could_be_id
from cli.suite.patience import hides_the_end

ENTRIES_PER_MESSAGE = 5_000
MOST_TRIES = 5
MODES = {
    "replace": upload_pb.UPLOAD_MODE_REPLACE,
    "add": upload_pb.UPLOAD_MODE_ADD,
    "remove": upload_pb.UPLOAD_MODE_REMOVE,
}


async def upload(
    channel: grpc.aio.Channel, segment_id: str, entries: Sequence[str], mode: str, source: str
) -> upload_pb.UploadMembersResponse:
    """The last answer. An entry is a person id, or namespace=value. Raises Refusal for a mode that is none.

    A refusal can overtake the first message. Then nothing has begun, and the upload is repeated to hear it.
    """
    if mode not in MODES:
        raise Refusal(f"mode {mode!r} is none of {', '.join(MODES)}", Exit.USAGE)
    first = upload_pb.UploadMembersRequest(segment_id=segment_id, mode=MODES[mode], source=source)
    stub = MemberUploadServiceStub(channel)
    for tries in range(1, MOST_TRIES + 1):
        call = stub.UploadMembers()
        try:
            await call.write(first)
            break
        except grpc.aio.AioRpcError as error:
            if tries == MOST_TRIES or not hides_the_end(error):
                raise
    for some in _batches(entries):
        await call.read()  # the answer to the one before: no refusal meets a message on its way
        with suppress(asyncio.InvalidStateError):  # it ended meanwhile: the read says why
            await call.write(_message(some))
    await call.read()
    await call.done_writing()
    last = await call.read()
    while isinstance(last, upload_pb.UploadMembersResponse) and not last.done:
        last = await call.read()
    if not isinstance(last, upload_pb.UploadMembersResponse):
        raise Refusal(
            f"the upload to {segment_id} ended without an answer; see: huaxiang segments runs", Exit.FAILED
        )
    return last


def _batches(entries: Iterable[str]) -> Iterator[list[str]]:
    """Of one sort each, so that places in the list stay what they are."""
    batch: list[str] = []
    for entry in entries:
        if batch and (len(batch) == ENTRIES_PER_MESSAGE or could_be_id(entry) != could_be_id(batch[0])):
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch


def _message(entries: Sequence[str]) -> upload_pb.UploadMembersRequest:
    if could_be_id(entries[0]):
        return upload_pb.UploadMembersRequest(person_ids=[int(each) for each in entries])
    parts = [each.partition("=") for each in entries]
    return upload_pb.UploadMembersRequest(
        identifiers=[
            upload_pb.UploadedIdentifier(namespace=namespace.strip(), value=value.strip())
            for namespace, _, value in parts
        ]
    )
