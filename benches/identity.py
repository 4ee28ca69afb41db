"""Identity: how well it protects persons from false links, finds the same person twice, and how fast it is.

Every section is written as soon as it is measured. HUAXIANG_BENCH_SECTIONS names some of them, separated by commas.
"""

import importlib
import json
import os
from typing import Any

from benches.measure import RESULTS, write

SEED = 20_261_122
SECTIONS = {
    "protection": "benches.identity_protection",
    "matching": "benches.matching",
    "recompute": "benches.identity_recompute",
    "online": "benches.identity_online",
    "ingest": "benches.identity_ingest",
    "import": "benches.identity_import",
}
"""Modules with `measure(seed)`, which answers figures and sizes."""


def main() -> None:
    """Runs the sections and prints the figures."""
    chosen = os.environ.get("HUAXIANG_BENCH_SECTIONS", ",".join(SECTIONS)).split(",")
    path = RESULTS / "identity.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    sizes: dict[str, Any] = known.get("sizes", {})
    figures = {name: known[name] for name in (*SECTIONS, "historical", "zh_people") if name in known}
    for section in chosen:
        load = os.getloadavg()[0]
        measured, more = _measure(section)
        for name, found in measured.items():
            figures[name] = {**found, "load_before": round(load, 2)}
        sizes |= more
        write("identity", SEED, sizes, figures)
    print(path.read_text())


def _measure(section: str) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The figures by the name they are written under, and the sizes."""
    module = importlib.import_module(SECTIONS[section])
    if section != "matching":
        found, sizes = module.measure(SEED)
        return {section: found}, sizes
    if not module.historical.PATH.exists():
        print(f"{module.historical.PATH} is absent: matching is not measured")
        return {}, {}
    historical, sizes = module.measure_historical()
    people, more = module.measure_zh_people()
    return {"historical": historical, "zh_people": people}, sizes | more
