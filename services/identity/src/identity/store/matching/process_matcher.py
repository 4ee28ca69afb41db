"""Matcher in a process of its own, spawned per call: the engine's memory goes with it, the service's event loop and
lock stay free, and cancelling kills it. Rows go through a pipe and never touch a disk.
"""

import asyncio
import hashlib
import json
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, TypeVar, cast

from identity.domain.matching.addresses import Divisions
from identity.domain.matching.bands import Bands
from identity.domain.matching.clustering import ScoredPair, cluster
from identity.domain.matching.names import NameTables
from identity.domain.matching.rows import Profile, RowLayout
from identity.domain.matching.specification import Specification
from identity.store.matching.linker import Columns, TrainedModel, Untrainable
from identity.store.matching.ports import Matched, MatcherFailed, MatchRows, Progress
from identity.store.matching.sounds import pinyin
from identity.store.matching.splink_linker import SplinkLinker

T = TypeVar("T")
Report = Callable[[str, float], None]
POLL_S = 0.2
STOP_S = 5.0


@dataclass(frozen=True)
class Engine:
    """What the other process needs beside the rows; sent to it whole."""

    names: NameTables
    divisions: Divisions
    threads: int
    memory_mb: int

    def columns(self, profiles: Sequence[Profile]) -> Columns:
        """The rows as the built-in specification names them."""
        return RowLayout(self.names, self.divisions, pinyin).columns(profiles)

    def linker(self) -> SplinkLinker:
        """A linker within the limits."""
        return SplinkLinker(self.threads, self.memory_mb)


class ProcessMatcher:
    """Matcher."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def train(
        self, profiles: Sequence[Profile], specification: Specification, seed: int, progress: Progress
    ) -> tuple[TrainedModel, str]:
        return await _in_process(partial(_train, self._engine, profiles, specification, seed), progress)

    async def match(
        self,
        rows: MatchRows,
        specification: Specification,
        settings: str,
        bands: Bands,
        labelled: Sequence[tuple[int, int]],
        progress: Progress,
    ) -> Matched:
        work = partial(_match, self._engine, rows, specification, settings, bands, tuple(labelled))
        return await _in_process(work, progress)


def _train(
    engine: Engine, profiles: Sequence[Profile], specification: Specification, seed: int, report: Report
) -> tuple[TrainedModel, str]:
    report("lay out", 0.0)
    columns = engine.columns(profiles)
    trained = engine.linker().train(columns, specification, seed, _part(report, 0.1, 1.0))
    return trained, _digest(columns)


def _match(
    engine: Engine,
    rows: MatchRows,
    specification: Specification,
    settings: str,
    bands: Bands,
    labelled: Sequence[tuple[int, int]],
    report: Report,
) -> Matched:
    report("lay out", 0.0)
    columns = engine.columns(rows.profiles)
    scoring = engine.linker().score(
        columns, specification, settings, bands.floor, (bands.review, bands.auto), _part(report, 0.1, 0.8)
    )
    report("group", 0.8)
    claims = {row: dict(places) for row, places in rows.claims.items()}
    found = cluster(
        range(len(rows.profiles)),
        scoring.pairs,
        bands.clustering(),
        rows.seeds,
        cast("Any", claims),
    )
    weights = {(pair.left, pair.right): pair.weight for pair in scoring.pairs}
    group_of = found.group_of
    review = [
        ScoredPair(left, right, weights[left, right])
        for left, right in scoring.fields
        if group_of[left] != group_of[right]
    ]
    review.sort(key=lambda pair: (-pair.weight, pair.left, pair.right))
    report("group", 1.0)
    return Matched(
        found.links,
        review,
        {(pair.left, pair.right): scoring.fields[pair.left, pair.right] for pair in review},
        group_of,
        {pair: weights[pair] for pair in labelled if pair in weights},
        scoring.candidates,
        scoring.prior,
    )


def _part(report: Report, start: float, end: float) -> Report:
    return lambda step, share: report(step, start + (end - start) * share)


def _digest(columns: Columns) -> str:
    """A digest of the rows, whatever their order."""
    names = sorted(columns)
    total = 0
    for values in zip(*(columns[name] for name in names), strict=True):
        row = json.dumps(values, ensure_ascii=False).encode()
        total += int.from_bytes(hashlib.sha256(row).digest()[:16], "big")
    return f"{total % 2**128:032x}"


async def _in_process(work: Callable[[Report], T], progress: Progress) -> T:
    """The result of work in a spawned process. Raises MatcherFailed with what it says, or that it died."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs,), name="matching", daemon=True)
    await asyncio.to_thread(process.start)
    theirs.close()
    try:
        await asyncio.to_thread(ours.send, work)
        while True:
            if not await asyncio.to_thread(ours.poll, POLL_S):
                continue
            try:
                kind, value = await asyncio.to_thread(ours.recv)
            except EOFError:
                raise MatcherFailed("the matching process died: give it more memory") from None
            if kind == "progress":
                progress(*value)
            elif kind == "failed":
                raise MatcherFailed(value)
            else:
                return cast(T, value)
    finally:
        process.kill()
        await asyncio.to_thread(process.join, STOP_S)
        ours.close()


def _run(pipe: Connection) -> None:
    """The other process: takes the work, tells its progress, sends the result."""

    def report(step: str, share: float) -> None:
        pipe.send(("progress", (step, share)))

    work = pipe.recv()
    try:
        pipe.send(("done", work(report)))
    except Untrainable as error:
        pipe.send(("failed", str(error)))
    except ImportError as error:
        pipe.send(
            ("failed", f"matching needs the extra huaxiang-identity[matching]: no module {error.name!r}")
        )
    except MemoryError:
        pipe.send(("failed", "the matching process is out of memory: give it more"))
    except Exception as error:  # an engine's message may quote rows: its kind is all that leaves
        pipe.send(("failed", f"the matching engine failed: {type(error).__name__}"))
