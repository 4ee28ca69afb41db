"""Static segments: lists of members."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

import grpc
from huaxiang.segments.v1 import member_upload_service_pb2 as upload_pb
from huaxiang.segments.v1.member_upload_service_pb2_grpc import MemberUploadServiceStub

from cli.exits import Exit, Refusal

ENTRIES_PER_MESSAGE = 5_000
MODES = {
    "replace": upload_pb.UPLOAD_MODE_REPLACE,
    "add": upload_pb.UPLOAD_MODE_ADD,
    "remove": upload_pb.UPLOAD_MODE_REMOVE,
}


async def upload(
    channel: grpc.aio.Channel, segment_id: str, entries: Iterable[str], mode: str, source: str
) -> upload_pb.UploadMembersResponse:
    """The last answer. An entry is a person id, or namespace=value. Raises Refusal for a mode that is none."""
    if mode not in MODES:
        raise Refusal(f"mode {mode!r} is none of {', '.join(MODES)}", Exit.USAGE)

    async def messages() -> AsyncIterator[upload_pb.UploadMembersRequest]:
        first = upload_pb.UploadMembersRequest(segment_id=segment_id, mode=MODES[mode], source=source)
        yield first
        for some in _batches(entries):
            yield _message(some)

    return [answer async for answer in MemberUploadServiceStub(channel).UploadMembers(messages())][-1]


def _batches(entries: Iterable[str]) -> Iterator[list[str]]:
    """Of one sort each, so that places in the list stay what they are."""
    batch: list[str] = []
    for entry in entries:
        if batch and (len(batch) == ENTRIES_PER_MESSAGE or _is_id(entry) != _is_id(batch[0])):
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch


def _message(entries: Sequence[str]) -> upload_pb.UploadMembersRequest:
    if _is_id(entries[0]):
        return upload_pb.UploadMembersRequest(person_ids=[int(each) for each in entries])
    parts = [each.partition("=") for each in entries]
    return upload_pb.UploadMembersRequest(
        identifiers=[
            upload_pb.UploadedIdentifier(namespace=namespace.strip(), value=value.strip())
            for namespace, _, value in parts
        ]
    )


def _is_id(entry: str) -> bool:
    return entry.isascii() and entry.isdigit() and len(entry) < 19
