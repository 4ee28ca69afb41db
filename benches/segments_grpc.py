"""Segments as it is served: Q3 by Preview, members by ExportMembers, and CheckMembership beside a no-op rpc.

The server is `segments.main.build` in a process of its own, with its keys, interceptors and store, and a no-op rpc
beside its own. What it holds it has been told as ever: it bootstraps from a tagging that exports the bench's people.
Each preview asks for other numbers than those before, so that nothing kept of an earlier answer helps.
"""

import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from huaxiang.segments.v1 import (
    membership_service_pb2,
    segment_pb2,
    segment_service_pb2,
    snapshot_service_pb2,
)
from huaxiang.segments.v1.segment_service_pb2_grpc import SegmentServiceStub
from huaxiang.segments.v1.snapshot_service_pb2_grpc import SnapshotServiceStub

from benches.http2_load import Load, load
from benches.measure import cpu_s, rss_bytes
from benches.noop import NOOP
from benches.segments_questions import QUESTIONS, moved, rule
from benches.segments_source import AUDIENCE, TENANT, serve_source

KEY = "key-of-the-bench"
CHECK = "/huaxiang.segments.v1.MembershipService/CheckMembership"
PREVIEW = "/huaxiang.segments.v1.SegmentService/PreviewSegment"
EVERYBODY = "everybody"
EXPORTED = 1_000_000
"""Members that are exported: the audience where it is so large, else everybody."""
TOLD_S = 1_800.0
WARM_S = 20.0
PREVIEWS = 400
EXPORTS = 9
ROUNDS, SECONDS = 5, 3.0
MESSAGES, CHECKED_AT_ONCE = 2_000, 1_000
BATCHES = 100


@dataclass(frozen=True)
class Served:
    """The server's port and process, how many people it holds, and how long it took to learn of them."""

    port: int
    pid: int
    persons: int
    audience: int
    told_s: float


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and sizes. `export_ids_per_s` counts ids as a caller has them, each with its birth hash."""
    from segments.engine.compiling import compile_ahead
    from segments.engine.threads import Threads

    compile_ahead(Threads())  # into the cache on disk, as a set-up does
    with (
        tempfile.TemporaryDirectory(prefix="huaxiang-bench-") as folder,
        served(Path(folder), seed) as server,
    ):
        channel = grpc.insecure_channel(f"127.0.0.1:{server.port}")
        export = _create(channel, server)
        figures = run(_previews(server)) | _export(channel, export) | run(_checks(server, seed))
        figures["told_s"] = round(server.told_s, 1)
        figures["rss_gb"] = round(rss_bytes(server.pid) / 1e9, 2)
        channel.close()
    sizes = {"persons": server.persons, "audience": server.audience, "exported": export[1]}
    return {"grpc": figures}, {"grpc": sizes}


# ---------------------------------------------------------------------------------------------- the server


@contextmanager
def served(
    folder: Path, seed: int, source_of: Callable[..., None] = serve_source, more: tuple[Any, ...] = ()
) -> Iterator[Served]:
    """A server that has been told of everybody; `source_of` is the process it is told by, with `more` to say to it."""
    from servicekit.principal import SERVICE_ROLE, key_entry, write_key_file

    entries = [key_entry(KEY, tenant=TENANT, subject="bench", roles=["admin"])]
    entries.append(key_entry(f"{KEY}-service", tenant="*", subject="service", roles=[SERVICE_ROLE]))
    write_key_file(folder / "keys.yaml", entries)
    (folder / "service.key").write_text(f"{KEY}-service")
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    source = context.Process(target=source_of, args=(there, seed, *more), daemon=True)
    source.start()
    there.close()
    source_port, persons, audience = here.recv()
    port = _free_port()
    environment = {
        "HUAXIANG_KEYS": str(folder / "keys.yaml"),
        "HUAXIANG_SERVICE_KEY_FILE": str(folder / "service.key"),
        "HUAXIANG_DATA": str(folder),
        "HUAXIANG_SEGMENTS_PORT": str(port),
        "HUAXIANG_TAGGING_TARGET": f"127.0.0.1:{source_port}",
        "HUAXIANG_IDENTITY_TARGET": "127.0.0.1:1",
    }
    server = context.Process(target=_serve, args=(environment,), daemon=True)
    server.start()
    try:
        told_s = _until_told(port, audience)
        yield Served(port, server.pid or 0, persons, audience, told_s)
    finally:
        for each in (server, source):
            each.terminate()
        for each in (server, source):
            each.join(20)
            each.kill()


def _serve(environment: dict[str, str]) -> None:
    os.environ.update(environment)
    log = os.open(Path(environment["HUAXIANG_DATA"]) / "log", os.O_CREAT | os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(log, stream)
    from segments.main import build
    from servicekit.server import ServiceApp, serve

    from benches.noop import noop_service

    async def with_noop() -> ServiceApp:
        app = await build()
        return replace(app, services=[*app.services, noop_service("segments.members.read")])

    sys.exit(serve(with_noop))


def _until_told(port: int, audience: int) -> float:
    """Seconds until the server knows the whole audience."""
    started = time.perf_counter()
    asked = segment_service_pb2.PreviewSegmentRequest(rule=AUDIENCE, population=segment_pb2.POPULATION_ALL)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = SegmentServiceStub(channel)
        while time.perf_counter() - started < TOLD_S:
            with suppress(grpc.RpcError):
                if stub.PreviewSegment(asked, metadata=metadata(), timeout=60).count == audience:
                    return time.perf_counter() - started
            time.sleep(0.5)
    raise TimeoutError(f"the server does not know of its {audience} persons after {TOLD_S:.0f} s")


def _create(channel: grpc.Channel, served: Served) -> tuple[str, int]:
    """The segments that are checked and exported. The one to export, and how many members it has."""
    stub = SegmentServiceStub(channel)
    rules = {AUDIENCE: AUDIENCE, EVERYBODY: f"{AUDIENCE} OR NOT {AUDIENCE}"}
    for segment_id, rule_ in rules.items():
        segment = segment_pb2.Segment(
            segment_id=segment_id,
            display_name=segment_id,
            rule=rule_,
            population=segment_pb2.POPULATION_ALL,
        )
        request = segment_service_pb2.CreateSegmentRequest(segment=segment)
        stub.CreateSegment(request, metadata=metadata(), timeout=60)
    if served.audience > EXPORTED // 2:
        return AUDIENCE, served.audience
    return EVERYBODY, served.persons


# ------------------------------------------------------------------------------------------------ measured


async def _previews(served: Served) -> dict[str, Any]:
    """One caller, who asks for the next when it has the answer."""
    asked = [
        segment_service_pb2.PreviewSegmentRequest(
            rule=rule(moved(QUESTIONS["q3"], by)), population=segment_pb2.POPULATION_ALL
        ).SerializeToString()
        for by in range(PREVIEWS + 1)
    ]
    one = {"connections": 1, "in_flight": 1}
    await load(served.port, PREVIEW, KEY, asked[-1:], seconds=WARM_S, **one)
    before = cpu_s(served.pid)
    done = await load(served.port, PREVIEW, KEY, asked[:-1], seconds=600, calls=PREVIEWS, **one)
    _require_answered(done)
    return {
        "q3_p50_ms": round(done.percentile_ms(50), 2),
        "q3_p99_ms": round(done.percentile_ms(99), 2),
        "q3_server_cpu_ms": round((cpu_s(served.pid) - before) * 1e3 / PREVIEWS, 2),
    }


def _export(channel: grpc.Channel, export: tuple[str, int]) -> dict[str, Any]:
    stub = SnapshotServiceStub(channel)
    request = snapshot_service_pb2.ExportMembersRequest(segment_id=export[0])
    times = []
    for _ in range(EXPORTS):
        started, ids = time.perf_counter(), 0
        for part in stub.ExportMembers(request, metadata=metadata()):
            ids += len(np.frombuffer(part.person_ids, "<u4"))
        times.append(time.perf_counter() - started)
        if ids != export[1]:
            raise RuntimeError(f"{ids} ids of {export[1]} members")
    return {"export_ids_per_s": round(export[1] / statistics.median(times))}


async def _checks(served: Served, seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)

    def messages(count: int, persons: int) -> list[bytes]:
        asked = (random.integers(1, served.persons + 1, persons).tolist() for _ in range(count))
        return [
            membership_service_pb2.CheckMembershipRequest(
                person_ids=each, segment_ids=[AUDIENCE]
            ).SerializeToString()
            for each in asked
        ]

    ways = {
        "noop": (NOOP, [b""]),
        "one": (CHECK, messages(MESSAGES, 1)),
        "many": (CHECK, messages(BATCHES, CHECKED_AT_ONCE)),
    }
    found: dict[str, list[Load]] = {name: [] for name in ways}
    cpu_us: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(ROUNDS + 1):
        for name, (path, asked) in ways.items():
            before = cpu_s(served.pid)
            done = await load(served.port, path, KEY, asked, seconds=SECONDS if round_ else 1)
            _require_answered(done)
            if round_:
                cpu_us[name].append((cpu_s(served.pid) - before) * 1e6 / len(done.latencies_ms))
                found[name].append(done)
    own = {name: statistics.median(each) for name, each in cpu_us.items()}
    calls = statistics.median(each.calls_per_s for each in found["many"])
    return {
        "check_calls_share_of_noop": round(own["noop"] / own["one"], 3),
        "noop_cpu_us": round(own["noop"], 1),
        "check_cpu_us": round(own["one"], 1),
        "checks_per_s": round(calls * CHECKED_AT_ONCE),
        "checks_cpu_us_per_call": round(own["many"], 1),
    }


def _require_answered(done: Load) -> None:
    if done.refused or not done.latencies_ms:
        raise RuntimeError(f"{done.refused} calls were refused: the figures mean nothing")


def run(measured: Any) -> Any:
    import uvloop

    return uvloop.run(measured)


def metadata() -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {KEY}"),)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
