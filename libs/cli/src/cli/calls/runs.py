"""Runs as resources."""

import grpc
from huaxiang.tagging.v1 import run_service_pb2 as pb
from huaxiang.tagging.v1.run_service_pb2_grpc import RunServiceStub

from cli.enum_names import name_of


async def latest_runs(channel: grpc.aio.Channel, limit: int) -> list[pb.Run]:
    """At most 1,000, newest first."""
    answer = await RunServiceStub(channel).ListRuns(pb.ListRunsRequest(page_size=limit))
    return list(answer.runs)


def cause_name(cause: int) -> str:
    return name_of(pb.RunCause, cause)


def reason_name(reason: int) -> str:
    return name_of(pb.RunFailureReason, reason)
