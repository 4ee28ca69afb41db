"""Questions to the index beside DuckDB, Polars and ClickHouse over the same people, with the same answers."""

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from segments.engine.threads import Threads

from benches.measure import interleaved
from benches.segments_bandwidth import bytes_per_second
from benches.segments_engine import Engine
from benches.segments_peers import ClickHouse, DuckDb, Polars, arrow
from benches.segments_people import people
from benches.segments_questions import QUESTIONS

ROUNDS = 9
PEERS: dict[str, Any] = {"duckdb": DuckDb, "polars": Polars, "chdb": ClickHouse}
"""HUAXIANG_BENCH_PEERS names some of them, separated by commas."""
Way = Callable[[], object]


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and sizes: `ours_ms` and `ours_cpu_ms`, of all threads, medians over the peers' rounds, and how many
    times as long each peer takes. `q3_share`: all bytes that Q3's leaves
    point to, over its time, over what the memory gives; beyond 1 it is because lines were skipped."""
    wanted = os.environ.get("HUAXIANG_BENCH_PEERS", ",".join(PEERS)).split(",")
    crowd = people(seed)
    threads = Threads()
    started = time.perf_counter()
    ours = Engine(crowd, threads)
    built = time.perf_counter() - started
    table = arrow(crowd)
    figures: dict[str, Any] = {name: {} for name in (*QUESTIONS, "q4", "q5", "q6", "q7")}
    walls: dict[str, list[float]] = {name: [] for name in figures}
    cpus: dict[str, list[float]] = {name: [] for name in figures}
    for name in wanted:
        peer = PEERS[name](crowd, table, threads.size)
        for question, (times, ratios) in _beside(ours, peer).items():
            walls[question].append(times["wall_ms"])
            cpus[question].append(times["cpu_ms"])
            own = {
                "ours_ms": round(median(walls[question]), 3),
                "ours_cpu_ms": round(median(cpus[question]), 3),
            }
            figures[question] = {**figures[question], **own, **ratios}
        peer.close()
    per_second = bytes_per_second(threads)
    seconds = figures["q3"]["ours_ms"] / 1e3
    share = ours.bytes_at_most(QUESTIONS["q3"]) / seconds / per_second
    figures["bandwidth"] = {"gb_per_s": round(per_second / 1e9, 1), "q3_share": round(share, 2)}
    figures["build"] = {"seconds": round(built, 2), "mb": ours.bytes >> 20}
    threads.close()
    return figures, {
        "queries": {"persons": crowd.persons, "values": 500, "audience": int(crowd.audience.sum())}
    }


def _beside(ours: Engine, peer: Any) -> dict[str, tuple[dict[str, float], dict[str, float]]]:
    """Every question put to both, in turns, after their answers were found equal: our times, and theirs over ours."""
    found = {}
    for name, (mine, theirs) in _ways(ours, peer).items():
        expected = _plain(mine())
        for way, ask in theirs.items():
            assert _plain(ask()) == expected, f"{way} answers {name} otherwise"
        times = interleaved({"ours": mine, **theirs}, ROUNDS)
        walls = {way: each["wall_ms"] for way, each in times.items()}
        found[name] = times["ours"], {way: round(walls[way] / walls["ours"], 1) for way in theirs}
        print(name, {way: round(each, 2) for way, each in walls.items()}, file=sys.stderr, flush=True)
    return found


def _ways(ours: Engine, peer: Any) -> dict[str, tuple[Way, dict[str, Way]]]:
    whole = f"{peer.name}_wide" if peer.name == "chdb" else peer.name
    bitmaps = hasattr(peer, "count_bitmaps")
    ways: dict[str, tuple[Way, dict[str, Way]]] = {}
    for name, question in QUESTIONS.items():
        theirs: dict[str, Way] = {whole: partial(peer.count, question)}
        if bitmaps:
            theirs["chdb_bitmap"] = partial(peer.count_bitmaps, question)
        ways[name] = partial(ours.count, question), theirs
    ways["q4"] = ours.distribution, {whole: peer.distribution}
    ways["q5"] = (
        lambda: _preferences(ours, ours.distribution),
        {whole: lambda: _preferences(ours, peer.distribution)},
    )
    ways["q6"] = ours.ids, {whole: peer.ids}
    ways["q7"] = ours.moved, {whole: peer.moved}
    if bitmaps:
        ways["q4"][1]["chdb_bitmap"] = peer.distribution_bitmaps
        ways["q7"][1]["chdb_bitmap"] = peer.moved_bitmaps
    return ways


def _preferences(ours: Engine, distribution: Callable[[], list[int]]) -> list[int]:
    """The ten values with the highest index of share in the audience over share in the whole, from the counts of both;
    the whole's are known to everybody."""
    inside = np.asarray(distribution(), float)
    index = inside / len(ours.audience) / (np.maximum(ours.totals, 1) / ours.persons)
    return [int(each) for each in np.argsort(-index, kind="stable")[:10]]


def _plain(answer: object) -> object:
    """Ids as (how many, their sum), so that order and type of array do not count."""
    if isinstance(answer, np.ndarray):
        return len(answer), int(answer.sum(dtype=np.int64))
    return json.loads(json.dumps(answer))
