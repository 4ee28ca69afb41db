"""A hundred million people in mapped files, and two hundred tenants of fifty thousand in one process.

Columns are made one after the other, a slab of people at a time, and written as the service writes them; the rest of
memory never holds more than one column. Who answers is a process that has seen none of that: it maps the files, which
the system has been told to forget, and answers Q3. HUAXIANG_BENCH_SCALE_PERSONS and HUAXIANG_BENCH_TENANTS say how many
there are; HUAXIANG_BENCH_FOLDER where the files go, which are removed at the end.
"""

import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rules.check import Population, check_rule
from rules.evaluate.setting import Setting
from rules.testing import AS_OF
from rules.values import SCALE, Kind
from segments.engine.answers import counts
from segments.engine.columns import TagColumn
from segments.engine.compiling import compile_ahead
from segments.engine.conditions import sets_of
from segments.engine.live.files import NamedFile, opened, verify, write
from segments.engine.numbers import NumberBlock, NumberColumn, number_column
from segments.engine.program import program_of
from segments.engine.sets import CodedBlock, SetColumn, set_column
from segments.engine.threads import Threads

from benches.measure import rss_bytes
from benches.segments_engine import BLOCK, catalogue, list_blocks
from benches.segments_people import (
    BOOLS,
    DIGITS,
    LISTS,
    SIZES,
    Wealth,
    bool_values,
    category_values,
    list_values,
    number_values,
)
from benches.segments_questions import QUESTIONS, rule
from benches.segments_tenants import held_tenants

PERSONS = int(os.environ.get("HUAXIANG_BENCH_SCALE_PERSONS", "100000000"))
SLAB = 64 * BLOCK
"""People whose values are drawn at once: 4,194,304."""
LEAST_FREE_BYTES = 20 << 30
"""Of the disk, below which nothing more is written."""
EVERYBODY = "everybody"
ROUNDS = 15
Columns = dict[str, NamedFile]


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and sizes. `rss_gb` is the process that answers, when it has read every page of every file;
    `cold_start_s` is from its first look at the files to its first answer, with the kernels' loading; `checked_start_s`
    also reads all that the question asks for once before, and compares checksums, as the service does."""
    with closing(Threads()) as threads:
        compile_ahead(threads)  # into the cache on disk, as a set-up does
    with tempfile.TemporaryDirectory(
        prefix="huaxiang-bench-", dir=os.environ.get("HUAXIANG_BENCH_FOLDER")
    ) as folder:
        started = time.perf_counter()
        columns = _in_process(_written, folder, seed)
        built_s = time.perf_counter() - started
        files_bytes = sum((Path(folder) / each.file).stat().st_blocks * 512 for each in columns.values())
        figures: dict[str, Any] = {"persons": PERSONS, "built_s": round(built_s, 1)}
        figures["files_gb"] = round(files_bytes / 1e9, 2)
        figures |= _in_process(_checked_start, folder, columns)
        figures |= _in_process(_answered, folder, columns)
    figures |= _in_process(held_tenants, seed)
    return {"scale": figures}, {"scale": {"persons": PERSONS, "values": 500}}


def _in_process(work: Callable[..., Any], *given: Any) -> Any:
    """What a new process makes of it."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, given)


# ------------------------------------------------------------------------------------------------- writing


def _written(folder: str, seed: int) -> Columns:
    """The files of all columns and of everybody, by name."""
    written: Columns = {}
    with closing(Threads()) as threads:
        for place, (name, made) in enumerate(_columns(seed, threads)):
            if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
                raise OSError(f"less than {LEAST_FREE_BYTES >> 30} GB are left on the disk of {folder}")
            written[name] = write(Path(folder), f"{place}.column", name, made(), threads)
            print(f"{name} written, {place + 1} columns", flush=True)
    return written


def _columns(seed: int, threads: Threads) -> Iterator[tuple[str, Callable[[], TagColumn | SetColumn]]]:
    yield (
        EVERYBODY,
        lambda: set_column([CodedBlock(np.zeros(each, np.uint16)) for each in _sizes()], 1, threads),
    )
    for place in range(BOOLS):
        yield f"b{place}", partial(_bools, seed, place, threads)
    for place in range(len(SIZES)):
        yield f"c{place}", partial(_categories, seed, place, threads)
    for place in range(len(DIGITS)):
        yield f"n{place}", partial(_numbers, seed, place, threads)
    for place in range(len(LISTS)):
        yield f"m{place}", partial(_lists, seed, place, threads)


def _bools(seed: int, place: int, threads: Threads) -> TagColumn:
    blocks = [
        CodedBlock(part.astype(np.uint16))
        for random, wealth in _slabs(seed, 1_000 + place)
        for part in _blocks(bool_values(random, wealth, place))
    ]
    return TagColumn(Kind.BOOL, set_column(blocks, 2, threads), {False: 0, True: 1})


def _categories(seed: int, place: int, threads: Threads) -> TagColumn:
    blocks = [
        CodedBlock(part.astype(np.uint16))
        for random, wealth in _slabs(seed, 2_000 + place)
        for part in _blocks(category_values(random, len(wealth), SIZES[place]))
    ]
    column = set_column(blocks, SIZES[place], threads)
    return TagColumn(Kind.TEXT, column, {f"v{each}": each for each in range(SIZES[place])})


def _numbers(seed: int, place: int, threads: Threads) -> TagColumn:
    blocks = [
        NumberBlock(part.astype(np.int64) * SCALE)
        for random, wealth in _slabs(seed, 3_000 + place)
        for part in _blocks(number_values(random, wealth, DIGITS[place]))
    ]
    return TagColumn(Kind.NUMBER, number_column(blocks, threads))


def _lists(seed: int, place: int, threads: Threads) -> TagColumn:
    size = LISTS[place]
    blocks = [
        block
        for random, wealth in _slabs(seed, 4_000 + place)
        for block in list_blocks(*list_values(random, len(wealth), size), len(wealth))
    ]
    column = set_column(blocks, size, threads, single=False)
    return TagColumn(Kind.TEXT, column, {f"v{each}": each for each in range(size)})


def _slabs(seed: int, column: int) -> Iterator[tuple[np.random.Generator, Wealth]]:
    """Of each slab a generator for the column, and how wealthy its people are."""
    for slab, first in enumerate(range(0, PERSONS, SLAB)):
        count = min(SLAB, PERSONS - first)
        wealth = np.random.default_rng((seed, slab)).random(count, dtype=np.float32)
        yield np.random.default_rng((seed, slab, column)), wealth


def _sizes() -> Iterator[int]:
    for first in range(0, PERSONS, BLOCK):
        yield min(BLOCK, PERSONS - first)


def _blocks(values: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    for first in range(0, len(values), BLOCK):
        yield values[first : first + BLOCK]


# ----------------------------------------------------------------------------------------------- answering


class _Mapped:
    """Implements TagColumns over files, each of which is mapped when it is asked for."""

    def __init__(self, folder: str, columns: Columns, threads: Threads) -> None:
        self._folder = Path(folder)
        self._named = columns
        self._threads = threads
        self._open: dict[str, TagColumn | SetColumn] = {}
        self.setting = Setting(catalogue(), AS_OF)
        self.rule = check_rule(rule(QUESTIONS["q3"]), self.setting.schema).rule

    def universe(self, _: Population) -> SetColumn:
        column = self.column(EVERYBODY)
        assert isinstance(column, SetColumn)
        return column

    def tag(self, name: str) -> TagColumn:
        column = self.column(name)
        assert isinstance(column, TagColumn)
        return column

    def feature(self, form: str) -> TagColumn:
        raise LookupError(form)

    def segment(self, name: str) -> SetColumn:
        raise LookupError(name)

    def column(self, name: str) -> TagColumn | SetColumn:
        if name not in self._open:
            self._open[name] = opened(self._folder, self._named[name])
        return self._open[name]

    def count(self) -> int:
        """How many Q3 selects."""
        program = program_of([sets_of(self.rule, self, self.setting)], self.universe(Population.ALL))
        return counts(program, self._threads)[0]

    @property
    def asked(self) -> list[NamedFile]:
        """The files that were opened."""
        return [self._named[name] for name in self._open]


def _checked_start(folder: str, columns: Columns) -> dict[str, Any]:
    _forget(folder)
    started = time.perf_counter()
    with closing(Threads()) as threads:
        mapped = _Mapped(folder, columns, threads)
        sets_of(mapped.rule, mapped, mapped.setting)
        list(map(partial(verify, Path(folder)), mapped.asked))
        mapped.count()
        return {"checked_start_s": round(time.perf_counter() - started, 2)}


def _answered(folder: str, columns: Columns) -> dict[str, Any]:
    _forget(folder)
    started = time.perf_counter()
    with closing(Threads()) as threads:
        mapped = _Mapped(folder, columns, threads)
        found = mapped.count()
        cold_s = time.perf_counter() - started
        times = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            if mapped.count() != found:
                raise RuntimeError("Q3 selects others than before")
            times.append(time.perf_counter() - started)
        for name in columns:
            _touch(mapped.column(name))
    return {
        "cold_start_s": round(cold_s, 2),
        "q3_ms": round(statistics.median(times) * 1e3, 2),
        "q3_count": found,
        "rss_gb": round(rss_bytes() / 1e9, 2),
    }


def _forget(folder: str) -> None:
    """What the system has kept of the files in memory."""
    os.sync()
    for path in Path(folder).iterdir():
        handle = os.open(path, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def _touch(column: TagColumn | SetColumn) -> None:
    """Reads a word of every page that is in use."""
    inner = column.column if isinstance(column, TagColumn) else column
    parts: tuple[SetColumn | NumberColumn, ...] = (inner,)
    if isinstance(inner, NumberColumn):
        parts = (inner, inner.knowns)
    for each in parts:
        used = each.hold.room.base if each.hold is not None else len(each.words)
        int(each.words[:used:512].sum())
