"""Policies, operations, matches, conflicts, merge history and marks on SQLAlchemy; contracts in linking_ports.py."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection

from identity.domain.groups import Reason
from identity.domain.linking import Conflict, ProbableLink
from identity.domain.verdicts import Operation, OperationKind
from identity.store.batches import pack_ids, select_among, unpack_ids
from identity.store.linking_rows import (
    Cause,
    CauseKind,
    ConflictRow,
    MergeKind,
    MergeRow,
    OperationRow,
    ProbableRow,
    StoredPolicy,
)

_POLICY_COLUMNS = "version, document, actor, reason, time_us"
_OPERATION_COLUMNS = "operation_id, kind, actor, reason, time_us, undoes, undone_by"
_MERGE_COLUMNS = (
    "sequence, time_us, kind, person_id, other_person_id, moved_key_ids, cause_kind, cause_source, cause_id"
)
_END = 2**62


class SqlPolicies:
    """Policies."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, tenant: str, version: int) -> StoredPolicy | None:
        sql = f"SELECT {_POLICY_COLUMNS} FROM policies WHERE tenant = ? AND version = ?"
        row = execute(self._connection, sql, (tenant, version)).one_or_none()
        return None if row is None else StoredPolicy(*row)

    def in_force(self, tenant: str) -> int:
        sql = "SELECT policy_version FROM tenants WHERE tenant = ?"
        row = execute(self._connection, sql, (tenant,)).one_or_none()
        return 0 if row is None else int(row[0])

    def put(self, tenant: str, policy: StoredPolicy) -> None:
        execute(
            self._connection,
            f"INSERT INTO policies (tenant, {_POLICY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
            (tenant, *policy),
        )
        execute(
            self._connection,
            "UPDATE tenants SET policy_version = ? WHERE tenant = ?",
            (policy.version, tenant),
        )

    def all(self, tenant: str) -> Sequence[StoredPolicy]:
        sql = f"SELECT {_POLICY_COLUMNS} FROM policies WHERE tenant = ? ORDER BY version DESC"
        return [StoredPolicy(*row) for row in execute(self._connection, sql, (tenant,))]


class SqlOperations:
    """Operations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def next_id(self, tenant: str) -> int:
        sql = "SELECT max(operation_id) FROM operations WHERE tenant = ?"
        return int(execute(self._connection, sql, (tenant,)).scalar() or 0) + 1

    def add(self, tenant: str, row: OperationRow) -> None:
        operation = row.operation
        execute(
            self._connection,
            f"INSERT INTO operations (tenant, {_OPERATION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                tenant,
                operation.operation_id,
                int(operation.kind),
                row.actor,
                row.reason,
                row.time_us,
                operation.undoes,
                row.undone_by,
            ),
        )
        execute_many(
            self._connection,
            "INSERT INTO verdict_keys (tenant, key_id, operation_id, side) VALUES (?, ?, ?, ?)",
            [
                (tenant, key_id, operation.operation_id, side)
                for side, key_ids in enumerate(operation.sides)
                for key_id in sorted(key_ids)
            ],
        )

    def set_undone(self, tenant: str, operation_id: int, undone_by: int) -> None:
        execute(
            self._connection,
            "UPDATE operations SET undone_by = ? WHERE tenant = ? AND operation_id = ?",
            (undone_by, tenant, operation_id),
        )

    def get(self, tenant: str, operation_id: int) -> OperationRow | None:
        sql = f"SELECT {_OPERATION_COLUMNS} FROM operations WHERE tenant = ? AND operation_id = ?"
        found = self._with_keys(tenant, execute(self._connection, sql, (tenant, operation_id)).all())
        return found[0] if found else None

    def page(self, tenant: str, before: int, limit: int) -> Sequence[OperationRow]:
        sql = (
            f"SELECT {_OPERATION_COLUMNS} FROM operations WHERE tenant = ? AND operation_id < ? "
            "ORDER BY operation_id DESC LIMIT ?"
        )
        rows = execute(self._connection, sql, (tenant, before or _END, limit)).all()
        return self._with_keys(tenant, rows)

    def standing(self, tenant: str, key_ids: Collection[int]) -> Sequence[Operation]:
        named = {
            row[0]
            for row in select_among(
                self._connection,
                "SELECT operation_id FROM verdict_keys WHERE tenant = ?",
                (tenant,),
                "key_id",
                key_ids,
            )
        }
        rows = select_among(
            self._connection,
            f"SELECT {_OPERATION_COLUMNS} FROM operations WHERE tenant = ? AND undone_by = 0",
            (tenant,),
            "operation_id",
            named,
        )
        found = self._with_keys(tenant, list(rows))
        return sorted((row.operation for row in found), key=lambda operation: operation.operation_id)

    def _with_keys(self, tenant: str, rows: Sequence[Any]) -> list[OperationRow]:
        sides: dict[int, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
        sql = "SELECT operation_id, side, key_id FROM verdict_keys WHERE tenant = ?"
        ids = [row[0] for row in rows]
        for operation_id, side, key_id in select_among(
            self._connection, sql, (tenant,), "operation_id", ids, index="verdict_keys_by_operation"
        ):
            sides[operation_id][side].add(key_id)
        return [
            OperationRow(
                Operation(
                    id_, OperationKind(kind), (frozenset(sides[id_][0]), frozenset(sides[id_][1])), undoes
                ),
                actor,
                reason,
                time_us,
                undone_by,
            )
            for id_, kind, actor, reason, time_us, undoes, undone_by in rows
        ]


class SqlProbableLinks:
    """ProbableLinks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_keys(self, tenant: str, key_ids: Collection[int]) -> Sequence[ProbableLink]:
        sql = "SELECT low, high, score FROM probable_links WHERE tenant = ?"
        found = {
            ProbableLink(*row)
            for column, index in (("low", ""), ("high", "probable_links_by_high"))
            for row in select_among(self._connection, sql, (tenant,), column, key_ids, index=index)
        }
        return sorted(found)

    def between(self, tenant: str, pair: tuple[int, int]) -> ProbableRow | None:
        sql = (
            "SELECT low, high, score, run_id, model_version FROM probable_links "
            "WHERE tenant = ? AND low = ? AND high = ?"
        )
        row = execute(self._connection, sql, (tenant, *pair)).one_or_none()
        return None if row is None else ProbableRow(*row)

    def all(self, tenant: str) -> Sequence[ProbableRow]:
        sql = (
            "SELECT low, high, score, run_id, model_version FROM probable_links WHERE tenant = ? "
            "ORDER BY low, high"
        )
        return [ProbableRow(*row) for row in execute(self._connection, sql, (tenant,))]

    def replace(self, tenant: str, rows: Iterable[ProbableRow]) -> None:
        execute(self._connection, "DELETE FROM probable_links WHERE tenant = ?", (tenant,))
        self.add(tenant, rows)

    def remove(self, tenant: str, pairs: Iterable[tuple[int, int]]) -> None:
        sql = "DELETE FROM probable_links WHERE tenant = ? AND low = ? AND high = ?"
        execute_many(self._connection, sql, [(tenant, *pair) for pair in pairs])

    def add(self, tenant: str, rows: Iterable[ProbableRow]) -> None:
        execute_many(
            self._connection,
            "INSERT INTO probable_links (tenant, low, high, score, run_id, model_version) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [(tenant, *row) for row in rows],
        )


class SqlConflicts:
    """Conflicts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_keys(
        self, tenant: str, key_ids: Collection[int], limit: int | None = None
    ) -> Sequence[ConflictRow]:
        sql = "SELECT key_id, other_key_id, reason, first_us FROM conflicts WHERE tenant = ?"
        end = "" if limit is None else f" ORDER BY key_id, other_key_id, reason LIMIT {int(limit)}"
        found = {
            _conflict_row(row)
            for column, index in (("key_id", ""), ("other_key_id", "conflicts_by_other"))
            for row in select_among(self._connection, sql, (tenant,), column, key_ids, end, index)
        }
        return sorted(found)[:limit]

    def page(self, tenant: str, after: Conflict | None, limit: int) -> Sequence[ConflictRow]:
        place = after or (0, 0, 0)
        rows = execute(
            self._connection,
            "SELECT key_id, other_key_id, reason, first_us FROM conflicts WHERE tenant = ? "
            "AND (key_id, other_key_id, reason) > (?, ?, ?) ORDER BY key_id, other_key_id, reason LIMIT ?",
            (tenant, place[0], place[1], int(place[2]), limit),
        )
        return [_conflict_row(row) for row in rows]

    def add(self, tenant: str, rows: Iterable[ConflictRow]) -> None:
        execute_many(
            self._connection,
            "INSERT INTO conflicts (tenant, key_id, other_key_id, reason, first_us) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (tenant, key_id, other_key_id, reason) DO NOTHING",
            [(tenant, c.key_id, c.other_key_id, int(c.reason), first_us) for c, first_us in rows],
        )

    def remove(self, tenant: str, conflicts: Iterable[Conflict]) -> None:
        execute_many(
            self._connection,
            "DELETE FROM conflicts WHERE tenant = ? AND key_id = ? AND other_key_id = ? AND reason = ?",
            [(tenant, c.key_id, c.other_key_id, int(c.reason)) for c in conflicts],
        )


class SqlMerges:
    """Merges."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, tenant: str, rows: Iterable[MergeRow]) -> None:
        rows = list(rows)
        if not rows:
            return
        sql = "SELECT max(sequence) FROM merges WHERE tenant = ?"
        first = int(execute(self._connection, sql, (tenant,)).scalar() or 0) + 1
        execute_many(
            self._connection,
            f"INSERT INTO merges (tenant, {_MERGE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    tenant,
                    sequence,
                    row.time_us,
                    int(row.kind),
                    row.person_id,
                    row.other_person_id,
                    pack_ids(row.moved_key_ids),
                    int(row.cause.kind),
                    row.cause.source,
                    row.cause.id,
                )
                for sequence, row in zip(count(first), rows, strict=False)
            ],
        )

    def page(self, tenant: str, person_ids: Collection[int], before: int, limit: int) -> Sequence[MergeRow]:
        sql = f"SELECT {_MERGE_COLUMNS} FROM merges WHERE tenant = ? AND sequence < ?"
        parameters = (tenant, before or _END)
        if not person_ids:
            sql += " ORDER BY sequence DESC LIMIT ?"
            return [_merge_row(row) for row in execute(self._connection, sql, (*parameters, limit))]
        found = {
            row[0]: row
            for column, index in (("person_id", "merges_by_person"), ("other_person_id", "merges_by_other"))
            for row in select_among(self._connection, sql, parameters, column, person_ids, index=index)
        }
        return [_merge_row(found[sequence]) for sequence in sorted(found, reverse=True)[:limit]]


class SqlMarks:
    """Marks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, tenant: str, key_ids: Collection[int], mark: int) -> None:
        execute_many(
            self._connection,
            "UPDATE keys SET marks = marks | ? WHERE tenant = ? AND key_id = ?",
            [(mark, tenant, key_id) for key_id in key_ids],
        )

    def with_mark(self, tenant: str, mark: int) -> Mapping[int, int]:
        sql = "SELECT key_id, marks FROM keys WHERE tenant = ? AND marks & ? <> 0 ORDER BY key_id"
        return {row[0]: row[1] for row in execute(self._connection, sql, (tenant, int(mark)))}


def _conflict_row(row: Any) -> ConflictRow:
    return ConflictRow(Conflict(row[0], row[1], Reason(row[2])), row[3])


def _merge_row(row: Any) -> MergeRow:
    return MergeRow(
        row[0],
        row[1],
        MergeKind(row[2]),
        row[3],
        row[4],
        unpack_ids(row[5]),
        Cause(CauseKind(row[6]), row[8], row[7]),
    )
