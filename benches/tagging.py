"""Tagging: how fast everybody is computed, a day rolls, portraits are answered, and how fast events become values.

Every section is written as soon as it is measured. HUAXIANG_BENCH_SECTIONS names some of them, separated by commas.
"""

import importlib
import json
import os
from typing import Any

from benches.measure import RESULTS, write

SEED = 20_261_122
SECTIONS = {
    "batch": "benches.tagging_batch",
    "roll": "benches.tagging_roll",
    "portrait": "benches.tagging_portrait",
    "stream": "benches.tagging_stream",
}
"""Modules with `measure(seed)`, which answers figures and sizes."""


def main() -> None:
    """Runs the sections and prints the figures."""
    chosen = os.environ.get("HUAXIANG_BENCH_SECTIONS", ",".join(SECTIONS)).split(",")
    path = RESULTS / "tagging.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    sizes: dict[str, Any] = known.get("sizes", {})
    figures = {name: known[name] for name in SECTIONS if name in known}
    for section in chosen:
        load = os.getloadavg()[0]
        found, more = importlib.import_module(SECTIONS[section]).measure(SEED)
        figures[section] = {**found, "load_before": round(load, 2)}
        sizes |= more
        write("tagging", SEED, sizes, figures)
    print(path.read_text())
