"""Runs as resources."""

import grpc
from huaxiang.tagging.v1 import run_service_pb2 as pb
from huaxiang.tagging.v1.run_service_pb2_grpc import RunServiceStub

from cli.enum_names import name_of


async def latest_runs(channel: grpc.aio.Channel, limit: int) -> list[pb.Run]:
    """At most 1,000, newest first."""
    answer = await RunServiceStub(channel).ListRuns(pb.ListRunsRequest(page_size=limit))
    return list(answer.runs)


async def one_run(channel: grpc.aio.Channel, run_id: str) -> pb.Run:
    return (await RunServiceStub(channel).GetRun(pb.GetRunRequest(run_id=run_id))).run


async def cancel(channel: grpc.aio.Channel, run_id: str) -> pb.Run:
    """Cancelled already, or still computing the tags that it is at."""
    return (await RunServiceStub(channel).CancelRun(pb.CancelRunRequest(run_id=run_id))).run


def cause_name(cause: int) -> str:
    return name_of(pb.RunCause, cause)


def reason_name(reason: int) -> str:
    return name_of(pb.RunFailureReason, reason)
