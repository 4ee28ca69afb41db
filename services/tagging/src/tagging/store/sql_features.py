"""Features with who needs them, and the persons whose values change next by themselves."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from rules.values import Kind
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.columns import Ints
from tagging.store.sql_lists import pieces
from tagging.store.tag_ports import Feature, FeatureState

_COLUMNS = "form, column_name, base, state, done_count, total_count, failure, unneeded_ms"


class SqlFeatures:
    """Features over the tables `feature` and `feature_need`."""

    def all(self, connection: Connection, tenant: str) -> dict[str, Feature]:
        rows = execute(
            connection,
            f"SELECT {_COLUMNS} FROM feature WHERE tenant = ?",
            (tenant,),
        )
        found = {row[0]: _feature(row) for row in rows}
        return {form: found[form] for form in sorted(found)}

    def stamp(self, connection: Connection, tenant: str) -> Hashable:
        rows = execute(
            connection,
            "SELECT form, CASE WHEN state = ? THEN 1 ELSE 0 END FROM feature WHERE tenant = ? ORDER BY form",
            (int(FeatureState.FAILED), tenant),
        )
        return tuple(tuple(row) for row in rows)

    def put(self, connection: Connection, tenant: str, features: Collection[Feature]) -> None:
        execute_many(
            connection,
            f"INSERT INTO feature (tenant, {_COLUMNS}) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, form) DO UPDATE SET "
            "state = excluded.state, done_count = excluded.done_count, total_count = excluded.total_count, "
            "failure = excluded.failure, unneeded_ms = excluded.unneeded_ms",
            [
                (
                    tenant,
                    each.form,
                    each.column,
                    each.base.value,
                    int(each.state),
                    each.done_count,
                    each.total_count,
                    each.failure,
                    each.unneeded_ms,
                )
                for each in features
            ],
        )

    def delete(self, connection: Connection, tenant: str, forms: Collection[str]) -> None:
        execute_many(
            connection,
            "DELETE FROM feature WHERE tenant = ? AND form = ?",
            [(tenant, each) for each in sorted(forms)],
        )

    def needed(self, connection: Connection, tenant: str) -> dict[str, frozenset[str]]:
        rows = execute(
            connection, "SELECT consumer, form FROM feature_need WHERE tenant = ?", (tenant,)
        ).all()
        return {
            consumer: frozenset(row[1] for row in rows if row[0] == consumer)
            for consumer in sorted({row[0] for row in rows})
        }

    def set_needed(self, connection: Connection, tenant: str, consumer: str, forms: Collection[str]) -> None:
        execute(connection, "DELETE FROM feature_need WHERE tenant = ? AND consumer = ?", (tenant, consumer))
        execute_many(
            connection,
            "INSERT INTO feature_need (tenant, consumer, form) VALUES (?, ?, ?)",
            [(tenant, consumer, each) for each in sorted(set(forms))],
        )

    def backfilling(self, connection: Connection) -> dict[str, list[Feature]]:
        return self._by_tenant(connection, "state = ?", int(FeatureState.BACKFILLING))

    def unneeded(self, connection: Connection, before_machine_time_ms: int) -> dict[str, list[Feature]]:
        return self._by_tenant(connection, "unneeded_ms < ?", before_machine_time_ms)

    def _by_tenant(self, connection: Connection, condition: str, value: int) -> dict[str, list[Feature]]:
        found: dict[str, list[Feature]] = {}
        rows = execute(
            connection,
            f"SELECT tenant, {_COLUMNS} FROM feature WHERE {condition} ORDER BY tenant, form",
            (value,),
        )
        for row in rows:
            found.setdefault(row[0], []).append(_feature(row[1:]))
        return found


class SqlDuePersons:
    """DuePersons over the table `due_person`."""

    def put(self, connection: Connection, tenant: str, due_us: Mapping[int, int | None]) -> None:
        gone = sorted(person for person, due in due_us.items() if due is None)
        for piece, marks in pieces(gone):
            execute(
                connection,
                f"DELETE FROM due_person WHERE tenant = ? AND person_id IN ({marks})",
                (tenant, *piece),
            )
        execute_many(
            connection,
            "INSERT INTO due_person (tenant, person_id, due_us) VALUES (?, ?, ?) "
            "ON CONFLICT (tenant, person_id) DO UPDATE SET due_us = excluded.due_us "
            "WHERE due_person.due_us <> excluded.due_us",
            [(tenant, person, due) for person, due in sorted(due_us.items()) if due is not None],
        )

    def due(self, connection: Connection, now_us: int, limit: int) -> dict[str, list[int]]:
        tenants = execute(connection, "SELECT tenant FROM tenant ORDER BY tenant").all()
        found = {}
        for (tenant,) in tenants:
            rows = execute(
                connection,
                "SELECT person_id FROM due_person WHERE tenant = ? AND due_us <= ? "
                "ORDER BY due_us, person_id LIMIT ?",
                (tenant, now_us, limit),
            )
            if persons := [row[0] for row in rows]:
                found[tenant] = persons
        return found

    def overdue(self, connection: Connection, tenant: str, now_us: int) -> Ints:
        rows = execute(
            connection,
            "SELECT person_id FROM due_person WHERE tenant = ? AND due_us <= ? ORDER BY person_id",
            (tenant, now_us),
        )
        return np.fromiter((row[0] for row in rows), np.int64)

    def forget(self, connection: Connection, tenant: str, until_us: int) -> None:
        execute(connection, "DELETE FROM due_person WHERE tenant = ? AND due_us <= ?", (tenant, until_us))

    def count(self, connection: Connection, tenant: str, now_us: int) -> int:
        return int(
            execute(
                connection,
                "SELECT count(*) FROM due_person WHERE tenant = ? AND due_us <= ?",
                (tenant, now_us),
            ).scalar_one()
        )


def _feature(row: Sequence[Any]) -> Feature:
    return Feature(
        form=row[0],
        column=row[1],
        base=Kind(row[2]),
        state=FeatureState(row[3]),
        done_count=row[4],
        total_count=row[5],
        failure=row[6],
        unneeded_ms=row[7],
    )
