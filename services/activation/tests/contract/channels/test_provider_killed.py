"""The provider dies by kill -9 in the middle of submissions and comes back: one message for each, none lost."""

import asyncio
import itertools
import json
import random
import signal
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from activation.channels.port import Found, Idempotency, Verdict
from activation.channels.tencent_sms import pace
from sandbox.effects import read as read_effects

pytestmark = pytest.mark.proof
TIMEOUT_S = 60.0
KILLS = 20
IN_FLIGHT = 8
KILLED_WITHIN_S, GREETED_S = 0.02, 0.1
"""Of a round's start; a mail server is greeted first."""
PEOPLE = 400
"""So many that nobody meets a limit of the provider."""


class Program:
    """The sandbox as a process on ports that stay."""

    def __init__(self, folder: Path, settings: Path, ports: dict[str, int]) -> None:
        self._arguments = ("-m", "sandbox", "--data", str(folder), "--settings", str(settings))
        self._folder = folder
        self._ports = ports
        self._process: asyncio.subprocess.Process | None = None
        self.log = SimpleNamespace(page=lambda: list(read_effects(folder)))

    def url(self, server: str) -> str:
        return f"http://127.0.0.1:{self._ports[server]}"

    async def start(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(sys.executable, *self._arguments, stdout=pipe)
        assert b"ports" in await self._process.stdout.readline()

    async def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        await self._process.communicate()


@pytest.fixture
def clock():
    """The machine's: the program reads no other."""
    return SimpleNamespace(moment=lambda: datetime.now(UTC))


@pytest.fixture
async def sandbox(tmp_path, document, served, unused_tcp_port_factory, monkeypatch):
    ports = {name: unused_tcp_port_factory() for name in ("admin", *served)}
    document["ports"] = ports
    document["responses"] = {"delivered_by_s": 0}
    for name in {"aliyun_sms", "tencent_sms"} & document.keys():
        document[name]["query_lag_s"] = 0
    if "tencent_sms" in document:  # it would spend its time waiting for turns to ask
        document["tencent_sms"]["pulls_per_s"] = 1_000_000
        monkeypatch.setattr(pace, "PER_S", 1_000_000)
    if "wechat" in document:
        document["wechat"]["mass_repeat_s"] = 0
    path = tmp_path / "sandbox.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    program = Program(tmp_path / "data", path, ports)
    await program.start()
    yield program
    await program.kill()


async def test_everybody_gets_each_message_once_although_the_provider_dies(rig):
    chance = random.Random(rig.provider)
    people = itertools.cycle(rig.addresses(PEOPLE))
    expected, unsure, lost_sight = Counter(), Counter(), 0
    open_wires = {}
    within_s = GREETED_S if rig.provider == "smtp" else KILLED_WITHIN_S
    for round_number in range(KILLS + 1):
        for _ in range(IN_FLIGHT):
            addresses = list(itertools.islice(people, min(4, rig.channel.caps.max_batch)))
            open_wires[await rig.wire(addresses=addresses)] = addresses
            expected.update(rig.hashes(addresses))
        submissions = [asyncio.create_task(rig.channel.submit(wire, TIMEOUT_S)) for wire in open_wires]
        if round_number < KILLS:
            await asyncio.wait(submissions, timeout=chance.uniform(0.0, within_s))
            await rig.sandbox.kill()
            await asyncio.gather(*submissions)
            await rig.sandbox.start()
        outcomes = await asyncio.gather(*submissions)
        lost_sight += sum(each.verdict is Verdict.UNKNOWN for answer in outcomes for each in answer)
        open_wires = await still_open(rig, open_wires, outcomes, unsure)
    assert open_wires == {}
    got = Counter(effect.address_hash for effect in rig.effects())
    assert got <= expected <= got + unsure  # equal, but where nobody protects and nobody can know
    assert lost_sight > 0


async def still_open(rig, wires, all_outcomes, unsure):
    """What to submit next, by the rules of the port; `unsure` takes whom nobody may send another message."""
    following = {}
    for (wire, addresses), outcomes in zip(wires.items(), all_outcomes, strict=True):
        if rig.channel.caps.idempotency is Idempotency.NONE:
            pairs = list(zip(addresses, (each.verdict for each in outcomes), strict=True))
            unsure.update(rig.hashes([address for address, verdict in pairs if verdict is Verdict.UNKNOWN]))
            missing = [address for address, verdict in pairs if verdict is Verdict.RETRY]
            if missing:
                following[await rig.wire(addresses=missing)] = missing
            continue
        verdict = outcomes[0].verdict
        assert verdict in (Verdict.ACCEPTED, Verdict.UNKNOWN, Verdict.RETRY), outcomes
        if verdict is Verdict.ACCEPTED:
            continue
        if rig.channel.caps.idempotency in (Idempotency.KEYED, Idempotency.REPLACING):
            following[wire] = addresses
            continue
        missing = addresses
        if verdict is Verdict.UNKNOWN:
            long_ago = rig.clock.moment() - timedelta(seconds=rig.channel.caps.absence_s)
            findings = await rig.channel.query(wire, long_ago, TIMEOUT_S)
            assert Found.UNANSWERED not in {each.found for each in findings}
            pairs = zip(addresses, findings, strict=True)
            missing = [address for address, each in pairs if each.found is Found.ABSENT]
        if missing:
            following[await rig.wire(addresses=missing)] = missing
    return following
