# ruff: noqa: S608  # statements are put together from constants, values are bound
"""The ports of matching on SQLAlchemy; contracts in ports.py."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection

from identity.domain.attributes import AttributeStatement
from identity.store.batches import select_among
from identity.store.matching.ports import MatchStores
from identity.store.matching.rows import LabelRow, ModelRow, RunKind, RunRow, RunState, TaskRow

_MODEL = ", ".join(ModelRow._fields)
_RUN = ", ".join(RunRow._fields)
_TASK = ", ".join(TaskRow._fields)
_LABEL = ", ".join(LabelRow._fields)
_STANDS = (
    "NOT EXISTS (SELECT 1 FROM operations o WHERE o.tenant = l.tenant AND o.operation_id = l.operation_id "
    "AND o.undone_by <> 0)"
)
_STATEMENTS = "SELECT key_id, name, source, time_us, value, verified FROM attribute_values"


def open_match_stores(connection: Connection) -> MatchStores:
    """The ports of the transaction that runs on `connection`."""
    return MatchStores(
        SqlModels(connection),
        SqlRuns(connection),
        SqlTasks(connection),
        SqlMatchedKeys(connection),
        SqlFoundParts(connection),
    )


class SqlModels:
    """Models."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, tenant: str, row: ModelRow) -> None:
        _insert(self._connection, "match_models", _MODEL, tenant, [tuple(row)])

    def save(self, tenant: str, row: ModelRow) -> None:
        execute(
            self._connection,
            "UPDATE match_models SET engine = ?, settings = ?, data_hash = ?, metrics = ? "
            "WHERE tenant = ? AND version = ?",
            (row.engine, row.settings, row.data_hash, row.metrics, tenant, row.version),
        )

    def get(self, tenant: str, version: int) -> ModelRow | None:
        sql = f"SELECT {_MODEL} FROM match_models WHERE tenant = ? AND version = ?"
        row = execute(self._connection, sql, (tenant, version)).one_or_none()
        return None if row is None else ModelRow(*row)

    def of_request(self, tenant: str, request_id: str) -> ModelRow | None:
        sql = f"SELECT {_MODEL} FROM match_models WHERE tenant = ? AND request_id = ?"
        row = execute(self._connection, sql, (tenant, request_id)).one_or_none()
        return None if row is None else ModelRow(*row)

    def page(self, tenant: str, before: int, limit: int) -> Sequence[ModelRow]:
        sql = (
            f"SELECT {_MODEL} FROM match_models WHERE tenant = ? AND version < ? "
            "ORDER BY version DESC LIMIT ?"
        )
        return [ModelRow(*row) for row in execute(self._connection, sql, (tenant, before or _END, limit))]


class SqlRuns:
    """Runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, tenant: str, row: RunRow) -> None:
        _insert(self._connection, "match_runs", _RUN, tenant, [_plain(row)])

    def save(self, tenant: str, row: RunRow) -> None:
        columns = RunRow._fields[4:]
        places = ", ".join(f"{column} = ?" for column in columns)
        execute(
            self._connection,
            f"UPDATE match_runs SET {places} WHERE tenant = ? AND run_id = ?",
            (*_plain(row)[4:], tenant, row.run_id),
        )

    def get(self, tenant: str, run_id: int) -> RunRow | None:
        sql = f"SELECT {_RUN} FROM match_runs WHERE tenant = ? AND run_id = ?"
        row = execute(self._connection, sql, (tenant, run_id)).one_or_none()
        return None if row is None else _run_row(row)

    def of_request(self, tenant: str, request_id: str) -> RunRow | None:
        sql = f"SELECT {_RUN} FROM match_runs WHERE tenant = ? AND request_id = ?"
        row = execute(self._connection, sql, (tenant, request_id)).one_or_none()
        return None if row is None else _run_row(row)

    def page(self, tenant: str, before: int, limit: int) -> Sequence[RunRow]:
        sql = f"SELECT {_RUN} FROM match_runs WHERE tenant = ? AND run_id < ? ORDER BY run_id DESC LIMIT ?"
        return [_run_row(row) for row in execute(self._connection, sql, (tenant, before or _END, limit))]

    def next_pending(self) -> tuple[str, RunRow] | None:
        sql = f"SELECT tenant, {_RUN} FROM match_runs WHERE state = ? ORDER BY run_id, tenant LIMIT 1"
        row = execute(self._connection, sql, (int(RunState.PENDING),)).one_or_none()
        return None if row is None else (row[0], _run_row(row[1:]))

    def requeue_running(self) -> None:
        execute(
            self._connection,
            "UPDATE match_runs SET state = ?, step = '', done_parts = 0, start_us = 0 WHERE state = ?",
            (int(RunState.PENDING), int(RunState.RUNNING)),
        )


class SqlTasks:
    """Tasks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, tenant: str, rows: Iterable[TaskRow]) -> None:
        used = "SELECT max(task_id) FROM match_{} WHERE tenant = ?"
        last = max(
            execute(self._connection, used.format(table), (tenant,)).scalar() or 0
            for table in ("tasks", "labels")
        )
        execute(self._connection, "DELETE FROM match_tasks WHERE tenant = ?", (tenant,))
        numbered = [tuple(row._replace(task_id=task_id)) for task_id, row in enumerate(rows, last + 1)]
        _insert(self._connection, "match_tasks", _TASK, tenant, numbered)

    def get(self, tenant: str, task_id: int) -> TaskRow | None:
        sql = f"SELECT {_TASK} FROM match_tasks WHERE tenant = ? AND task_id = ?"
        row = execute(self._connection, sql, (tenant, task_id)).one_or_none()
        return None if row is None else TaskRow(*row)

    def page(self, tenant: str, after: int, limit: int) -> Sequence[TaskRow]:
        sql = f"SELECT {_TASK} FROM match_tasks WHERE tenant = ? AND task_id > ? ORDER BY task_id LIMIT ?"
        return [TaskRow(*row) for row in execute(self._connection, sql, (tenant, after, limit))]

    def remove(self, tenant: str, task_id: int) -> None:
        execute(
            self._connection, "DELETE FROM match_tasks WHERE tenant = ? AND task_id = ?", (tenant, task_id)
        )

    def add_label(self, tenant: str, row: LabelRow) -> None:
        execute(
            self._connection,
            "DELETE FROM match_labels WHERE tenant = ? AND low = ? AND high = ?",
            (tenant, row.low, row.high),
        )
        _insert(self._connection, "match_labels", _LABEL, tenant, [_plain(row)])

    def label_of_task(self, tenant: str, task_id: int) -> LabelRow | None:
        sql = f"SELECT {_LABEL} FROM match_labels l WHERE tenant = ? AND task_id = ? AND {_STANDS}"
        row = execute(self._connection, sql, (tenant, task_id)).one_or_none()
        return None if row is None else _label_row(row)

    def labels(self, tenant: str) -> Sequence[LabelRow]:
        sql = f"SELECT {_LABEL} FROM match_labels l WHERE tenant = ? AND {_STANDS} ORDER BY low, high"
        return [_label_row(row) for row in execute(self._connection, sql, (tenant,))]


class SqlMatchedKeys:
    """MatchedKeys."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def statements(
        self, tenant: str, names: Collection[str], after_key_id: int, limit: int
    ) -> Mapping[int, Sequence[AttributeStatement]]:
        marks = ",".join("?" * len(names))
        wanted = (tenant, after_key_id, *sorted(names))
        keys = (
            f"SELECT DISTINCT key_id FROM attribute_values WHERE tenant = ? AND key_id > ? AND name IN ({marks}) "
            "ORDER BY key_id LIMIT ?"
        )
        key_ids = [row[0] for row in execute(self._connection, keys, (*wanted, limit))]
        if not key_ids:
            return {}
        rows = execute(
            self._connection,
            f"{_STATEMENTS} WHERE tenant = ? AND key_id > ? AND name IN ({marks}) AND key_id <= ? "
            "ORDER BY key_id, name, source",
            (*wanted, key_ids[-1]),
        )
        return _by_key(rows)

    def saying(
        self, tenant: str, names: Collection[str], key_ids: Collection[int]
    ) -> Mapping[int, Sequence[AttributeStatement]]:
        if not names:
            return {}
        sql = f"{_STATEMENTS} WHERE tenant = ? AND name IN ({','.join('?' * len(names))})"
        return _by_key(select_among(self._connection, sql, (tenant, *sorted(names)), "key_id", key_ids))

    def clusters(self, tenant: str, key_ids: Collection[int] | None = None) -> Mapping[int, int]:
        sql = "SELECT key_id, cluster_id FROM match_clusters WHERE tenant = ?"
        if key_ids is None:
            return dict(map(tuple, execute(self._connection, sql, (tenant,))))
        return dict(map(tuple, select_among(self._connection, sql, (tenant,), "key_id", key_ids)))

    def put_clusters(self, tenant: str, clusters: Mapping[int, int]) -> None:
        execute_many(
            self._connection,
            "DELETE FROM match_clusters WHERE tenant = ? AND key_id = ?",
            [(tenant, key_id) for key_id in sorted(clusters)],
        )
        rows = [(key_id, cluster) for key_id, cluster in sorted(clusters.items()) if cluster]
        _insert(self._connection, "match_clusters", "key_id, cluster_id", tenant, rows)


class SqlFoundParts:
    """FoundParts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, tenant: str, run_id: int, parts: Iterable[str]) -> None:
        execute(self._connection, "DELETE FROM match_found WHERE tenant = ?", (tenant,))
        rows = [(run_id, part, content) for part, content in enumerate(parts)]
        _insert(self._connection, "match_found", "run_id, part, content", tenant, rows)

    def parts(self, tenant: str, run_id: int) -> Sequence[str]:
        sql = "SELECT content FROM match_found WHERE tenant = ? AND run_id = ? ORDER BY part"
        return [row[0] for row in execute(self._connection, sql, (tenant, run_id))]

    def remove(self, tenant: str, run_id: int) -> None:
        sql = "DELETE FROM match_found WHERE tenant = ? AND run_id = ?"
        execute(self._connection, sql, (tenant, run_id))


_END = 2**62


def _insert(
    connection: Connection, table: str, columns: str, tenant: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    marks = ", ".join("?" * (columns.count(",") + 2))
    execute_many(
        connection,
        f"INSERT INTO {table} (tenant, {columns}) VALUES ({marks})",
        [(tenant, *row) for row in rows],
    )


def _by_key(rows: Iterable[Any]) -> dict[int, list[AttributeStatement]]:
    found: dict[int, list[AttributeStatement]] = defaultdict(list)
    for key_id, name, source, time_us, value, verified in rows:
        statement = AttributeStatement(name, source, time_us, bytes(value), verified=bool(verified))
        found[key_id].append(statement)
    return found


def _plain(row: RunRow | LabelRow) -> tuple[Any, ...]:
    return tuple(int(value) if isinstance(value, int) else value for value in row)


def _run_row(row: Sequence[Any]) -> RunRow:
    run = RunRow(*row)
    return run._replace(kind=RunKind(run.kind), state=RunState(run.state), cancelling=bool(run.cancelling))


def _label_row(row: Sequence[Any]) -> LabelRow:
    label = LabelRow(*row)
    return label._replace(same=bool(label.same))
