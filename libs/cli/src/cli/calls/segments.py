"""Segments, previews, membership and snapshots."""

import asyncio
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import grpc
from huaxiang.segments.v1 import membership_service_pb2 as membership_pb
from huaxiang.segments.v1 import segment_pb2, segment_service_pb2, snapshot_service_pb2
from huaxiang.segments.v1.membership_service_pb2_grpc import MembershipServiceStub
from huaxiang.segments.v1.segment_service_pb2_grpc import SegmentServiceStub
from huaxiang.segments.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from huaxiang.type.v1 import revision_pb2

from cli.calls.people import person_id_of
from cli.enum_names import name_of
from cli.exits import Exit, Refusal
from cli.suite.patience import patiently
from cli.suite.running import RunningSuite

POLL_S = 0.1
WAIT_S = 60.0
PAGE_SEGMENTS = 1_000
POPULATIONS = {
    "known": segment_pb2.POPULATION_KNOWN,
    "member": segment_pb2.POPULATION_MEMBER,
    "all": segment_pb2.POPULATION_ALL,
}


def fresh(token: str) -> revision_pb2.Consistency | None:
    """At least as fresh as a revision's token; none asked when it is empty."""
    if not token:
        return None
    return revision_pb2.Consistency(at_least_as_fresh=revision_pb2.Revision(token=token))


def population(name: str) -> "segment_pb2.Population.ValueType":
    """Raises Refusal for a name that is no population."""
    if name not in POPULATIONS:
        raise Refusal(f"population {name!r} is none of {', '.join(POPULATIONS)}", Exit.USAGE)
    return POPULATIONS[name]


def state_name(state: int) -> str:
    return name_of(segment_pb2.SegmentState, state)


async def create(channel: grpc.aio.Channel, segment: segment_pb2.Segment) -> segment_pb2.Segment:
    """Stores a segment."""
    stub = SegmentServiceStub(channel)
    request = segment_service_pb2.CreateSegmentRequest(segment=segment)
    return (await patiently(lambda: stub.CreateSegment(request))).segment


async def get(
    channel: grpc.aio.Channel, segment_id: str, token: str = "", within_s: float = WAIT_S
) -> segment_service_pb2.GetSegmentResponse:
    """With its count, at least as fresh as a revision's token."""
    stub = SegmentServiceStub(channel)
    request = segment_service_pb2.GetSegmentRequest(segment_id=segment_id, consistency=fresh(token))
    return await patiently(lambda: stub.GetSegment(request, timeout=within_s))


async def live(
    channel: grpc.aio.Channel,
    segment_id: str,
    seen: Callable[[segment_pb2.Segment], None],
    *,
    token: str = "",
    within_s: float = WAIT_S,
) -> segment_service_pb2.GetSegmentResponse:
    """Waits until a segment has members. Raises Refusal when it fails or takes longer."""
    until = asyncio.get_running_loop().time() + within_s
    while True:
        found = await get(channel, segment_id, token)
        seen(found.segment)
        if found.segment.state == segment_pb2.SEGMENT_STATE_LIVE:
            return found
        late = asyncio.get_running_loop().time() > until
        if late or found.segment.state == segment_pb2.SEGMENT_STATE_FAILED:
            state = state_name(found.segment.state)
            raise Refusal(f"segment {segment_id} is {state}: {found.segment.state_note}", Exit.CONFLICT)
        await asyncio.sleep(POLL_S)


async def update(channel: grpc.aio.Channel, segment_id: str, said: Mapping[str, str]) -> segment_pb2.Segment:
    """Changes the named fields of a segment as it is now; whoever changes it meanwhile is not overwritten."""
    stub = SegmentServiceStub(channel)
    found = await stub.GetSegment(segment_service_pb2.GetSegmentRequest(segment_id=segment_id))
    for field, value in said.items():
        setattr(found.segment, field, value)
    return (await stub.UpdateSegment(segment_service_pb2.UpdateSegmentRequest(segment=found.segment))).segment


async def every(
    channel: grpc.aio.Channel, *, place: str = "", owner: str = "", brand: str | None = None
) -> list[segment_service_pb2.ListedSegment]:
    """In order of segment_id; of a folder, an owner or a brand, when they are said."""
    stub, token = SegmentServiceStub(channel), ""
    found: list[segment_service_pb2.ListedSegment] = []
    while True:
        request = segment_service_pb2.ListSegmentsRequest(
            page_size=PAGE_SEGMENTS, page_token=token, folder=place, owner=owner, brand=brand
        )
        page = await stub.ListSegments(request)
        found += page.segments
        token = page.next_page_token
        if not token:
            return found


async def preview(
    channel: grpc.aio.Channel, rule: str, population_name: str, sample: int = 0, token: str = ""
) -> segment_service_pb2.PreviewSegmentResponse:
    """How many a rule holds for; stores nothing."""
    request = segment_service_pb2.PreviewSegmentRequest(
        rule=rule,
        population=population(population_name),
        sample_size=sample,
        consistency=fresh(token),
    )
    stub = SegmentServiceStub(channel)
    return await patiently(lambda: stub.PreviewSegment(request, timeout=WAIT_S))


async def check(
    channel: grpc.aio.Channel, person_ids: Sequence[int], segment_ids: Sequence[str], token: str = ""
) -> membership_pb.CheckMembershipResponse:
    """Who is in."""
    request = membership_pb.CheckMembershipRequest(
        person_ids=person_ids, segment_ids=segment_ids, consistency=fresh(token)
    )
    return await MembershipServiceStub(channel).CheckMembership(request)


@dataclass(frozen=True)
class Checked:
    """`problem` tells why nobody is meant; then the others are None."""

    who: str
    person_id: int | None = None
    member: bool | None = None
    problem: str = ""


@dataclass(frozen=True)
class CheckedAll:
    """Persons in the order asked, some of whom may be nobody; what there is to know of the answer, and its moment, ""
    when nobody was asked for."""

    persons: list[Checked]
    warnings: Sequence[str] = ()
    as_of: str = ""


async def check_each(
    suite: RunningSuite, segment_id: str, who: Sequence[str], key: Path | None = None
) -> CheckedAll:
    """Who of some persons, by id or identifier, is in."""
    found = [await _meant(suite, each, key) for each in who]
    ids = [each.person_id for each in found if each.person_id is not None]
    if not ids:
        return CheckedAll(found)
    async with suite.channel("segments", key_file=key) as channel:
        answer = await check(channel, ids, [segment_id])
    answers = iter(answer.persons)
    persons = [each if each.person_id is None else _answered(each, next(answers)) for each in found]
    return CheckedAll(persons, list(answer.freshness.warnings), answer.freshness.as_of.ToJsonString())


def _answered(asked: Checked, answer: membership_pb.PersonMembership) -> Checked:
    return Checked(asked.who, answer.person_id, answer.members[0])


async def _meant(suite: RunningSuite, who: str, key: Path | None) -> Checked:
    try:
        return Checked(who, await person_id_of(suite, who, key))
    except Refusal as refusal:
        return Checked(who, problem=str(refusal))


async def snapshot(
    channel: grpc.aio.Channel, segment_id: str, *, token: str = "", request_id: str = ""
) -> snapshot_service_pb2.Snapshot:
    """Freezes a segment's members."""
    request = snapshot_service_pb2.CreateSnapshotRequest(
        request_id=request_id or uuid4().hex, segment_id=segment_id, consistency=fresh(token)
    )
    stub = SnapshotServiceStub(channel)
    return (await patiently(lambda: stub.CreateSnapshot(request, timeout=WAIT_S))).snapshot


@dataclass(frozen=True)
class Exported:
    """Person ids, ascending, and what there is to know of them."""

    person_ids: list[int]
    warnings: list[str]


async def export(channel: grpc.aio.Channel, segment_id: str, snapshot_id: str = "") -> Exported:
    """The members of a segment as it is now, or of a snapshot of it. Raises Refusal."""
    stub = SnapshotServiceStub(channel)
    request = snapshot_service_pb2.ExportMembersRequest(segment_id=segment_id)
    if snapshot_id:
        asked = snapshot_service_pb2.GetSnapshotRequest(snapshot_id=snapshot_id)
        of = (await stub.GetSnapshot(asked)).snapshot.segment_id
        if of != segment_id:
            raise Refusal(
                f"snapshot {snapshot_id} is one of segment {of}, not of {segment_id}", Exit.BAD_DATA
            )
        request = snapshot_service_pb2.ExportMembersRequest(snapshot_id=snapshot_id)
    found = Exported([], [])
    async for part in stub.ExportMembers(request):
        found.person_ids.extend(struct.unpack(f"<{len(part.person_ids) // 4}I", part.person_ids))
        found.warnings.extend(part.warnings)
    return found


async def delete(
    channel: grpc.aio.Channel, segment_id: str, reason: str = "", *, force: bool = False
) -> None:
    """Raises what GetSegment does when it is not there: the rpc itself is silent, for repeats."""
    stub = SegmentServiceStub(channel)
    await stub.GetSegment(segment_service_pb2.GetSegmentRequest(segment_id=segment_id))
    request = segment_service_pb2.DeleteSegmentRequest(segment_id=segment_id, reason=reason, force=force)
    await stub.DeleteSegment(request)
