"""Exports of members with values of tags."""

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Columns:
    """What stands beside person ids: tags, and namespaces of identifiers, for a purpose that persons consented to."""

    tags: Sequence[str] = ()
    identifiers: Sequence[str] = ()
    purpose: str = ""


@dataclass(slots=True)
class Fetched:
    """How many rows came, and of how many persons identity served no identifiers, by why."""

    count: int = 0
    no_consent: int = 0
    no_identifier: int = 0
    erased: int = 0

    def add(self, left_out: pb.LeftOut) -> None:
        self.no_consent += left_out.no_consent
        self.no_identifier += left_out.no_identifier
        self.erased += left_out.erased


async def request(
    channel: grpc.aio.Channel, segment_id: str, columns: Columns, reason: str, recipient: str, days: int
) -> pb.Export:
    """Asks for an export that is due so many days from the suite's now."""
    now = (await get(channel, segment_id)).freshness.as_of.ToDatetime(tzinfo=dt.UTC)
    wanted = pb.RequestExportRequest(
        request_id=uuid4().hex,
        segment_id=segment_id,
        tag_ids=columns.tags,
        identifier_namespaces=columns.identifiers,
        purpose=columns.purpose,
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


async def fetch(
    channel: grpc.aio.Channel,
    export_id: str,
    begin: Callable[[str], object],
    take: Callable[[pb.ExportRow], object],
) -> Fetched:
    """Gives its watermark to `begin`, once, and its rows to `take` in its order, nobody twice; goes on after the last
    one when a service was away, or had too much to do. Raises Refusal when that lasts."""
    stub, request = ExportServiceStub(channel), pb.FetchExportRequest(export_id=export_id)
    taken, fetched, begun = BitMap(), Fetched(), False

    async def go_on() -> None:
        nonlocal begun
        try:
            async for part in stub.FetchExport(request):
                if not begun:
                    begin(part.watermark)
                    begun = True
                for row in part.rows:
                    request.after_person_id = row.person_id
                    if row.person_id not in taken:
                        take(row)
                        taken.add(row.person_id)
                fetched.add(part.left_out)
                request.after_person_id = part.last_person_id or request.after_person_id
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
    fetched.count = len(taken)
    return fetched


async def trace(channel: grpc.aio.Channel, person_ids: Sequence[int]) -> list[pb.Export]:
    """The exports that a list may come from."""
    wanted = pb.TraceExportRequest(person_ids=person_ids)
    return list((await ExportServiceStub(channel).TraceExport(wanted)).exports)
