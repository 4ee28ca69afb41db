"""Statements of persons over the table `stated_value`."""

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.columns import microseconds, moment_of
from tagging.domain.stated import Statement, latest, supersedes
from tagging.store.property_json import decode, encode
from tagging.store.sql_lists import pieces

_COLUMNS = "s.tag_id, s.person_id, s.time_us, s.value, s.confidence, s.source, s.expires_us"
_PUT = (
    "INSERT INTO stated_value (tenant, tag_id, person_id, time_us, value, confidence, source, expires_us, lapsed) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, tag_id, person_id) DO UPDATE SET "
    "time_us = excluded.time_us, value = excluded.value, confidence = excluded.confidence, "
    "source = excluded.source, expires_us = excluded.expires_us, lapsed = excluded.lapsed"
)


class SqlStatedValues:
    """StatedValues. An id stands for the person that the key map's statement of it names, in one step: while one is
    on its way in another lane, the others' statements wait for it."""

    def put(
        self,
        connection: Connection,
        tenant: str,
        tag_id: str,
        statements: Collection[Statement],
        now: dt.datetime,
    ) -> frozenset[int]:
        present = self._of_ids(connection, tenant, [tag_id], [each.person_id for each in statements])
        known = {each.person_id: each for _, each in present}
        news = [
            each
            for each in statements
            if supersedes(each, known.get(each.person_id)) and each != known.get(each.person_id)
        ]
        execute_many(connection, _PUT, [_row(tenant, tag_id, each, now) for each in news])
        return frozenset(each.person_id for each in news)

    def of_persons(
        self, connection: Connection, tenant: str, tag_ids: Collection[str], person_ids: Collection[int]
    ) -> dict[str, dict[int, Statement]]:
        found = self.each_of_persons(connection, tenant, tag_ids, person_ids)
        return {tag_id: _folded(by_person) for tag_id, by_person in found.items()}

    def each_of_persons(
        self, connection: Connection, tenant: str, tag_ids: Collection[str], person_ids: Collection[int]
    ) -> dict[str, dict[int, list[Statement]]]:
        stands_for = {person: person for person in person_ids}
        for piece, marks in pieces(person_ids) if tag_ids else ():
            rows = execute(
                connection,
                "SELECT person_id, redirect_person_id FROM person "
                f"WHERE tenant = ? AND redirect_person_id > 0 AND redirect_person_id IN ({marks})",
                (tenant, *piece),
            )
            stands_for |= {row[0]: row[1] for row in rows}
        found: dict[str, dict[int, list[Statement]]] = {each: {} for each in tag_ids}
        for tag_id, each in self._of_ids(connection, tenant, tag_ids, stands_for):
            found[tag_id].setdefault(stands_for[each.person_id], []).append(each)
        return found

    def of_everybody(self, connection: Connection, tenant: str, tag_id: str) -> dict[int, Statement]:
        rows = execute(
            connection,
            "SELECT CASE WHEN p.redirect_person_id > 0 THEN p.redirect_person_id ELSE p.person_id END, "
            f"{_COLUMNS} FROM stated_value s "
            "JOIN person p ON p.tenant = s.tenant AND p.person_id = s.person_id "
            "WHERE s.tenant = ? AND s.tag_id = ?",
            (tenant, tag_id),
        )
        found: dict[int, list[Statement]] = {}
        for row in rows:
            found.setdefault(row[0], []).append(_statement(row[1:])[1])
        return _folded(found)

    def turning(
        self, connection: Connection, now: dt.datetime, limit: int
    ) -> dict[str, dict[str, list[int]]]:
        found: dict[str, dict[str, list[int]]] = {}
        for lapsed, compared in ((False, "<="), (True, ">")):
            rows = execute(
                connection,
                "SELECT tenant, tag_id, person_id FROM stated_value "
                f"WHERE lapsed = ? AND expires_us {compared} ? ORDER BY expires_us LIMIT ?",
                (lapsed, microseconds(now), limit),
            )
            for tenant, tag_id, person_id in rows:
                found.setdefault(tenant, {}).setdefault(tag_id, []).append(person_id)
        return found

    def turn(
        self, connection: Connection, tenant: str, tag_id: str, person_ids: Collection[int], now: dt.datetime
    ) -> None:
        for piece, marks in pieces(person_ids):
            execute(
                connection,
                "UPDATE stated_value SET lapsed = (expires_us <= ?) "
                f"WHERE tenant = ? AND tag_id = ? AND expires_us IS NOT NULL AND person_id IN ({marks})",
                (microseconds(now), tenant, tag_id, *piece),
            )

    def drop(self, connection: Connection, tenant: str, tag_id: str) -> None:
        execute(connection, "DELETE FROM stated_value WHERE tenant = ? AND tag_id = ?", (tenant, tag_id))

    def forget(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> int:
        return sum(
            execute(
                connection,
                f"DELETE FROM stated_value WHERE tenant = ? AND person_id IN ({marks})",
                (tenant, *piece),
            ).rowcount
            for piece, marks in pieces(person_ids)
        )

    @staticmethod
    def _of_ids(
        connection: Connection, tenant: str, tag_ids: Collection[str], person_ids: Collection[int]
    ) -> list[tuple[str, Statement]]:
        tags = sorted(tag_ids)
        found: list[tuple[str, Statement]] = []
        for piece, marks in pieces(person_ids) if tags else ():
            rows = execute(
                connection,
                f"SELECT {_COLUMNS} FROM stated_value s WHERE s.tenant = ? "
                f"AND s.tag_id IN ({', '.join('?' * len(tags))}) AND s.person_id IN ({marks})",
                (tenant, *tags, *piece),
            )
            found += [_statement(row) for row in rows]
        return found


def _folded(by_person: dict[int, list[Statement]]) -> dict[int, Statement]:
    return {person: _latest(by_person[person]) for person in sorted(by_person)}


def _latest(statements: Iterable[Statement]) -> Statement:
    found = latest(statements)
    assert found is not None
    return found


def _row(tenant: str, tag_id: str, statement: Statement, now: dt.datetime) -> tuple[Any, ...]:
    expires = statement.expires_at
    return (
        tenant,
        tag_id,
        statement.person_id,
        microseconds(statement.time),
        None if statement.value is None else encode({"value": statement.value}),
        statement.confidence,
        statement.source,
        None if expires is None else microseconds(expires),
        statement.has_lapsed(now),
    )


def _statement(row: Sequence[Any]) -> tuple[str, Statement]:
    tag_id, person_id, time_us, value, confidence, source, expires_us = row
    said = None if value is None else decode(value)["value"]
    expires_at = None if expires_us is None else moment_of(expires_us)
    return tag_id, Statement(person_id, said, moment_of(time_us), confidence, source, expires_at)
