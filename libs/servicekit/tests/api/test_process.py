"""A service as a real process: graceful stop on SIGTERM, exit codes, clear complaints."""

import asyncio
import signal
import socket
import sys
from pathlib import Path

import grpc
import pytest
import toy_proto as pb
from grpc_health.v1 import health_pb2, health_pb2_grpc
from servicekit import server
from servicekit.client import connect
from servicekit.principal import write_key_file
from servicekit.testing.servers import keys_for

PROGRAM = Path(__file__).parent / "served_process.py"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def launch(port, folder, *options):
    write_key_file(folder / "keys.yaml", keys_for())
    return await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), str(port), str(folder), *options, stderr=asyncio.subprocess.PIPE
    )


async def health_of(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=20)
    return answer.status


async def test_sigterm_turns_away_drains_and_stops(tmp_path):
    port = free_port()
    process = await launch(port, tmp_path)
    async with connect(f"127.0.0.1:{port}", key="key-of-admin-t1") as channel:
        assert await health_of(channel) == health_pb2.HealthCheckResponse.SERVING
        stub = pb.ToyStub(channel)
        running = asyncio.ensure_future(stub.GetItem(pb.GetItemRequest(name="kept")))
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.1)
        assert await health_of(channel) == health_pb2.HealthCheckResponse.NOT_SERVING
        assert (await running).name == "kept", "a running call ends well"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.GetItem(pb.GetItemRequest(name="late"), timeout=1)
        assert refused.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
    _, log = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == server.EXIT_STOPPED, log
    assert b'"closed"' in log, "on_stop ran"
    assert b"13800138000" not in log
    assert b'"dropped": ["phone"]' in log


async def test_a_port_in_use_ends_with_a_clear_message(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = await launch(port, tmp_path)
        _, log = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == server.EXIT_PORT_IN_USE
    assert f"port {port} on 127.0.0.1 is in use" in log.decode()
    assert b"Traceback" not in log


async def test_all_faults_of_the_configuration_are_told_at_once(tmp_path):
    process = await launch(0, tmp_path, "misconfigured")
    _, log = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == server.EXIT_CONFIG
    assert "TOY_PORT: 'ninety' is not a whole number" in log.decode()
    assert "TOY_KEYS is required and not set" in log.decode()


async def test_a_worker_that_ends_ends_the_process(tmp_path):
    process = await launch(free_port(), tmp_path, "failing-worker")
    _, log = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == server.EXIT_WORKER_FAILED
    assert b"worker broke" in log
