"""Many tenants in one process, as the service holds them: columns in files, mapped as far as the budget goes."""

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from huaxiang.tagging.v1 import change_service_pb2 as pb
from rules.check import Population, check_rule
from rules.evaluate.setting import Setting
from rules.testing import AS_OF
from segments.api import parse
from segments.domain.changes import Change
from segments.domain.touched import Touched
from segments.index import readiness
from segments.index.column_files import LazyColumnFiles
from segments.index.damages import Damages
from segments.index.tenant import TenantIndex
from servicekit.revision import LANES, Lane

from benches.measure import rss_bytes
from benches.segments_people import people
from benches.segments_questions import QUESTIONS, rule
from benches.segments_source import Source

TENANTS = int(os.environ.get("HUAXIANG_BENCH_TENANTS", "200"))
PERSONS = 50_000
ASKED = 50
MAPPED_BYTES = 1 << 30


def held_tenants(seed: int) -> dict[str, Any]:
    """What so many tenants of 50,000 people take together, with all 500 values, after Q3 was asked of one after the
    other."""
    os.environ["HUAXIANG_BENCH_PERSONS"] = str(PERSONS)
    changes = asyncio.run(_changes(seed))
    while not readiness.engine_is_ready():
        time.sleep(0.1)
    before = rss_bytes()
    with tempfile.TemporaryDirectory(dir=os.environ.get("HUAXIANG_BENCH_FOLDER")) as folder:
        files = LazyColumnFiles(Path(folder), MAPPED_BYTES, Damages())
        tenants = [_settled(f"t{number}", changes, files) for number in range(TENANTS)]
        times = _asked(tenants, seed)
        after = rss_bytes()
    return {
        "tenants": TENANTS,
        "tenants_gb": round((after - before) / 1e9, 2),
        "tenants_q3_ms": round(statistics.median(times) * 1e3, 2),
    }


def _settled(tenant: str, changes: list[list[Change]], files: LazyColumnFiles) -> TenantIndex:
    index = TenantIndex(tenant)
    for each in changes:
        index.apply(each, Lane.BULK, dict.fromkeys(LANES, 0), Touched())
    for column in files.due(index):
        settled = files.settle(index, column)
        assert settled is not None
        assert index.rest(settled) is not None
    return index


def _asked(tenants: list[TenantIndex], seed: int) -> list[float]:
    times = []
    for place in np.random.default_rng(seed).integers(0, len(tenants), ASKED).tolist():
        index = tenants[place]
        asked = check_rule(rule(QUESTIONS["q3"]), index.schema).rule
        started = time.perf_counter()
        setting = Setting(index.schema, AS_OF, index.calendar)
        index.select(asked, index.bitmaps({}), setting, Population.ALL)
        times.append(time.perf_counter() - started)
    return times


async def _changes(seed: int) -> list[list[Change]]:
    """Everything that is told of one tenant; each holds copies of its own."""
    source = Source(people(seed))
    return [
        list(parse.exported(each))
        async for each in source.ExportTagIndex(pb.ExportTagIndexRequest(), None)
        if each.tenant
    ]
