"""Runs on SQLite and PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from segments.domain.runs import STOPPED, Run, RunKind, RunState
from servicekit.driver_sql import execute
from sqlalchemy import Connection

_COLUMNS = (
    "run_id, request_id, request, kind, segment_id, subject, created_ms, sequence, state, started_ms, ended_ms, "
    "done, total, count, problem, revision, cpu_ms"
)
_UNFINISHED = (int(RunState.PENDING), int(RunState.RUNNING))


class SqlRuns:
    """Implements Runs."""

    def get(self, connection: Connection, tenant: str, run_id: str) -> Run | None:
        return self._one(connection, tenant, "run_id", run_id)

    def of_request(self, connection: Connection, tenant: str, request_id: str) -> Run | None:
        return self._one(connection, tenant, "request_id", request_id)

    def page(
        self, connection: Connection, tenant: str, segment_id: str, before: int | None, limit: int
    ) -> list[Run]:
        conditions, values = ["tenant = ?"], [tenant]
        if segment_id:
            conditions.append("segment_id = ?")
            values.append(segment_id)
        rows = execute(
            connection,
            f"SELECT {_COLUMNS} FROM run WHERE {' AND '.join(conditions)} AND sequence < ? "
            "ORDER BY sequence DESC LIMIT ?",
            (*values, 2**62 if before is None else before, limit),
        )
        return [_run(row) for row in rows]

    def unfinished(self, connection: Connection, tenant: str) -> int:
        return int(
            execute(
                connection,
                "SELECT count(*) FROM run WHERE tenant = ? AND state IN (?, ?)",
                (tenant, *_UNFINISHED),
            ).scalar_one()
        )

    def add(self, connection: Connection, tenant: str, run: Run) -> Run:
        last = execute(connection, "SELECT max(sequence) FROM run WHERE tenant = ?", (tenant,)).scalar_one()
        values = _values(run)
        sequence = values[_SEQUENCE] = (last or 0) + 1
        execute(
            connection,
            f"INSERT INTO run (tenant, {_COLUMNS}) VALUES ({', '.join('?' * (len(values) + 1))})",
            (tenant, *values),
        )
        return _run([*values[:_SEQUENCE], sequence, *values[_SEQUENCE + 1 :]])

    def put(self, connection: Connection, tenant: str, run: Run) -> None:
        execute(
            connection,
            "UPDATE run SET state = ?, started_ms = ?, ended_ms = ?, done = ?, total = ?, count = ?, problem = ?, "
            "revision = ?, cpu_ms = ? WHERE tenant = ? AND run_id = ?",
            (*_values(run)[_SEQUENCE + 1 :], tenant, run.run_id),
        )

    def end_all(self, connection: Connection, machine_ms: int) -> int:
        return int(
            execute(
                connection,
                "UPDATE run SET state = ?, problem = ?, ended_ms = ? WHERE state IN (?, ?)",
                (int(RunState.FAILED), STOPPED, machine_ms, *_UNFINISHED),
            ).rowcount
        )

    def remove_before(self, connection: Connection, machine_ms: int, limit: int) -> int:
        rows = execute(
            connection,
            "SELECT tenant, run_id FROM run WHERE ended_ms < ? ORDER BY ended_ms LIMIT ?",
            (machine_ms, limit),
        ).all()
        for tenant, run_id in rows:
            execute(connection, "DELETE FROM run WHERE tenant = ? AND run_id = ?", (tenant, run_id))
        return len(rows)

    def _one(self, connection: Connection, tenant: str, column: str, value: str) -> Run | None:
        row = execute(
            connection, f"SELECT {_COLUMNS} FROM run WHERE tenant = ? AND {column} = ?", (tenant, value)
        ).one_or_none()
        return None if row is None else _run(row)


_SEQUENCE = 7


def _values(run: Run) -> list[Any]:
    """In the order of _COLUMNS."""
    return [
        run.run_id,
        run.request_id,
        run.request,
        int(run.kind),
        run.segment_id,
        run.subject,
        run.created_ms,
        run.sequence,
        int(run.state),
        run.started_ms,
        run.ended_ms,
        run.done,
        run.total,
        run.count,
        run.problem,
        run.revision,
        run.cpu_ms,
    ]


def _run(row: Sequence[Any]) -> Run:
    run_id, request_id, request, kind, segment_id, subject, created_ms, sequence, state, *rest = row
    return Run(
        run_id,
        request_id,
        request,
        RunKind(kind),
        segment_id,
        subject,
        created_ms,
        sequence,
        RunState(state),
        *rest,
    )
