"""The stream: how many events a second a tagging on SQLite keeps up with, and how soon a portrait shows one.

`python -m tagging` runs as its own process over a store of HUAXIANG_BENCH_PERSONS persons with twenty real-time tags.
It pulls from a stand-in of identity (tagging_log) that shares the other processor with the load generator. An event
counts as arrived when GetPortrait, asked for at least its revision, answers; the answer is held against what was fed.
"""

import asyncio
import itertools
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import uvloop
from huaxiang.tagging.v1 import portrait_service_pb2 as pb
from huaxiang.tagging.v1 import portrait_service_pb2_grpc
from huaxiang.type.v1 import revision_pb2
from servicekit.client import connect
from servicekit.principal import key_entry, write_key_file
from servicekit.revision import Lane, Revision

from benches.measure import cpu_s
from benches.tagging_log import BATCH, EPOCH, PreparedLog, serving_log
from benches.tagging_people import PAST_EVENTS, PROBED, TAGS, TENANT, Behaviour, change_of, fill

PERSONS = int(os.environ.get("HUAXIANG_BENCH_PERSONS", "1000000"))
WARMING_EVENTS = 5_000
SUSTAINED_EVENTS = 100_000
PACED_S = 20.0
PACE_EVENTS_PER_S = 1_000
COALESCED_S = 0.01
"""identity sends what comes within this time in one message."""
PROBES_PER_S = 25
WAIT_S = 8.0
ANSWER_S = 600.0
AHEAD_EVENTS = 8 * BATCH
"""Events that wait in the log, at most, while it is read as fast as can be."""
IMPORT_AHEAD_S = 2.0
PROBED_PERSONS = 2_000


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and sizes. Latencies run from when identity has an event to the portrait that shows it."""
    with tempfile.TemporaryDirectory(prefix="huaxiang-bench-") as folder:
        data = Path(folder) / "data"
        filling = multiprocessing.get_context("spawn").Process(
            target=fill, args=(data / "tagging", PERSONS, seed)
        )
        filling.start()
        filling.join()
        if filling.exitcode:
            raise RuntimeError("the store could not be filled")
        figures = uvloop.run(measured(Path(folder), data, PERSONS, seed))
    sizes = {
        "stream_persons": PERSONS,
        "stream_past_events": PERSONS * PAST_EVENTS,
        "stream_tags": len(TAGS),
        "stream_paced_events_per_s": PACE_EVENTS_PER_S,
    }
    return figures, sizes


async def measured(folder: Path, data: Path, persons: int, seed: int) -> dict[str, Any]:
    """Over a filled store."""
    log = PreparedLog()
    async with serving_log(log) as identity_port:
        with tagging(folder, data, identity_port) as (pid, port):
            stream = Stream(log, port, persons, seed)
            await stream.arrived(await stream.feed(Lane.LIVE, WARMING_EVENTS))
            figures = await sustained(stream, pid)
            figures |= await paced(stream, pid, "latency")
            importing = asyncio.ensure_future(stream.keep_feeding(Lane.BULK))
            await asyncio.sleep(IMPORT_AHEAD_S)
            imported, started = log.sent[Lane.BULK], time.perf_counter()
            figures |= await paced(stream, pid, "importing_latency")
            imported = log.sent[Lane.BULK] - imported
            importing.cancel()
            figures["imported_events_per_s"] = round(imported / (time.perf_counter() - started))
            figures["peak_mb"] = _peak_mb(pid)
    return figures


class Stream:
    """Feeds events, positions in order, and asks for portraits. The persons with the highest ids are left to probes."""

    def __init__(self, log: PreparedLog, port: int, persons: int, seed: int) -> None:
        self.log = log
        self._behaviour = Behaviour(persons - PROBED_PERSONS, seed + 1)
        self._probed = itertools.cycle(range(persons - PROBED_PERSONS + 1, persons + 1))
        self._position = 1
        self._portraits = portrait_service_pb2_grpc.PortraitServiceStub(
            connect(f"127.0.0.1:{port}", key="key-of-app")
        )

    async def feed(self, lane: Lane, count: int) -> int:
        """Feeds events of anybody; the position of the last."""
        return await self._feed(lane, [self._behaviour.one() for _ in range(count)])

    async def feed_at_once(self, lane: Lane, count: int) -> int:
        """As `feed`; the first goes out when the last is made."""
        changes: list[tuple[int, bytes]] = []
        while len(changes) < count:
            changes += self._changes([self._behaviour.one() for _ in range(BATCH)])
            await asyncio.sleep(0)
        await self.log.feed(lane, changes)
        return changes[-1][0]

    async def _feed(self, lane: Lane, events: list[tuple[int, str, dict[str, Any]]]) -> int:
        changes = self._changes(events)
        await self.log.feed(lane, changes)
        return changes[-1][0]

    def _changes(self, events: list[tuple[int, str, dict[str, Any]]]) -> list[tuple[int, bytes]]:
        """Positions are of both lanes."""
        first = self._position + 1
        self._position += len(events)
        return [(at, change_of(*event, at)) for at, event in enumerate(events, first)]

    async def keep_feeding(self, lane: Lane) -> None:
        """Feeds a lane as fast as it is read, until cancelled."""
        while True:
            if len(self.log.waiting[lane]) < AHEAD_EVENTS:
                await self.feed(lane, BATCH)
            else:
                await asyncio.sleep(0.001)

    async def arrived(self, position: int, person: int = 1) -> pb.GetPortraitResponse:
        """The portrait once what follows from the position of the live lane is in it, however long that takes."""
        revision = Revision("identity", EPOCH, live=position).to_proto()
        asked = pb.GetPortraitRequest(
            person_id=person,
            tag_ids=TAGS,
            consistency=revision_pb2.Consistency(at_least_as_fresh=revision),
        )
        until = time.perf_counter() + ANSWER_S
        while True:
            try:
                return await self._portraits.GetPortrait(asked, timeout=WAIT_S, wait_for_ready=True)
            except grpc.aio.AioRpcError as error:
                late = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
                if not late or time.perf_counter() > until:
                    raise

    async def probe(self, latencies_ms: list[float]) -> None:
        """One view of somebody of whom nothing else comes, from the log to the portrait."""
        person = next(self._probed)
        before = await self._portraits.GetPortrait(pb.GetPortraitRequest(person_id=person, tag_ids=TAGS))
        properties = self._behaviour.properties("view_item")
        started = time.perf_counter()
        position = await self._feed(Lane.LIVE, [(person, "view_item", properties)])
        after = await self.arrived(position, person)
        latencies_ms.append((time.perf_counter() - started) * 1_000)
        if _views(after) != _views(before) + 1:
            raise RuntimeError(
                f"a portrait shows {_views(after)} views, and showed {_views(before)} before one more"
            )


def _views(portrait: pb.GetPortraitResponse) -> int:
    return next(each.value.number_value // 10_000 for each in portrait.values if each.tag_id == PROBED)


async def sustained(stream: Stream, pid: int) -> dict[str, Any]:
    """Events a second, from when all of them wait in the log to when what follows from the last is readable."""
    last = await stream.feed_at_once(Lane.LIVE, SUSTAINED_EVENTS)
    cpu, started = cpu_s(pid), time.perf_counter()
    await stream.arrived(last)
    seconds = time.perf_counter() - started
    return {
        "events_per_s": round(SUSTAINED_EVENTS / seconds),
        "cpu_us_per_event": round((cpu_s(pid) - cpu) * 1e6 / SUSTAINED_EVENTS, 1),
    }


async def paced(stream: Stream, pid: int, name: str) -> dict[str, Any]:
    """Percentiles of latency at a steady rate."""
    latencies_ms: list[float] = []
    probes: list[asyncio.Task[None]] = []
    cpu, started, fed = cpu_s(pid), time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < PACED_S:
        due = int(passed * PACE_EVENTS_PER_S) - fed
        if due > 0:
            await stream.feed(Lane.LIVE, due)
            fed += due
        if len(probes) < passed * PROBES_PER_S:
            probes.append(asyncio.ensure_future(stream.probe(latencies_ms)))
        await asyncio.sleep(COALESCED_S)
    cores = (cpu_s(pid) - cpu) / (time.perf_counter() - started)
    await asyncio.gather(*probes)
    ordered = sorted(latencies_ms)
    return {
        f"{name}_ms_p50": round(ordered[len(ordered) // 2], 1),
        f"{name}_ms_p99": round(ordered[len(ordered) * 99 // 100], 1),
        f"{name}_cores": round(cores, 2),
    }


@contextmanager
def tagging(folder: Path, data: Path, identity_port: int) -> Iterator[tuple[int, int]]:
    """The service's own process; yields its process id and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "service.key").write_text("key-of-service\n")
    write_key_file(
        folder / "keys.yaml", [key_entry("key-of-app", tenant=TENANT, subject="app", roles=["app"])]
    )
    environment = os.environ | {
        "HUAXIANG_DATA": str(data),
        "HUAXIANG_KEYS": str(folder / "keys.yaml"),
        "HUAXIANG_SERVICE_KEY_FILE": str(folder / "service.key"),
        "HUAXIANG_IDENTITY_TARGET": f"127.0.0.1:{identity_port}",
        "HUAXIANG_TAGGING_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "tagging"], env=environment)
    try:
        yield process.pid, port
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _peak_mb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024
