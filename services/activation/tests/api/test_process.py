"""`python -m activation` as its own process: starts from the environment, traces, refuses clearly."""

import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from activation_world import (
    ACCOUNTS,
    RECEIPTS_SECRET,
    SECRET,
    SMS,
    World,
    campaign,
    campaigns_pb2,
    free_port,
    made_world,
)
from huaxiang.activation.v1 import campaign_service_pb2_grpc
from servicekit.client import connect
from servicekit.clock import write_clock_file
from servicekit.principal import key_entry, write_key_file

READY_S = 40.0
TRACE_ID, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "process"
    folder.mkdir()
    write_key_file(folder / "keys.yaml", [key_entry("m", tenant="t1", subject="m", roles=["marketer"])])
    (folder / "service.key").write_text("key-of-service\n")
    (folder / "secret").write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    return os.environ | {
        "HUAXIANG_DATA": str(folder),
        "HUAXIANG_KEYS": str(folder / "keys.yaml"),
        "HUAXIANG_SERVICE_KEY_FILE": str(folder / "service.key"),
        "HUAXIANG_ACTIVATION_SECRET_FILE": str(folder / "secret"),
        "HUAXIANG_ACTIVATION_ACCOUNTS": str(folder / "accounts.yaml"),
        "HUAXIANG_ACTIVATION_PORT": str(free_port()),
        "HUAXIANG_ACTIVATION_RECEIPTS_PORT": str(free_port()),
        "HUAXIANG_TRACE_FILE": str(folder / "trace.jsonl"),
        "HUAXIANG_TRACE_RATIO": "1",
    }


def write_accounts(environment: dict[str, str], base_url: str = "http://127.0.0.1:9") -> None:
    account = {
        "channel": SMS,
        "base_url": base_url,
        "access_key_id": "ak",
        "access_key_secret": SECRET,
        "receipts_secret": RECEIPTS_SECRET,
    }
    file = Path(environment["HUAXIANG_ACTIVATION_ACCOUNTS"])
    file.write_text(yaml.safe_dump({"accounts": {ACCOUNTS[SMS]: account}}))


def refuse(environment: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "activation"],
        env=environment,
        capture_output=True,
        timeout=READY_S,
        check=False,
        text=True,
    )
    return done.returncode, done.stderr


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield str(listening.getsockname()[1])


@pytest.mark.parametrize("name", ["HUAXIANG_ACTIVATION_PORT", "HUAXIANG_ACTIVATION_RECEIPTS_PORT"])
def test_a_port_in_use_is_named(environment: dict[str, str], taken: str, name: str) -> None:
    write_accounts(environment)
    code, said = refuse(environment | {name: taken})
    assert code == 69
    assert f"port {taken}" in said


def test_a_missing_secret_is_told_with_all_other_faults(environment: dict[str, str]) -> None:
    file = Path(environment["HUAXIANG_ACTIVATION_ACCOUNTS"])
    file.write_text(yaml.safe_dump({"accounts": {"a": {"channel": "jpush", "app_key": "k"}}}))
    Path(environment["HUAXIANG_ACTIVATION_SECRET_FILE"]).unlink()
    code, said = refuse(environment)
    assert code == 78
    for fault in ("accounts.a.master_secret: is missing", "accounts.a.receipts_secret", "cannot be read"):
        assert fault in said


async def started_campaign(world: World, environment: dict[str, str]) -> None:
    """Starts a campaign in the process under a trace of the caller's, and waits for its end."""
    channel = connect(f"127.0.0.1:{environment['HUAXIANG_ACTIVATION_PORT']}", key="m")
    stub = campaign_service_pb2_grpc.CampaignServiceStub(channel)
    create = campaigns_pb2.CreateCampaignRequest(campaign=campaign(SMS))
    await stub.CreateCampaign(create, wait_for_ready=True, timeout=READY_S)
    start = campaigns_pb2.StartCampaignRequest(campaign_id="c1")
    await stub.StartCampaign(start, metadata=(("traceparent", f"00-{TRACE_ID}-{PARENT}-01"),))
    await world.events_of("message_delivered", 5)
    await channel.close()


async def test_one_trace_leads_from_the_start_to_the_provider(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    async with made_world(tmp_path, "sqlite:///unused") as world:
        world.audience(5, SMS)
        write_accounts(environment, world.sandbox.url("aliyun_sms"))
        clock = tmp_path / "clock.json"
        write_clock_file(clock, world.clock.moment(), 1.0)
        environment |= {
            "HUAXIANG_ACTIVATION_RECEIPTS_PORT": str(world.receipts_port),
            "HUAXIANG_IDENTITY_TARGET": world.left.target,
            "HUAXIANG_SEGMENTS_TARGET": world.left.target,
            "HUAXIANG_CLOCK": str(clock),
        }
        process = subprocess.Popen([sys.executable, "-m", "activation"], env=environment)  # noqa: ASYNC220
        try:
            await started_campaign(world, environment)
            process.send_signal(signal.SIGTERM)
            assert process.wait(READY_S) == 0
        finally:
            process.kill()
            process.wait()
    trace = Path(environment["HUAXIANG_TRACE_FILE"]).read_text()  # noqa: ASYNC240  # nothing else runs
    spans = [line for line in trace.splitlines() if TRACE_ID in line]
    for name in ("StartCampaign", "activation.plan", "activation.send", "GetContactPoints"):
        assert any(name in line for line in spans), name
    assert any("activation.submit" in line and json.loads(line) for line in spans)
    assert "+86138" not in trace
    assert "13800000" not in trace
