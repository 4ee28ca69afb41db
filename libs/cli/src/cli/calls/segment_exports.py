"""Exports of members with values of tags."""

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from uuid import uuid4

import grpc
from huaxiang.segments.v1 import export_service_pb2 as pb
from huaxiang.segments.v1.export_service_pb2_grpc import ExportServiceStub
from pyroaring import BitMap
from servicekit.cancellation import is_ours
from servicekit.values import timestamp_of

from cli.calls.segments import get
from cli.enum_names import name_of
from cli.exits import Exit, Refusal
from cli.suite.patience import CutShort, patiently


def state_name(export: pb.Export) -> str:
    return name_of(pb.ExportState, export.state)


def action_name(step: pb.ExportStep) -> str:
    return name_of(pb.ExportAction, step.action)


async def request(
    channel: grpc.aio.Channel, segment_id: str, tags: Sequence[str], reason: str, recipient: str, days: int
) -> pb.Export:
    """Asks for an export that is due so many days from the suite's now."""
    now = (await get(channel, segment_id)).freshness.as_of.ToDatetime(tzinfo=dt.UTC)
    wanted = pb.RequestExportRequest(
        request_id=uuid4().hex,
        segment_id=segment_id,
        tag_ids=tags,
        reason=reason,
        recipient=recipient,
        due_time=timestamp_of(now + dt.timedelta(days=days)),
    )
    return (await ExportServiceStub(channel).RequestExport(wanted)).export


async def approve(channel: grpc.aio.Channel, export_id: str, reason: str) -> pb.Export:
    """Lets its requester fetch it."""
    wanted = pb.ApproveExportRequest(export_id=export_id, reason=reason, request_id=uuid4().hex)
    return (await ExportServiceStub(channel).ApproveExport(wanted)).export


async def reject(channel: grpc.aio.Channel, export_id: str, reason: str) -> pb.Export:
    """Ends it."""
    wanted = pb.RejectExportRequest(export_id=export_id, reason=reason, request_id=uuid4().hex)
    return (await ExportServiceStub(channel).RejectExport(wanted)).export


async def show(channel: grpc.aio.Channel, export_id: str) -> pb.Export:
    """With its history."""
    return (await ExportServiceStub(channel).GetExport(pb.GetExportRequest(export_id=export_id))).export


async def latest(channel: grpc.aio.Channel, limit: int) -> list[pb.Export]:
    """Newest first."""
    return list(
        (await ExportServiceStub(channel).ListExports(pb.ListExportsRequest(page_size=limit))).exports
    )


async def fetch(channel: grpc.aio.Channel, export_id: str, take: Callable[[pb.ExportRow], object]) -> int:
    """Gives its rows to `take` in its order, nobody twice, and goes on after the last one when the service was away, or
    had too much to do. Returns how many. Raises Refusal when that lasts."""
    stub, request = ExportServiceStub(channel), pb.FetchExportRequest(export_id=export_id)
    taken = BitMap()

    async def go_on() -> None:
        try:
            async for part in stub.FetchExport(request):
                for row in part.rows:
                    request.after_person_id = row.person_id
                    if row.person_id not in taken:
                        take(row)
                        taken.add(row.person_id)
        except grpc.aio.AioRpcError as error:
            if taken and error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise CutShort from error
            raise
        except asyncio.CancelledError:  # grpc cancels a call whose other end dies
            if is_ours():
                raise
            raise CutShort from None

    try:
        await patiently(go_on, progress=lambda: len(taken))
    except CutShort:
        problem = f"segments sent {len(taken):,} rows of export {export_id} and no more; fetch it again"
        raise Refusal(problem, Exit.NOT_REACHED) from None
    return len(taken)


async def trace(channel: grpc.aio.Channel, person_ids: Sequence[int]) -> list[pb.Export]:
    """The exports that a list may come from."""
    wanted = pb.TraceExportRequest(person_ids=person_ids)
    return list((await ExportServiceStub(channel).TraceExport(wanted)).exports)
