"""Runs, and who is touched while something computes everybody."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.columns import Ints, microseconds, moment_of
from tagging.domain.run_failures import UNEXPECTED, Failure, FailureReason
from tagging.domain.schedule import Cause
from tagging.store.tag_ports import Cost, Run, RunState

_COLUMNS = (
    "run_id, sequence, request_id, tag_ids, state, as_of_us, started_ms, ended_ms, tag_count, coverage, "
    "failures, cancel, revision, cause, because, cpu_ms, rows_read, costs, everybody, person_counts"
)


class SqlRuns:
    """Runs over the table `run`."""

    def get(self, connection: Connection, tenant: str, run_id: str) -> Run | None:
        return self._one(connection, "run_id = ?", tenant, run_id)

    def of_request(self, connection: Connection, tenant: str, request_id: str) -> Run | None:
        return self._one(connection, "request_id = ?", tenant, request_id)

    def page(self, connection: Connection, tenant: str, before: int | None, limit: int) -> list[Run]:
        rows = execute(
            connection,
            f"SELECT {_COLUMNS} FROM run WHERE tenant = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
            (tenant, 2**62 if before is None else before, limit),
        )
        return [_run(row) for row in rows]

    def add(
        self,
        connection: Connection,
        tenant: str,
        run_id: str,
        request_id: str,
        tag_ids: Collection[str],
        cause: Cause = Cause.REQUEST,
        because: str = "",
        *,
        everybody: bool = False,
    ) -> Run:
        sequence = execute(
            connection, "SELECT coalesce(max(sequence), 0) + 1 FROM run WHERE tenant = ?", (tenant,)
        ).scalar_one()
        run = Run(
            run_id, sequence, request_id, tuple(tag_ids), cause=cause, because=because, everybody=everybody
        )
        execute(
            connection,
            "INSERT INTO run (tenant, run_id, sequence, request_id, tag_ids, state, tag_count, coverage, failures, "
            "cancel, revision, cause, because, cpu_ms, rows_read, costs, everybody, person_counts) "
            "VALUES (?, ?, ?, ?, ?, ?, 0, '{}', '{}', ?, '', ?, ?, 0, 0, '{}', ?, '{}')",
            (
                tenant,
                run_id,
                sequence,
                request_id,
                json.dumps(list(tag_ids)),
                int(run.state),
                False,
                cause.value,
                because,
                everybody,
            ),
        )
        return run

    def put(self, connection: Connection, tenant: str, run: Run) -> None:
        execute(
            connection,
            "UPDATE run SET state = ?, as_of_us = ?, started_ms = ?, ended_ms = ?, tag_count = ?, "
            "coverage = ?, failures = ?, revision = ?, cpu_ms = ?, rows_read = ?, costs = ?, person_counts = ? "
            "WHERE tenant = ? AND run_id = ?",
            (
                int(run.state),
                None if run.as_of is None else microseconds(run.as_of),
                run.started_ms,
                run.ended_ms,
                run.tag_count,
                json.dumps(dict(run.coverage)),
                json.dumps(
                    {tag: [int(each.reason), each.detail] for tag, each in run.failures.items()},
                    ensure_ascii=False,
                ),
                run.revision,
                run.cpu_ms,
                run.rows_read,
                json.dumps({tag: [each.milliseconds, each.rows_read] for tag, each in run.costs.items()}),
                json.dumps(dict(run.person_counts)),
                tenant,
                run.run_id,
            ),
        )

    def ask_to_stop(self, connection: Connection, tenant: str, run_id: str) -> None:
        execute(
            connection, "UPDATE run SET cancel = ? WHERE tenant = ? AND run_id = ?", (True, tenant, run_id)
        )

    def unfinished(self, connection: Connection) -> list[tuple[str, Run]]:
        rows = execute(
            connection,
            f"SELECT tenant, {_COLUMNS} FROM run WHERE state IN (?, ?) ORDER BY tenant, sequence",
            (int(RunState.PENDING), int(RunState.RUNNING)),
        )
        return [(row[0], _run(row[1:])) for row in rows]

    def _one(self, connection: Connection, condition: str, tenant: str, value: str) -> Run | None:
        row = execute(
            connection,
            f"SELECT {_COLUMNS} FROM run WHERE tenant = ? AND {condition}",
            (tenant, value),
        ).one_or_none()
        return None if row is None else _run(row)


class SqlComputations:
    """Computations over the tables `computation` and `touched_person`."""

    def begin(self, connection: Connection, tenant: str, computation_id: str) -> None:
        execute(
            connection,
            "INSERT INTO computation (tenant, computation_id) VALUES (?, ?)",
            (tenant, computation_id),
        )

    def touch(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> None:
        under_way = execute(
            connection, "SELECT computation_id FROM computation WHERE tenant = ?", (tenant,)
        ).all()
        execute_many(
            connection,
            "INSERT INTO touched_person (tenant, computation_id, person_id) VALUES (?, ?, ?) "
            "ON CONFLICT (tenant, computation_id, person_id) DO NOTHING",
            [(tenant, row[0], person) for row in under_way for person in sorted(person_ids)],
        )

    def under_way(self, connection: Connection, tenant: str) -> bool:
        sql = "SELECT 1 FROM computation WHERE tenant = ? LIMIT 1"
        return execute(connection, sql, (tenant,)).first() is not None

    def touched(self, connection: Connection, tenant: str, computation_id: str) -> Ints:
        rows = execute(
            connection,
            "SELECT person_id FROM touched_person WHERE tenant = ? AND computation_id = ? ORDER BY person_id",
            (tenant, computation_id),
        )
        return np.array([row[0] for row in rows], np.int64)

    def end(self, connection: Connection, tenant: str, computation_id: str) -> None:
        for table in ("touched_person", "computation"):
            execute(
                connection,
                f"DELETE FROM {table} WHERE tenant = ? AND computation_id = ?",
                (tenant, computation_id),
            )

    def end_all(self, connection: Connection) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        sql = "SELECT DISTINCT tenant, person_id FROM touched_person ORDER BY tenant, person_id"
        for tenant, person_id in execute(connection, sql):
            found.setdefault(tenant, []).append(person_id)
        execute(connection, "DELETE FROM touched_person")
        execute(connection, "DELETE FROM computation")
        return found


def _run(row: Sequence[Any]) -> Run:
    return Run(
        run_id=row[0],
        sequence=row[1],
        request_id=row[2],
        tag_ids=tuple(json.loads(row[3])),
        state=RunState(row[4]),
        as_of=None if row[5] is None else moment_of(row[5]),
        started_ms=row[6],
        ended_ms=row[7],
        tag_count=row[8],
        coverage=json.loads(row[9]),
        failures={tag: _failure(each) for tag, each in json.loads(row[10]).items()},
        cancel=bool(row[11]),
        revision=row[12],
        cause=Cause(row[13]),
        because=row[14],
        cpu_ms=row[15],
        rows_read=row[16],
        costs={tag: Cost(*each) for tag, each in json.loads(row[17]).items()},
        everybody=bool(row[18]),
        person_counts=json.loads(row[19]),
    )


def _failure(stored: list[Any] | str) -> Failure:
    """Runs of earlier releases kept what an engine said: it is not told."""
    return UNEXPECTED if isinstance(stored, str) else Failure(FailureReason(stored[0]), stored[1])
