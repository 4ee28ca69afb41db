"""Activation as a process, killed by kill -9 wherever it hurts: nobody gets a message twice, nobody is lost.

The providers' stand-ins and the neighbours run in the test and live on; their effect log is the oracle.
"""

import asyncio
import base64
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import yaml
from cli.suite.patience import patiently
from servicekit.client import connect
from servicekit.clock import write_clock_file
from servicekit.principal import key_entry, write_key_file

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "services" / "activation" / "tests"))

from activation_neighbours import BIRTH_KEY  # noqa: E402
from activation_world import (  # noqa: E402
    ACCOUNTS,
    CALLBACK_TOKEN,
    CHANNELS,
    PROVIDERS,
    PUSH,
    RECEIPTS_SECRET,
    SECRET,
    SMS,
    WECHAT,
    World,
    campaign,
    campaigns_pb2,
    free_port,
    made_world,
    provider_hash,
)
from huaxiang.activation.v1 import campaign_pb2, campaign_service_pb2_grpc  # noqa: E402

FAILPOINTS = (
    "planned",
    "claimed",
    "written",
    "sent",
    "resulted",
    "resolved",
    "received",
    "applied",
    "relayed",
)
SHORT = ("claimed", "written", "sent", "resulted", "relayed")
PATIENCE_S = (0.5,) * 500
AUDIENCES = {SMS: 700, WECHAT: 80, PUSH: 1_500}
CALLS_PER_S = {SMS: 2, WECHAT: 20, PUSH: 2}
READY_S, DEATH_S, DONE_S = 40.0, 30.0, 90.0
COMPLETED = campaign_pb2.CAMPAIGN_STATE_COMPLETED


class Process:
    """`python -m activation` over one data folder; ends what it started."""

    def __init__(self, world: World) -> None:
        folder = world.folder / "process"
        folder.mkdir()
        self.port = free_port()
        write_key_file(folder / "keys.yaml", [key_entry("m", tenant="t1", subject="m", roles=["marketer"])])
        (folder / "service.key").write_text("key-of-service\n")
        (folder / "secret").write_text(base64.b64encode(secrets.token_bytes(32)).decode())
        (folder / "accounts.yaml").write_text(yaml.safe_dump({"accounts": accounts(world)}))
        write_clock_file(folder / "clock.json", world.clock.moment(), 1.0)
        self.log = folder / "log"
        self._environment = os.environ | {
            "HUAXIANG_DATA": str(folder),
            "HUAXIANG_KEYS": str(folder / "keys.yaml"),
            "HUAXIANG_SERVICE_KEY_FILE": str(folder / "service.key"),
            "HUAXIANG_ACTIVATION_SECRET_FILE": str(folder / "secret"),
            "HUAXIANG_ACTIVATION_ACCOUNTS": str(folder / "accounts.yaml"),
            "HUAXIANG_ACTIVATION_PORT": str(self.port),
            "HUAXIANG_ACTIVATION_RECEIPTS_PORT": str(world.receipts_port),
            "HUAXIANG_ACTIVATION_SETTLE_S": "0.5",
            "HUAXIANG_ACTIVATION_POLL_S": "0.5",
            "HUAXIANG_ACTIVATION_LEASE_S": "2",
            "HUAXIANG_ACTIVATION_SUBMIT_TIMEOUT_S": "1",
            "HUAXIANG_IDENTITY_TARGET": world.left.target,
            "HUAXIANG_SEGMENTS_TARGET": world.left.target,
            "HUAXIANG_CLOCK": str(folder / "clock.json"),
        }
        self._running: subprocess.Popen[bytes] | None = None

    def start(self, failpoint: str = "") -> None:
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [sys.executable, "-m", "activation"],
                env=self._environment | {"HUAXIANG_FAILPOINT": failpoint},
                stderr=log,
            )

    def alive(self) -> bool:
        return self._running is not None and self._running.poll() is None

    async def death(self) -> int:
        """Waits until it dies by itself; the exit code."""
        assert self._running is not None
        ends = time.monotonic() + DEATH_S
        while self._running.poll() is None:
            assert time.monotonic() < ends, "the failpoint was never reached"
            await asyncio.sleep(0.02)
        return self._running.returncode

    def kill(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()


def accounts(world: World) -> dict[str, dict[str, object]]:
    credentials = {
        SMS: {"access_key_id": "ak", "access_key_secret": SECRET},
        WECHAT: {"appid": "wx", "secret": SECRET, "callback_token": CALLBACK_TOKEN, "scope": "wx"},
        PUSH: {"app_key": "jp", "master_secret": SECRET, "scope": "app"},
    }
    return {
        ACCOUNTS[channel]: {
            "channel": channel,
            "base_url": world.sandbox.url(PROVIDERS[channel]),
            "receipts_secret": RECEIPTS_SECRET,
            "max_calls_per_s": CALLS_PER_S[channel],
            **fields,
        }
        for channel, fields in credentials.items()
    }


class Run:
    """Three campaigns at once, one per channel, each to an audience of its own."""

    def __init__(self, world: World, channels: tuple[str, ...]) -> None:
        self.world = world
        self.process = Process(world)
        self.audiences: dict[str, list[int]] = {}
        first = 1
        for channel in channels:
            persons = world.audience(AUDIENCES[channel], channel, first=first)
            world.segments.snapshots[channel] = self.audiences[channel] = persons
            first += len(persons)
        self._channel = connect(f"127.0.0.1:{self.process.port}", key="m")
        self._stub = campaign_service_pb2_grpc.CampaignServiceStub(self._channel)

    async def begin(self) -> None:
        """Creates and starts every campaign, also over a process that dies on the way."""
        for channel in self.audiences:
            message = campaign(channel, channel, snapshot_id=channel)
            await self._patiently(
                self._stub.CreateCampaign, campaigns_pb2.CreateCampaignRequest(campaign=message)
            )
        for channel in self.audiences:
            await self._patiently(
                self._stub.StartCampaign, campaigns_pb2.StartCampaignRequest(campaign_id=channel)
            )

    async def finish(self) -> dict[str, campaign_pb2.CampaignReport]:
        """Waits for the end of all; the reports."""
        reports = {}
        ends = time.monotonic() + DONE_S
        for channel in self.audiences:
            request = campaigns_pb2.GetCampaignRequest(campaign_id=channel)
            while True:
                answer = await self._patiently(self._stub.GetCampaign, request)
                if answer.campaign.state == COMPLETED:
                    break
                assert time.monotonic() < ends, f"never completed: {answer}"
                await asyncio.sleep(0.1)
            reports[channel] = answer.report
        told = sum(map(len, self.audiences.values()))
        while len(self.world.identity.records) < told:
            assert time.monotonic() < ends, f"told only {len(self.world.identity.records)}"
            await asyncio.sleep(0.1)
        return reports

    def assert_one_message_each(self, reports: dict[str, campaign_pb2.CampaignReport]) -> None:
        """Of the effect log, the ledger and what identity was told."""
        effects = list(self.world.sandbox.log.page())
        received = [each.address_hash for each in effects]
        expected = [
            provider_hash(channel, person)
            for channel, persons in self.audiences.items()
            for person in persons
        ]
        assert sorted(received) == sorted(expected), f"{len(received)} effects, {len(expected)} deliveries"
        for channel, persons in self.audiences.items():
            count = len(persons)
            assert reports[channel] == campaign_pb2.CampaignReport(
                planned=count, accepted=count, delivered=count
            )
        events = self.world.identity.events("message_delivered")
        assert len(events) == len(self.world.identity.records) == len(expected)
        told = sorted(BIRTH_KEY + person for persons in self.audiences.values() for person in persons)
        assert sorted(event.anchor_key_id for event in events) == told

    async def close(self) -> None:
        self.process.kill()
        await self._channel.close()

    @staticmethod
    async def _patiently(call, request):
        """The process may be killed again before it answers."""
        return await patiently(partial(call, request, wait_for_ready=True, timeout=READY_S))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with made_world(tmp_path, f"sqlite:///{tmp_path / 'unused.db'}") as made:
        for courier in made.sandbox.reports._couriers.values():
            courier.retry_after_s = PATIENCE_S  # a provider that gives up makes another report
        yield made


@pytest.mark.parametrize(
    "failpoints", [SHORT, pytest.param(FAILPOINTS, marks=pytest.mark.proof)], ids=["short", "all"]
)
async def test_killed_at_failpoints_in_turn(world: World, failpoints: tuple[str, ...]) -> None:
    run = Run(world, CHANNELS)
    try:
        run.process.start(failpoints[0])
        beginning = asyncio.create_task(run.begin())
        for place, failpoint in enumerate(failpoints):
            if place:
                run.process.start(failpoint)
            assert await run.process.death() == -signal.SIGKILL, run.process.log.read_text()
        run.process.start()
        await beginning
        run.assert_one_message_each(await run.finish())
    finally:
        await run.close()


async def die_at_random(run: Run, kills: int, chance: random.Random) -> None:
    run.process.start()
    await run.begin()
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        run.process.kill()
        run.process.start()
        request = campaigns_pb2.ListCampaignsRequest()
        await run._patiently(run._stub.ListCampaigns, request)
    run.assert_one_message_each(await run.finish())


@pytest.mark.parametrize(
    ("seed", "kills"), [(1, 2), *(pytest.param(n, 10, marks=pytest.mark.proof) for n in range(2, 22))]
)
async def test_killed_at_random_moments(world: World, seed: int, kills: int) -> None:
    run = Run(world, CHANNELS)
    try:
        await die_at_random(run, kills, random.Random(seed))
    finally:
        await run.close()


@pytest.mark.proof
@pytest.mark.parametrize("failpoint", FAILPOINTS)
@pytest.mark.parametrize("channel", CHANNELS)
async def test_killed_again_and_again_at_one_failpoint(world: World, channel: str, failpoint: str) -> None:
    run = Run(world, (channel,))
    try:
        run.process.start("written" if failpoint == "resolved" else failpoint)
        beginning = asyncio.create_task(run.begin())
        await run.process.death()
        for _ in range(2):
            run.process.start(failpoint)
            ends = time.monotonic() + DEATH_S / 2
            while run.process.alive() and time.monotonic() < ends:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.05)
        run.process.kill()
        run.process.start()
        await beginning
        run.assert_one_message_each(await run.finish())
    finally:
        await run.close()
