"""Segments: how fast the index answers, beside engines that hold the same people.

Every section is written as soon as it is measured. HUAXIANG_BENCH_SECTIONS names some of them, separated by commas;
HUAXIANG_BENCH_PERSONS says how many people there are, HUAXIANG_BENCH_EVENTS how many events.
"""

import importlib
import json
import os
from typing import Any

from benches.measure import RESULTS, write

SEED = 20_261_122
SECTIONS = {
    "queries": "benches.segments_queries",
    "events": "benches.segments_events",
    "grpc": "benches.segments_grpc",
    "scale": "benches.segments_scale",
    "live": "benches.segments_live",
}
"""Modules with `measure(seed)`, which answers figures by key and sizes."""


def main() -> None:
    """Runs the sections and prints the figures."""
    chosen = os.environ.get("HUAXIANG_BENCH_SECTIONS", ",".join(SECTIONS)).split(",")
    path = RESULTS / "segments.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    sizes: dict[str, Any] = known.get("sizes", {})
    figures = {
        name: each for name, each in known.items() if name not in {"bench", "seed", "sizes", "machine"}
    }
    for section in chosen:
        load = os.getloadavg()[0]
        found, more = importlib.import_module(SECTIONS[section]).measure(SEED)
        figures |= found
        figures["load_before"] = {**figures.get("load_before", {}), section: round(load, 2)}
        sizes |= more
        write("segments", SEED, sizes, figures)
    print(path.read_text())
