"""A tenant's midnight: the day-window features of everybody in a crowd turn together."""

import datetime as dt
import tempfile
import time
from pathlib import Path
from typing import Any

from benches.tagging_batch import _apart, _build, peak_mb
from benches.tagging_crowd import NOW, PERSONS, TENANT, Crowd, fill, open_crowd

FEATURES = 100
MEASURES = (
    "COUNT(view_item)",
    "COUNT(order_paid)",
    "SUM(order_paid.amount)",
    "COUNT(add_to_cart)",
    "COUNT(search)",
)


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and sizes."""
    crowd = Crowd(PERSONS, seed)
    with tempfile.TemporaryDirectory(prefix="huaxiang-bench-") as folder:
        fill(Path(folder), crowd)
        _apart(_build, folder, crowd)
        figures = _apart(_backfill, folder, crowd)
        figures |= _apart(_roll, folder, crowd)
    return figures, {"roll": {**crowd.sizes(), "features": FEATURES}}


def forms() -> list[str]:
    """Day windows of several lengths."""
    per_measure = FEATURES // len(MEASURES)
    return [f"{each} IN LAST {3 + 4 * step} DAYS" for each in MEASURES for step in range(per_measure)]


def _backfill(folder: Path, crowd: Crowd) -> dict[str, Any]:
    from tagging.app.features import KeepFeatures, SetRequiredFeatures
    from tagging.main import open_computing

    del crowd
    store = open_crowd(folder)
    asking = SetRequiredFeatures(store.facts, store.tags, store.columns, store.changelog, store.clock)
    store.database.write_now(asking, TENANT, "bench", forms())
    compute = open_computing(store).compute
    keeping = KeepFeatures(store.database, store.changelog, store.tags, store.columns, compute, store.clock)
    started = time.perf_counter()
    keeping.backfill()
    found = {"backfill_s": round(time.perf_counter() - started, 2), "backfill_peak_mb": peak_mb()}
    store.database.close_now()
    return found


def _roll(folder: Path, crowd: Crowd) -> dict[str, Any]:
    from tagging.app.roll_day import RollDay
    from tagging.main import open_computing

    del crowd
    tomorrow = (NOW + dt.timedelta(days=1)).replace(hour=16, minute=1)  # a minute past midnight in Shanghai
    store = open_crowd(folder, tomorrow - dt.timedelta(days=1))
    computing = open_computing(store)
    rolling = RollDay(
        store.database,
        store.changelog,
        computing.everybody,
        store.facts,
        store.tags,
        store.columns,
        computing.compute,
        store.clock,
    )
    started, processor = time.perf_counter(), time.process_time()
    if not rolling.roll():
        raise RuntimeError("no day was over")
    found = {
        "seconds": round(time.perf_counter() - started, 2),
        "processor_s": round(time.process_time() - processor, 2),
        "peak_mb": peak_mb(),
    }
    store.database.close_now()
    return found
