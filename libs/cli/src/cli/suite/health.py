"""Whether the services of a suite serve, by the standard health rpc."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from servicekit.health import CONSUMERS

from cli.suite.programs import SERVICES, Ports
from cli.suite.running import RunningSuite

ANSWER_WITHIN_S = 2.0
LOOK_WITHIN_S = 0.5


def not_following(ports: Ports) -> list[str]:
    """The services whose consumers do not follow yet what stands to their left. Blocks, at most half a second each."""
    return [name for name in SERVICES if not _follows(ports.target(name))]


def _follows(target: str) -> bool:
    with grpc.insecure_channel(target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(
                health_pb2.HealthCheckRequest(service=CONSUMERS), timeout=LOOK_WITHIN_S, wait_for_ready=True
            )
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def health_of(suite: RunningSuite) -> dict[str, str]:
    """SERVING, another serving status, or the status code of the failed call, by service."""
    found: dict[str, str] = {}
    for name, process in suite.processes.items():
        if name not in SERVICES:
            continue
        async with grpc.aio.insecure_channel(f"127.0.0.1:{process['port']}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=ANSWER_WITHIN_S)
                found[name] = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
            except grpc.aio.AioRpcError as error:
                found[name] = error.code().name
    return found
