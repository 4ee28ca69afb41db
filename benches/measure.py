"""How every bench measures: interleaved rounds, medians, CPU time beside wall time, and where it ran."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

RESULTS = Path(__file__).parent / "results"
ROUNDS = 5
T = TypeVar("T")


def interleaved(ways: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """Runs every way once per round, after one round that does not count. Milliseconds: median wall and CPU."""
    for way in ways.values():
        way()
    walls: dict[str, list[float]] = {name: [] for name in ways}
    cpus: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            walls[name].append((time.perf_counter() - wall) * 1_000)
            cpus[name].append((time.process_time() - cpu) * 1_000)
    return {
        name: {"wall_ms": statistics.median(walls[name]), "cpu_ms": statistics.median(cpus[name])}
        for name in ways
    }


def cpu_seconds(way: Callable[[], T]) -> tuple[T, float]:
    """What a way answers, and the CPU time of this process that it took."""
    started = time.process_time()
    answer = way()
    return answer, time.process_time() - started


def cpu_s(pid: int) -> float:
    """User and system time of a process so far, in seconds: utime and stime, proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_bytes(pid: int | None = None) -> int:
    """What a process, this one by default, holds in memory."""
    held = Path(f"/proc/{'self' if pid is None else pid}/statm").read_text().split()[1]
    return int(held) * os.sysconf("SC_PAGE_SIZE")


def write(name: str, seed: int, sizes: dict[str, Any], figures: dict[str, Any]) -> Path:
    """Writes benches/results/<name>.json with the machine, the seed and the sizes beside the figures."""
    machine = {
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    document = {"bench": name, "seed": seed, "sizes": sizes, "machine": machine, **figures}
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path
