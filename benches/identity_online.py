"""How fast the use case resolves batches against a million persons: hashing, linking with all protections, publishing,
one synced commit each.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from benches.identity_load import TENANT, load
from benches.identity_mix import Mix
from benches.identity_store import IdentityStore
from benches.postgres import postgres_url

PERSONS = int(os.environ.get("HUAXIANG_BENCH_PERSONS", "1000000"))
SETS_OF_BATCH = 100
BATCHES, WARM_UP = 200, 20


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures of both stores, and sizes. `p99_ms` is SQLite's."""
    with _sqlite() as store:
        load(store, PERSONS)
        sqlite = resolve(store, seed)
    with postgres_url() as url, IdentityStore.at(url) as store:
        load(store, PERSONS)
        postgres = resolve(store, seed)
    figures = {f"sqlite_{name}": value for name, value in sqlite.items()}
    figures |= {f"postgres_{name}": value for name, value in postgres.items()}
    return {**figures, "p99_ms": sqlite["p99_ms"]}, {
        "online_persons": PERSONS,
        "online_sets": BATCHES * SETS_OF_BATCH,
        "online_batch": SETS_OF_BATCH,
    }


def resolve(store: IdentityStore, seed: int) -> dict[str, float]:
    """Sets per second by the clock and by this process's CPU time, and what a batch takes."""
    records = Mix(PERSONS, seed).records("r")
    for _ in range(WARM_UP):
        store.ingest(TENANT, list(islice(records, SETS_OF_BATCH)))
    batches = [list(islice(records, SETS_OF_BATCH)) for _ in range(BATCHES)]
    walls: list[float] = []
    cpu = time.process_time()
    for batch in batches:
        started = time.perf_counter()
        store.ingest(TENANT, batch)
        walls.append(time.perf_counter() - started)
    cpu = time.process_time() - cpu
    sets = BATCHES * SETS_OF_BATCH
    return {
        "sets_per_s": round(sets / sum(walls)),
        "sets_per_cpu_s": round(sets / cpu),
        "p50_ms": round(statistics.median(walls) * 1_000, 1),
        "p99_ms": round(statistics.quantiles(walls, n=100)[98] * 1_000, 1),
    }


@contextmanager
def _sqlite() -> Iterator[IdentityStore]:
    with tempfile.TemporaryDirectory() as folder, IdentityStore.sqlite(Path(folder)) as store:
        yield store
