"""Exports of members with values of tags."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import grpc
from huaxiang.segments.v1 import export_service_pb2 as pb
from huaxiang.segments.v1.export_service_pb2_grpc import ExportServiceStub
from servicekit.values import timestamp_of

from cli.calls.segments import get
from cli.enum_names import name_of


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


async def fetch(channel: grpc.aio.Channel, export_id: str) -> AsyncIterator[pb.ExportRow]:
    """Its rows, in its order."""
    async for part in ExportServiceStub(channel).FetchExport(pb.FetchExportRequest(export_id=export_id)):
        for row in part.rows:
            yield row


async def trace(channel: grpc.aio.Channel, person_ids: Sequence[int]) -> list[pb.Export]:
    """The exports that a list may come from."""
    wanted = pb.TraceExportRequest(person_ids=person_ids)
    return list((await ExportServiceStub(channel).TraceExport(wanted)).exports)
