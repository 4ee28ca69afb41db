"""Runs queries of tags in a process of their own, over a copy of what they name."""

import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import numpy as np
from rules.schema import Schema
from rules.values import Kind, normal_text
from tagging.domain.columns import EPOCH, Ints, Shape, Vector
from tagging.domain.moment import Moment
from tagging.domain.run_failures import ColumnFailed, FailureReason
from tagging.domain.tenants import TenantSettings
from tagging.store.query_inputs import copy_inputs, relations_of
from tagging.store.query_ports import LakeQuery, Verdict

CHECK_SECONDS = 10
CHECK_MEGABYTES = 256
VERDICTS = 4_096
"""Verdicts on queries that are remembered: `plan` and `apply` ask for the same, of twice as many as one call defines.
"""
LOOK_S = 0.25
"""Between two looks whether to stop."""
CHILD = (sys.executable, "-I", "-B", "-m", "tagging.store.query_child")


class QueryProcesses:
    """LakeQueries and QueryChecks. `folder`: where copies are made; they are gone when the query has ended. Safe for
    threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._verdicts: OrderedDict[tuple[object, ...], Verdict] = OrderedDict()
        self._lock = Lock()

    def sweep(self) -> None:
        """At start-up: removes the copies that a crash left."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(
        self,
        duck: Any,
        asked: LakeQuery,
        schema: Schema,
        moment: Moment,
        persons: Ints,
        stops: Callable[[], bool],
    ) -> tuple[Ints, Vector]:
        answer = self._asked(duck, asked, schema, moment, len(persons), stops)
        return _read(answer, asked.shape, persons)

    def known(self, asked: LakeQuery, schema: Schema) -> Verdict | None:
        """As QueryChecks says."""
        key = _key(asked, relations_of(asked.inputs, schema))
        with self._lock:
            verdict = self._verdicts.get(key)
            if verdict is not None:
                self._verdicts.move_to_end(key)
        return verdict

    def look(self, asked: LakeQuery, schema: Schema) -> None:
        """As QueryChecks says."""
        relations = relations_of(asked.inputs, schema)
        key = _key(asked, relations)
        with self._lock:
            if key in self._verdicts:
                return
        verdict = self._verdict(asked, schema, relations)
        with self._lock:
            self._verdicts[key] = verdict
            if len(self._verdicts) > VERDICTS:
                self._verdicts.popitem(last=False)

    def forget(self, asked: LakeQuery, schema: Schema) -> None:
        """As QueryChecks says."""
        key = _key(asked, relations_of(asked.inputs, schema))
        with self._lock:
            verdict = self._verdicts.get(key)
            if verdict is not None and verdict.is_of_the_machine:
                del self._verdicts[key]

    def _verdict(self, asked: LakeQuery, schema: Schema, relations: Mapping[str, Any]) -> Verdict:
        import duckdb

        moment = Moment(EPOCH, TenantSettings().calendar)
        limits = replace(asked, timeout_seconds=CHECK_SECONDS, memory_megabytes=CHECK_MEGABYTES)
        with duckdb.connect(":memory:") as duck:
            for relation, columns in relations.items():
                duck.register(relation, columns.empty_table())
            try:
                self._asked(duck, limits, schema, moment, None, lambda: False)
            except ColumnFailed as error:
                return Verdict(error.failure)
        return Verdict(None)

    def _asked(
        self,
        duck: Any,
        asked: LakeQuery,
        schema: Schema,
        moment: Moment,
        persons: int | None,
        stops: Callable[[], bool],
    ) -> bytes:
        """What the process says; `persons` None: it only looks at the query."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as place:
            path = str(Path(place) / "inputs.duckdb")
            job = {
                "path": path,
                "query": asked.query,
                "tables": copy_inputs(duck, path, asked.inputs, schema, moment),
                "zone": moment.calendar.time_zone,
                "base": asked.shape.base.value,
                "multi_valued": asked.shape.multi_valued,
                "memory_megabytes": asked.memory_megabytes,
                "timeout_seconds": asked.timeout_seconds,
                "persons": persons,
            }
            answer = _talked(json.dumps(job).encode(), place, asked.timeout_seconds, stops)
            _require_no_reason(answer)
            return answer


def _key(asked: LakeQuery, relations: Mapping[str, Any]) -> tuple[object, ...]:
    """What a verdict rests on."""
    return asked.query, asked.shape, *(f"{relation} {columns}" for relation, columns in relations.items())


def _talked(job: bytes, folder: str, timeout_s: float, stops: Callable[[], bool]) -> bytes:
    """What the process says; it is killed when it takes too long, and always at the end."""
    until = monotonic() + timeout_s
    with subprocess.Popen(  # noqa: S603  # a module of our own, without the environment
        CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder, env={}
    ) as child:
        given: bytes | None = job
        try:
            while True:
                try:
                    answer, _ = child.communicate(given, timeout=LOOK_S)
                    break
                except subprocess.TimeoutExpired:
                    given = None
                if stops():
                    raise ColumnFailed(FailureReason.SQL_FAILED, "the run was stopped while it computed")
                if monotonic() > until:
                    raise ColumnFailed(
                        FailureReason.SQL_TIMED_OUT, f"it ran longer than {timeout_s:g} s and was stopped"
                    )
        finally:
            child.kill()
    if b"\n" not in answer:  # nothing but memory and processor time ends it before it has said anything
        raise ColumnFailed(
            FailureReason.SQL_MEMORY_EXCEEDED, "it was ended by the machine: it needs less memory or time"
        )
    return answer


def _require_no_reason(answer: bytes) -> None:
    said = json.loads(answer.partition(b"\n")[0])
    if "reason" in said:
        raise ColumnFailed(FailureReason(said["reason"]), said["detail"])


def _read(answer: bytes, shape: Shape, persons: Ints) -> tuple[Ints, Vector]:
    import pyarrow as pa

    table = pa.ipc.open_stream(io.BytesIO(answer.partition(b"\n")[2])).read_all()
    if table["person_id"].null_count:
        raise ColumnFailed(FailureReason.SQL_PERSON_UNKNOWN, "it gives a row whose person_id is NULL")
    table = table.filter(table["value"].is_valid()).sort_by("person_id")
    found: Ints = table["person_id"].to_numpy().astype(np.int64)
    if len(np.unique(found)) < len(found):
        raise ColumnFailed(
            FailureReason.SQL_PERSON_REPEATED, "it gives a person more than once: GROUP BY person_id"
        )
    if not np.isin(found, persons, assume_unique=True).all():
        raise ColumnFailed(
            FailureReason.SQL_PERSON_UNKNOWN, "it gives an id that no person has: join with the table persons"
        )
    return found, _vector(table["value"], shape)


def _vector(column: Any, shape: Shape) -> Vector:
    import pyarrow as pa

    if shape.multi_valued or shape.base is Kind.TEXT:
        values = [_normal(each) for each in column.to_pylist()]
        return Vector.of(values, shape)
    if shape.base is Kind.DATE:
        column = column.cast(pa.int32())
    elif shape.base is Kind.DATETIME:
        column = column.cast(pa.timestamp("us", tz="UTC"))
    codes: Ints = column.cast(pa.int64()).to_numpy().astype(np.int64)
    return Vector(np.ones(len(codes), np.bool_), codes)


def _normal(value: Any) -> Any:
    """Texts in normal form; a list without its nulls."""
    if isinstance(value, list):
        return tuple(_normal(each) for each in value if each is not None)
    return normal_text(value) if isinstance(value, str) else value
