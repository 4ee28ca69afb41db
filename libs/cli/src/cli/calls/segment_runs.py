"""Long work on segments: computed anew, uploads, lookalikes."""

from collections.abc import Callable
from uuid import uuid4

import grpc
from huaxiang.segments.v1 import lookalike_service_pb2
from huaxiang.segments.v1 import run_service_pb2 as pb
from huaxiang.segments.v1.run_service_pb2_grpc import RunServiceStub

from cli.calls.awaiting import ended
from cli.enum_names import name_of
from cli.suite.patience import patiently

_UNDER_WAY = (pb.RUN_STATE_PENDING, pb.RUN_STATE_RUNNING)
Seen = Callable[[pb.Run], None]


def state_name(run: pb.Run) -> str:
    return name_of(pb.RunState, run.state)


def kind_name(run: pb.Run) -> str:
    return name_of(pb.RunKind, run.kind)


async def recompute(channel: grpc.aio.Channel, segment_id: str, seen: Seen) -> pb.Run:
    """The run that computed a segment's members anew, when it has ended."""
    return await _ended(
        channel, pb.CreateRunRequest(segment_id=segment_id, recompute=pb.RecomputeWork()), seen
    )


async def expand(
    channel: grpc.aio.Channel,
    segment_id: str,
    question: lookalike_service_pb2.LookalikeQuestion,
    count: int,
    token: str,
    seen: Seen,
) -> pb.Run:
    """The run that put persons like a seed into a static segment, when it has ended."""
    work = pb.ExpandWork(question=question, person_count=count, evaluation_token=token)
    return await _ended(channel, pb.CreateRunRequest(segment_id=segment_id, expand=work), seen)


async def latest(channel: grpc.aio.Channel, segment_id: str, limit: int) -> list[pb.Run]:
    """Newest first; of a segment, or of any."""
    request = pb.ListRunsRequest(segment_id=segment_id, page_size=limit)
    return list((await RunServiceStub(channel).ListRuns(request)).runs)


async def cancel(channel: grpc.aio.Channel, run_id: str) -> pb.Run:
    """Asks a run to stop."""
    return (await RunServiceStub(channel).CancelRun(pb.CancelRunRequest(run_id=run_id))).run


async def _ended(channel: grpc.aio.Channel, request: pb.CreateRunRequest, seen: Seen) -> pb.Run:
    stub = RunServiceStub(channel)
    request.request_id = uuid4().hex
    made = (await patiently(lambda: stub.CreateRun(request))).run

    async def again() -> pb.Run:
        return (await stub.GetRun(pb.GetRunRequest(run_id=made.run_id))).run

    return await ended(made, again, lambda each: each.state in _UNDER_WAY, seen)
