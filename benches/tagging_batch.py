"""Batch over a crowd: RFM beside plain DuckDB, sixty tags, the same again with 1 % new events, eight hundred tags.

What runs is what a served run takes: a run is requested, executed and published block by block. Each part has a process
of its own, so that `peak_mb` is that of one part, the interpreter included.
"""

import asyncio
import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benches.measure import interleaved
from benches.tagging_crowd import DAYS, NOW, PERSONS, TENANT, Crowd, added_events, fill, open_crowd

TAGS, MANY_TAGS = 60, 800
MANY_TAGS_PERSONS = int(os.environ.get("HUAXIANG_BENCH_MANY_TAGS_PERSONS", str(max(PERSONS // 10, 1_000))))
NEW_SHARE = 0.01
RFM = ("rfm_recency_days", "rfm_frequency", "rfm_monetary", "rfm_class")
ROUNDS = 3


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and sizes."""
    crowd, smaller = Crowd(PERSONS, seed), Crowd(MANY_TAGS_PERSONS, seed)
    with tempfile.TemporaryDirectory(prefix="huaxiang-bench-") as folder:
        fill(Path(folder), crowd)
        figures = {**_apart(_build, folder, crowd), **_apart(_rfm, folder, crowd)}
        figures |= _apart(_sixty, folder, crowd)
        figures |= _apart(_again, folder, crowd)
    figures["incremental_share"] = round(figures["again_s"] / figures["sixty_tags_s"], 3)
    with tempfile.TemporaryDirectory(prefix="huaxiang-bench-") as folder:
        fill(Path(folder), smaller)
        _apart(_build, folder, smaller)
        figures |= _apart(_eight_hundred, folder, smaller)
    return figures, {"batch": crowd.sizes(), "batch_many_tags": {**smaller.sizes(), "tags": MANY_TAGS}}


def _apart(part: Callable[[Path, Crowd], dict[str, Any]], folder: str, crowd: Crowd) -> dict[str, Any]:
    """What a part answers, run in a new process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_answer, args=(theirs, part, folder, crowd))
    process.start()
    theirs.close()
    answer: dict[str, Any] = json.loads(ours.recv())
    process.join()
    return answer


def _answer(pipe: Any, part: Callable[[Path, Crowd], dict[str, Any]], folder: str, crowd: Crowd) -> None:
    pipe.send(json.dumps(part(Path(folder), crowd)))


def peak_mb() -> int:
    """The most memory that this process ever held."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024)


def apply(store: Any, definitions: Sequence[Any]) -> None:
    """Puts tags in force as the catalogue does."""
    from tagging.domain.governance.people import Actor, Power

    store.database.write_now(
        store.governance.apply_tags,
        TENANT,
        definitions,
        actor=Actor.of("bench", Power),
        delete_missing=False,
        validate_only=False,
        etag="",
    )


def run(store: Any, name: str) -> dict[str, float]:
    """Requests and executes a run of all tags. Seconds of wall and of processor time."""
    from tagging.app.run_tags import ExecuteRuns, RunRequests
    from tagging.main import open_computing
    from tagging.store.tag_ports import RunState

    requests = RunRequests(store.tags, store.columns, lambda: name)
    requested = store.database.write_now(requests.create, TENANT, name, [])
    computing = open_computing(store)
    executing = ExecuteRuns(store.database, store.tags, computing.compute, store.clock)
    started, processor = time.perf_counter(), time.process_time()
    done = executing.execute(TENANT, requested)
    if done.state is not RunState.SUCCEEDED:
        raise RuntimeError(f"the run ended {done.state.name}: {done.failures}")
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "processor_s": round(time.process_time() - processor, 2),
    }


def _build(folder: Path, crowd: Crowd) -> dict[str, Any]:
    """The columns and the files of persons that the lake's upkeep makes."""
    from tagging.app.keep_person_files import KeepPersonFiles
    from tagging.store.column_building import ColumnBuilding

    del crowd
    store = open_crowd(folder)
    building = ColumnBuilding(store.lake, store.mapped, store.dictionary)
    files = store.database.read_now(store.manifest.files, TENANT)
    started = time.perf_counter()
    building.build(TENANT, files)
    found = {"columns_built_s": round(time.perf_counter() - started, 2), "columns_built_peak_mb": peak_mb()}
    started = time.perf_counter()
    asyncio.run(KeepPersonFiles(store.database, store.persons, asyncio.Lock()).keep_due(TENANT))
    found["persons_kept_s"] = round(time.perf_counter() - started, 2)
    store.database.close_now()
    return found


# -------------------------------------------------------------------------------------------------------- RFM


def _rfm(folder: Path, crowd: Crowd) -> dict[str, Any]:
    import duckdb
    import numpy as np
    from tagging.domain.moment import Moment
    from tagging.main import open_computing

    del crowd
    store = open_crowd(folder)
    wanted = _definitions(RFM)
    apply(store, wanted)
    everybody = open_computing(store).everybody
    found: dict[str, Any] = {}
    reading_s: list[float] = []

    def ours() -> None:
        started = time.perf_counter()
        with everybody.snapshot(TENANT, RFM) as snapshot:
            reading_s.append(time.perf_counter() - started)
            moment = Moment(NOW, snapshot.tenant.settings.calendar)
            recipes = [snapshot.plan.recipes[each] for each in RFM]
            computed, failures = snapshot.compute(recipes, moment, {}, freeze=True)
            if failures:
                raise RuntimeError(str(failures))
            found["ours"] = {each.recipe.column: each.values for each in computed}
            found["persons"] = snapshot.persons

    duck = duckdb.connect(":memory:")
    duck.execute("SET TimeZone = 'UTC'")
    keys = store.database.read_now(store.facts.key_map.array, TENANT)
    owned = np.flatnonzero(keys)
    duck.register("owned", {"key_id": owned, "person_id": keys[owned]})
    duck.execute("CREATE TABLE key_map AS SELECT * FROM owned")
    files = store.database.read_now(store.manifest.files, TENANT)
    paths = [store.lake.path(each) for each in files]

    def theirs() -> None:
        found["theirs"] = duck.execute(
            "SELECT k.person_id, "
            "epoch_us(?::TIMESTAMPTZ) - max(epoch_us(e.time)) AS recency_us, "
            "count(*) AS frequency, sum(e.amount)::BIGINT AS monetary "
            "FROM read_parquet(?) e JOIN key_map k ON k.key_id = e.anchor_key_id "
            "WHERE e.type = 'order_paid' AND e.time <= ? GROUP BY k.person_id",
            [NOW, paths, NOW],
        ).fetchnumpy()

    walls = interleaved({"ours": ours, "theirs": theirs}, ROUNDS)
    buyers = _same(found)
    ours_s, theirs_s = walls["ours"]["wall_ms"] / 1_000, walls["theirs"]["wall_ms"] / 1_000
    store.database.close_now()
    return {
        "rfm_ratio_to_duckdb": round(ours_s / theirs_s, 3),
        "rfm_s": round(ours_s, 3),
        "rfm_persons_and_keys_read_s": round(statistics.median(reading_s), 3),
        "rfm_duckdb_s": round(theirs_s, 3),
        "rfm_cpu_s": round(walls["ours"]["cpu_ms"] / 1_000, 3),
        "rfm_duckdb_cpu_s": round(walls["theirs"]["cpu_ms"] / 1_000, 3),
        "rfm_buyers": buyers,
        "rfm_peak_mb": peak_mb(),
    }


def _same(found: dict[str, Any]) -> int:
    """How many have bought; raises when the two ways differ in anybody."""
    import numpy as np

    theirs = found["theirs"]
    order = np.argsort(theirs["person_id"])
    known = found["ours"]["rfm_recency_days"].known
    days_ = found["ours"]["rfm_recency_days"].data[known] // 10_000
    expected = {
        "persons": (found["persons"][known], theirs["person_id"][order]),
        "recency": (days_, theirs["recency_us"][order] // (86_400 * 10**6)),
        "frequency": (found["ours"]["rfm_frequency"].data[known] // 10_000, theirs["frequency"][order]),
        "monetary": (found["ours"]["rfm_monetary"].data[known], theirs["monetary"][order]),
    }
    for name, (one, other) in expected.items():
        if not np.array_equal(one.astype(np.int64), np.asarray(other).astype(np.int64)):
            raise RuntimeError(f"both ways differ in {name}")
    return int(known.sum())


def _definitions(tag_ids: Sequence[str]) -> list[Any]:
    from tagging.catalogue.packs import RETAIL, pack_definitions

    return [each for each in pack_definitions(RETAIL) if each.tag_id in tag_ids]


# ------------------------------------------------------------------------------------------------------- runs


def sixty_definitions() -> list[Any]:
    """The first sixty of the retail catalogue that rest on none but these, those of the crowd's events first."""
    from tagging.app.columns_in_force import tag_schema
    from tagging.catalogue.packs import RETAIL, pack_definitions
    from tagging.domain.compilation import tag_recipe
    from tagging.store.dictionary_file import standard_dictionary

    from benches.tagging_crowd import TYPES

    definitions = pack_definitions(RETAIL)
    schema = tag_schema(standard_dictionary(), definitions)
    recipes = {each.tag_id: tag_recipe(each, schema) for each in definitions}
    lived = [each for each in definitions if recipes[each.tag_id].events <= TYPES.keys()]
    rest = [each for each in definitions if each not in lived]
    chosen: dict[str, Any] = {}
    waiting = [*lived, *rest]
    while len(chosen) < TAGS:
        ready = [each for each in waiting if recipes[each.tag_id].tags <= chosen.keys()]
        for each in ready[: TAGS - len(chosen)]:
            chosen[each.tag_id] = each
            waiting.remove(each)
    return list(chosen.values())


def _sixty(folder: Path, crowd: Crowd) -> dict[str, Any]:
    del crowd
    store = open_crowd(folder)
    apply(store, sixty_definitions())
    done = run(store, "first")
    store.database.close_now()
    return {
        "sixty_tags_s": done["seconds"],
        "sixty_tags_processor_s": done["processor_s"],
        "peak_mb": peak_mb(),
    }


def _again(folder: Path, crowd: Crowd) -> dict[str, Any]:
    """One event more in a hundred, stored as the bulk lane stores them; then a second run."""
    from tagging.app.apply_changes import StoreFacts

    store = open_crowd(folder)
    storing = StoreFacts(store.facts, store.clock.now)
    for events in added_events(crowd, int(crowd.events * NEW_SHARE), crowd.events + DAYS):
        store.database.write_now(partial(_stored, store, storing, events))
    done = run(store, "second")
    store.database.close_now()
    return {
        "again_s": done["seconds"],
        "again_processor_s": done["processor_s"],
        "again_peak_mb": peak_mb(),
    }


def _stored(store: Any, storing: Any, events: list[Any], connection: Any) -> None:
    from servicekit.revision import Lane

    stored = storing(connection, TENANT, None, [], events)
    store.changelog.append(connection, Lane.BULK, stored.entries)
    store.facts.progress.add_stale(connection, TENANT, stored.touched, 1, frozenset(), stored.eventful)


def _eight_hundred(folder: Path, crowd: Crowd) -> dict[str, Any]:
    del crowd
    from tagging.catalogue.files import parse_definitions

    store = open_crowd(folder)
    apply(store, parse_definitions("\n".join(_many()), "bench"))
    done = run(store, "first")
    store.database.close_now()
    return {
        "eight_hundred_tags_s": done["seconds"],
        "eight_hundred_tags_processor_s": done["processor_s"],
        "eight_hundred_tags_peak_mb": peak_mb(),
    }


def _many() -> list[str]:
    """Counts, days and sums of eight event types in windows of up to a hundred days."""
    measures = ("view_item", "page_view", "add_to_cart", "order_paid", "search", "coupon_received")
    asked = [f"COUNT({each})" for each in measures]
    asked += ["DAYS(view_item)", "SUM(order_paid.amount)"]
    found = []
    for number, measure_ in enumerate(asked):
        for days in range(1, MANY_TAGS // len(asked) + 1):
            name = f"m{number}_{days}d"
            found.append(
                f"- {{tag_id: {name}, name: {{zh: {name}, en: {name}}}, category: 行为, type: number, "
                f"statistic: {measure_} IN LAST {days} DAYS}}"
            )
    return found
