"""Runs as resources."""

import grpc
from huaxiang.tagging.v1 import run_service_pb2 as pb
from huaxiang.tagging.v1.run_service_pb2_grpc import RunServiceStub


async def latest_runs(channel: grpc.aio.Channel, limit: int) -> list[pb.Run]:
    """At most 1,000, newest first."""
    answer = await RunServiceStub(channel).ListRuns(pb.ListRunsRequest(page_size=limit))
    return list(answer.runs)


def cause_name(cause: "pb.RunCause.ValueType") -> str:
    return pb.RunCause.Name(cause).removeprefix("RUN_CAUSE_").lower()


def reason_name(reason: "pb.RunFailureReason.ValueType") -> str:
    return pb.RunFailureReason.Name(reason).removeprefix("RUN_FAILURE_REASON_").lower()
