"""What was said of segments, and who was in them."""

import datetime as dt
import re
from collections.abc import AsyncIterator

import grpc
from huaxiang.segments.v1 import member_history_service_pb2 as history_pb
from huaxiang.segments.v1 import segment_pb2, snapshot_service_pb2
from huaxiang.segments.v1 import segment_version_service_pb2 as versions_pb
from huaxiang.segments.v1.member_history_service_pb2_grpc import MemberHistoryServiceStub
from huaxiang.segments.v1.segment_version_service_pb2_grpc import SegmentVersionServiceStub
from huaxiang.segments.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from servicekit.values import date_of, days_of

from cli.exits import Exit, Refusal

PAGE_VERSIONS = 1_000
PAGE_PERSONS = 10_000
SNAPSHOT_ID = re.compile(r"[0-9a-f]{32}")
KINDS = {"joined": history_pb.MOVE_KIND_JOINED, "left": history_pb.MOVE_KIND_LEFT}


async def versions(channel: grpc.aio.Channel, segment_id: str) -> list[versions_pb.SegmentVersion]:
    """The newest, newest first."""
    request = versions_pb.ListSegmentVersionsRequest(segment_id=segment_id, page_size=PAGE_VERSIONS)
    return list((await SegmentVersionServiceStub(channel).ListSegmentVersions(request)).versions)


async def differences(
    channel: grpc.aio.Channel, segment_id: str, old: int, new: int
) -> list[versions_pb.FieldDifference]:
    """Of two versions; 0 is the one in force, and the one before."""
    request = versions_pb.DiffSegmentVersionsRequest(segment_id=segment_id, from_version=old, to_version=new)
    return list((await SegmentVersionServiceStub(channel).DiffSegmentVersions(request)).fields)


async def restore_version(
    channel: grpc.aio.Channel, segment_id: str, version: int, reason: str
) -> segment_pb2.Segment:
    """Says again what a version said."""
    request = versions_pb.RestoreSegmentVersionRequest(segment_id=segment_id, version=version, reason=reason)
    return (await SegmentVersionServiceStub(channel).RestoreSegmentVersion(request)).segment


async def snapshots(channel: grpc.aio.Channel, segment_id: str) -> list[snapshot_service_pb2.Snapshot]:
    """The newest, newest first."""
    request = snapshot_service_pb2.ListSnapshotsRequest(segment_id=segment_id, page_size=PAGE_VERSIONS)
    return list((await SnapshotServiceStub(channel).ListSnapshots(request)).snapshots)


async def trend(channel: grpc.aio.Channel, segment_id: str, days: int) -> list[history_pb.SegmentDay]:
    """Of the last days, oldest first."""
    stub = MemberHistoryServiceStub(channel)
    found = list((await stub.GetTrend(history_pb.GetTrendRequest(segment_id=segment_id))).days)
    return found[-days:]


def members_at(text: str) -> history_pb.MembersAt:
    """ "" is now, 2026-03-31 what was kept of a day; else a snapshot's id. Raises Refusal for what is neither."""
    if not text:
        return history_pb.MembersAt()
    if SNAPSHOT_ID.fullmatch(text):
        return history_pb.MembersAt(snapshot_id=text)
    try:
        return history_pb.MembersAt(day=days_of(dt.date.fromisoformat(text)))
    except ValueError:
        raise Refusal(
            f"'{text}' is neither a day such as 2026-03-31 nor a snapshot's id (see: huaxiang segments snapshots)",
            Exit.USAGE,
        ) from None


async def diff(
    channel: grpc.aio.Channel, segment_id: str, old: str, new: str, kind: str
) -> AsyncIterator[history_pb.DiffMembersResponse]:
    """Page by page; the counts stand in each. Raises Refusal for a kind that is none."""
    if kind and kind not in KINDS:
        raise Refusal(f"{kind!r} is none of {', '.join(KINDS)}", Exit.USAGE)
    request = history_pb.DiffMembersRequest(
        segment_id=segment_id,
        to=members_at(new),
        kind=KINDS.get(kind, history_pb.MOVE_KIND_UNSPECIFIED),
        page_size=PAGE_PERSONS,
    )
    getattr(request, "from").CopyFrom(members_at(old))
    stub = MemberHistoryServiceStub(channel)
    while True:
        page = await stub.DiffMembers(request)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


async def membership_history(
    channel: grpc.aio.Channel, segment_id: str, person_id: int
) -> history_pb.GetMembershipHistoryResponse:
    """When a person was in, of the days whose members are kept."""
    request = history_pb.GetMembershipHistoryRequest(segment_id=segment_id, person_id=person_id)
    return await MemberHistoryServiceStub(channel).GetMembershipHistory(request)


async def last_other_day(channel: grpc.aio.Channel, segment_id: str, person_id: int) -> str:
    """The last kept day on which a person was in and is not now, or the other way round. Raises Refusal for none."""
    found = await membership_history(channel, segment_id, person_id)
    for stretch in found.stretches:
        if stretch.member != found.member:
            return date_of(stretch.last_day).isoformat()
    state = "in" if found.member else "not in"
    raise Refusal(
        f"person {person_id} is {state} segment {segment_id}, as on every day that is kept; "
        "name other members with --from",
        Exit.BAD_DATA,
    )


async def explain_move(
    channel: grpc.aio.Channel, segment_id: str, person_id: int, old: str, new: str
) -> history_pb.ExplainMoveResponse:
    """Why a person joined or left; since the last kept day on which that was otherwise, when `old` is "". Raises
    Refusal."""
    old = old or await last_other_day(channel, segment_id, person_id)
    request = history_pb.ExplainMoveRequest(segment_id=segment_id, person_id=person_id, to=members_at(new))
    getattr(request, "from").CopyFrom(members_at(old))
    return await MemberHistoryServiceStub(channel).ExplainMove(request)
