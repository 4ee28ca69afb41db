"""Behaviour over events beside DuckDB and ClickHouse, over the same events and with the same answers.

Ours is what tagging computes features and behaviour with: events in mapped columns by key, the rule language's
evaluator over them and the funnels, retention of `tagging.domain.behaviour`, with kernels. `ours_ms` is of a question
when the columns of its event types stand in order, as for every further question of a snapshot; `first_ms` has them
put in order by person, too, as the first question of a snapshot has. A tenth of the active have two keys. Each peer is
asked over two orders of its table, and the faster one counts.
"""

import gc
import os
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from benches.measure import interleaved
from benches.segments_events_crowd import crowd_of
from benches.segments_events_ours import Ours
from benches.segments_events_peers import ClickHouse, DuckDb

PERSONS = int(os.environ.get("HUAXIANG_BENCH_PERSONS", "10000000"))
EVENTS = int(os.environ.get("HUAXIANG_BENCH_EVENTS", "50000000"))
ROUNDS = 3
QUESTIONS = ("rfm", "count", "sequence", "funnel", "period", "retention")
PEERS: dict[str, Any] = {"duckdb": DuckDb, "chdb": ClickHouse}
"""HUAXIANG_BENCH_PEERS names some of them, separated by commas."""


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and sizes."""
    crowd = crowd_of(PERSONS, EVENTS, seed)
    with Ours(crowd) as ours:
        found: dict[str, dict[str, Any]] = {each: {} for each in QUESTIONS}
        ours_ms: dict[str, list[float]] = {each: [] for each in QUESTIONS}
        ours_cpu_ms: dict[str, list[float]] = {each: [] for each in QUESTIONS}
        for name in os.environ.get("HUAXIANG_BENCH_PEERS", ",".join(PEERS)).split(","):
            peer = PEERS[name](crowd)
            for question in QUESTIONS:
                _require_same(question, ours, peer)
                times = interleaved(_ways(question, ours, peer), ROUNDS)
                ours_ms[question].append(times["ours"]["wall_ms"])
                ours_cpu_ms[question].append(times["ours"]["cpu_ms"])
                best = min((times[each] for each in peer.layouts), key=lambda each: each["wall_ms"])
                found[question] |= {
                    f"ratio_{name}": round(best["wall_ms"] / times["ours"]["wall_ms"], 2),
                    f"cpu_ratio_{name}": round(best["cpu_ms"] / times["ours"]["cpu_ms"], 2),
                    f"{name}_ms": {each: round(times[each]["wall_ms"], 1) for each in peer.layouts},
                }
            peer.close()
            del peer
            gc.collect()
        for question in QUESTIONS:
            first = _first_ms(question, ours)
            found[question] = {
                "ours_ms": round(median(ours_ms[question]), 2),
                "ours_cpu_ms": round(median(ours_cpu_ms[question]), 2),
                "first_ms": round(first, 1),
                **found[question],
            }
        figures = {"events": found}
        return figures, {"events": {"persons": PERSONS, "events": EVENTS, **ours.sizes()}}


def _ways(question: str, ours: Ours, peer: Any) -> dict[str, Callable[[], object]]:
    ways: dict[str, Callable[[], object]] = {"ours": lambda: ours.work_out(question)}
    for layout in peer.layouts:
        ways[layout] = partial(peer.answer, question, layout)
    return ways


def _require_same(question: str, ours: Ours, peer: Any) -> None:
    mine = ours.answer(question)
    for layout in peer.layouts:
        theirs = peer.answer(question, layout)
        if theirs != mine:
            raise RuntimeError(f"{question}: {peer.name} ({layout}) answers {theirs}, ours is {mine}")


def _first_ms(question: str, ours: Ours) -> float:
    times = []
    for _ in range(ROUNDS):
        ours.forget()
        started = time.perf_counter()
        ours.work_out(question)
        times.append((time.perf_counter() - started) * 1e3)
    return median(times)
