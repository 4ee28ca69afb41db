"""Segments under live changes: standing segments follow, Watch tells of them, and questions go on.

The server is `segments.main.build` in a process of its own. A tagging in another one streams changes of single values,
each of another person, over the wire as ever; among them marks that flip one segment, by which the time to Watch is
told. A third process watches, and asks Q3 while nothing comes and while changes come.
"""

import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from huaxiang.segments.v1 import change_service_pb2, segment_pb2, segment_service_pb2
from huaxiang.segments.v1.change_service_pb2_grpc import ChangeServiceStub
from huaxiang.segments.v1.segment_service_pb2_grpc import SegmentServiceStub
from huaxiang.tagging.v1 import change_pb2
from huaxiang.tagging.v1 import change_service_pb2 as pb
from huaxiang.type.v1 import revision_pb2, value_pb2
from servicekit.progress import Progress
from servicekit.revision import Revision

from benches.http2_load import load
from benches.measure import cpu_s
from benches.segments_grpc import KEY, PREVIEW, Served, metadata, run, served
from benches.segments_people import SIZES, People
from benches.segments_questions import QUESTIONS, moved, rule
from benches.segments_source import AUDIENCE, PROGRESS, TENANT, Source, serve

SEGMENTS = int(os.environ.get("HUAXIANG_BENCH_SEGMENTS", "1000"))
LEAVES = 5
RATE = int(os.environ.get("HUAXIANG_BENCH_CHANGES_PER_S", "10000"))
SECONDS = float(os.environ.get("HUAXIANG_BENCH_LIVE_S", "20"))
WARM_S = 5.0
EVERY_S = 0.05
"""Between messages of the stream."""
MARKED = "marked"
TAGS = [*(f"b{each}" for each in range(80)), *(f"c{each}" for each in range(len(SIZES)))]
"""A hundred, of which changes and segments are."""
LANE_LIVE = 1


class LiveSource(Source):
    """Changes flow while `flowing` is set."""

    def __init__(self, crowd: People, seed: int, flowing: Any, pipe: Pipe) -> None:
        super().__init__(crowd)
        self._random = np.random.default_rng(seed)
        self._persons, self._audience = crowd.persons, crowd.audience.copy()
        self._densities = [float(each.mean()) for each in crowd.bools]
        self._flowing, self._pipe = flowing, pipe
        self._position = 1

    async def Watch(self, request: pb.WatchRequest, context: object) -> AsyncIterator[pb.WatchResponse]:  # noqa: N802  # the rpc's name
        import asyncio

        marks = iter(range(1, self._persons))
        due = time.monotonic()
        while True:
            is_live = request.lane == LANE_LIVE and self._flowing.value
            if not is_live:
                yield pb.WatchResponse(lane=request.lane, progress=self._progress().to_proto())
                await asyncio.sleep(EVERY_S if request.lane == LANE_LIVE else 1)
                due = time.monotonic()
                continue
            changes = [self._change() for _ in range(round(RATE * EVERY_S) - 1)]
            mark = next(marks)
            changes.append(self._said(mark, AUDIENCE, value_pb2.Value(bool_value=not self._audience[mark])))
            self._pipe.send((mark, time.monotonic()))
            yield pb.WatchResponse(changes=changes, lane=request.lane, progress=self._progress().to_proto())
            due += EVERY_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _progress(self) -> Progress:
        """Of either lane: bulk has nothing to tell, and says so each second."""
        return Progress(Revision("tagging", PROGRESS.through.epoch, self._position, self._position))

    def _change(self) -> change_pb2.Change:
        place, person = int(self._random.integers(len(TAGS))), int(self._random.integers(1, self._persons))
        if place < len(self._densities):
            value = value_pb2.Value(bool_value=bool(self._random.random() < self._densities[place]))
        else:
            size = SIZES[place - len(self._densities)]
            value = value_pb2.Value(text_value=f"v{int(self._random.integers(size))}")
        return self._said(person, TAGS[place], value)

    def _said(self, person: int, tag: str, value: value_pb2.Value) -> change_pb2.Change:
        self._position += 1
        values = [change_pb2.ColumnValue(column=tag, value=value)]
        said = change_pb2.PersonValues(person_id=person, values=values)
        return change_pb2.Change(tenant=TENANT, position=self._position, values=said)


@dataclass
class Heard:
    """What came of Watch: when a mark did, and how many came and went."""

    marks: dict[int, float] = field(default_factory=dict)
    moved: int = 0
    entries: int = 0


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and sizes. `changes_per_s` were told, `followed_per_s` came out; where the two differ latencies say how
    long the queue was, and mean nothing else."""
    from segments.engine.compiling import compile_ahead
    from segments.engine.threads import Threads

    compile_ahead(Threads())
    context = multiprocessing.get_context("spawn")
    flowing = context.Value("b", 0)
    here, there = context.Pipe(duplex=False)
    with (
        tempfile.TemporaryDirectory(prefix="huaxiang-bench-") as folder,
        served(Path(folder), seed, serve_live, (flowing, there)) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        after = _create(channel, seed)
        _until_settled(Path(folder))
        heard, stop = Heard(), threading.Event()
        threading.Thread(target=_watch, args=(server, after, heard, stop), daemon=True).start()
        sent: dict[int, float] = {}
        collecting = threading.Thread(target=_collect, args=(here, sent, stop), daemon=True)
        collecting.start()
        quiet = run(_previews(server, SECONDS / 2))
        flowing.value = 1
        time.sleep(WARM_S)
        began, before, moved_before = time.monotonic(), cpu_s(server.pid), heard.moved
        entries_before = heard.entries
        time.sleep(SECONDS)
        ended, cpu, moved_then = time.monotonic(), cpu_s(server.pid) - before, heard.moved - moved_before
        entries = heard.entries - entries_before
        busy = run(_previews(server, SECONDS))
        flowing.value = 0
        time.sleep(3)
        stop.set()
        collecting.join()
    late = [heard.marks.get(mark, ended + 60) - at for mark, at in sent.items() if began <= at <= ended]
    followed = sum(began <= at <= ended for at in heard.marks.values()) * RATE * EVERY_S
    figures = {
        "followed_per_s": round(followed / (ended - began)),
        "cpu_us_per_change": round(cpu * 1e6 / max(followed, 1), 1),
        "changes_per_s": round(len(late) * RATE * EVERY_S / (ended - began)),
        "core_share": round(cpu / (ended - began), 3),
        "latency_p50_ms": round(float(np.percentile(late, 50)) * 1e3, 1),
        "latency_p99_ms": round(float(np.percentile(late, 99)) * 1e3, 1),
        "query_slowdown": round(busy / quiet - 1, 3),
        "query_quiet_ms": round(quiet, 2),
        "moved_per_s": round(moved_then / (ended - began)),
        "entries_per_s": round(entries / (ended - began)),
    }
    return {"live": figures}, {"live": {"persons": server.persons, "segments": SEGMENTS, "tags": len(TAGS)}}


def serve_live(pipe: Pipe, seed: int, flowing: Any, marks: Pipe) -> None:
    """The process of the source."""
    serve(pipe, seed, lambda crowd: LiveSource(crowd, seed, flowing, marks))


def _create(channel: grpc.Channel, seed: int) -> revision_pb2.Revision:
    """The standing segments; where Watch is to begin."""
    random = np.random.default_rng(seed)
    stub = SegmentServiceStub(channel)
    rules = {MARKED: AUDIENCE}
    for number in range(SEGMENTS - 1):
        leaves = []
        for place in random.choice(len(TAGS), LEAVES, replace=False).tolist():
            if place < 80:
                leaves.append(TAGS[place] if place < 40 else f"NOT {TAGS[place]}")
            else:
                values = {f"'v{int(each)}'" for each in random.integers(0, SIZES[place - 80], 2)}
                leaves.append(f"{TAGS[place]} IN ({', '.join(sorted(values))})")
        rules[f"s{number}"] = f"({leaves[0]} OR {leaves[1]}) AND {' AND '.join(leaves[2:])}"
    for name, text in rules.items():
        segment = segment_pb2.Segment(segment_id=name, rule=text, population=segment_pb2.POPULATION_ALL)
        request = segment_service_pb2.CreateSegmentRequest(segment=segment)
        made = stub.CreateSegment(request, metadata=metadata(), timeout=120)
    return made.revision


def _until_settled(folder: Path, timeout_s: float = 600.0) -> None:
    """Waits until no column is being written any more."""
    columns, since, before = folder / "segments" / "columns", time.monotonic(), -1
    while time.monotonic() - since < timeout_s:
        count = len(list(columns.glob("*.column"))) if columns.is_dir() else 0
        if count == before and count >= len(TAGS):
            return
        before = count
        time.sleep(3)
    raise TimeoutError(f"{before} columns were written after {timeout_s:.0f} s")


def _collect(pipe: Pipe, sent: dict[int, float], stop: threading.Event) -> None:
    """When the source sent each mark: a pipe that nobody reads would fill and hold its event loop up."""
    while not stop.is_set():
        if pipe.poll(EVERY_S):
            mark, at = pipe.recv()
            sent[mark] = at


def _watch(server: Served, after: revision_pb2.Revision, heard: Heard, stop: threading.Event) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stream = ChangeServiceStub(channel).Watch(
            change_service_pb2.WatchRequest(after=after),
            metadata=(("authorization", f"Bearer {KEY}-service"),),
        )
        for part in stream:
            now = time.monotonic()
            for change in part.changes:
                members = change.members
                heard.entries += 1
                heard.moved += (len(members.entered_person_ids) + len(members.left_person_ids)) // 4
                if members.segment_id == MARKED:
                    both = members.entered_person_ids + members.left_person_ids
                    for person in np.frombuffer(both, "<u4").tolist():
                        heard.marks.setdefault(person, now)
            if stop.is_set():
                return


async def _previews(server: Served, seconds: float) -> float:
    """The median in ms of Q3 by one caller."""
    asked = [
        segment_service_pb2.PreviewSegmentRequest(
            rule=rule(moved(QUESTIONS["q3"], by)), population=segment_pb2.POPULATION_ALL
        ).SerializeToString()
        for by in range(400)
    ]
    done = await load(server.port, PREVIEW, KEY, asked, seconds=seconds, connections=1, in_flight=1)
    return float(done.percentile_ms(50))
