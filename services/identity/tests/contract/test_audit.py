"""The audit port: one chain per tenant, whoever writes, and any change in the tables is found."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from identity.domain.audit_chain import AuditRow, ChainEnd, ChainReader
from identity.main import Wiring
from identity.store.sql_audit import SqlAudit
from servicekit.database import Database
from sqlalchemy import Connection, text

T = TypeVar("T")
Run = Callable[[Callable[[SqlAudit], T]], T]


@pytest.fixture
def run(wiring: Wiring) -> Run[object]:
    return lambda work: wiring.database.write_now(lambda connection: work(SqlAudit(connection)))


def row(number: int, *person_ids: int, action: str = "look") -> AuditRow:
    return AuditRow("key", action, "why", "{}", person_ids, number, number)


def is_whole(audit: SqlAudit, tenant: str = "t") -> bool:
    reader = ChainReader(tenant)
    return (reader.read(audit.page(tenant, 0, 10_000)) or reader.finish(audit.end(tenant))) is None


def test_rows_are_chained_and_read_back(run: Run[object]) -> None:
    assert run(lambda a: a.end("t")) == ChainEnd()
    added = [run(lambda a, n=n: a.add("t", row(n, n, 7))) for n in range(1, 4)]
    run(lambda a: a.add("u", row(9)))
    assert run(lambda a: a.page("t", 0, 10)) == added
    assert run(lambda a: a.page("t", 1, 1)) == added[1:2]
    assert run(is_whole)
    assert run(lambda a: is_whole(a, "u"))


def test_rows_are_found_by_action_subject_and_person(run: Run[object]) -> None:
    for number in range(1, 6):
        run(lambda a, n=number: a.add("t", row(n, n % 2, action="look" if n < 4 else "erase")))

    def sequences(**wanted: object) -> list[int]:
        return [chained.sequence for chained in run(lambda a: a.page("t", 0, 2, **wanted))]

    assert sequences(action="erase") == [4, 5]
    assert sequences(person_ids=[1]) == [1, 3]
    assert sequences(action="erase", person_ids=[1]) == [5]
    assert sequences(subject="nobody") == []


def test_concurrent_writers_keep_one_chain_per_tenant(migrated_url: str, wiring: Wiring) -> None:
    databases = [wiring.database, Database.open(migrated_url)]

    def write(number: int) -> None:
        tenant = "tu"[number // 2 % 2]
        databases[number % 2].write_now(lambda c: SqlAudit(c).add(tenant, row(number)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(80)))
    databases[1].close_now()
    for tenant in "tu":
        rows = wiring.database.read_now(lambda c, tenant=tenant: SqlAudit(c).page(tenant, 0, 100))
        assert [chained.sequence for chained in rows] == list(range(1, 41))
        assert wiring.database.read_now(lambda c, tenant=tenant: is_whole(SqlAudit(c), tenant))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET reason = 'another' WHERE sequence = 2",
        "UPDATE audit SET time_us = 5 WHERE sequence = 2",
        "DELETE FROM audit WHERE sequence = 2",
        "DELETE FROM audit WHERE sequence = 4",
        "DELETE FROM audit",
        "UPDATE audit SET sequence = 9 WHERE sequence = 4",
        "UPDATE audit_ends SET sequence = 3",
    ],
)
def test_a_change_in_the_tables_is_found(run: Run[object], wiring: Wiring, change: str) -> None:
    for number in range(4):
        run(lambda a, n=number: a.add("t", row(n, 1)))

    def apply(connection: Connection) -> None:
        connection.execute(text(change))

    wiring.database.write_now(apply)
    assert not run(is_whole)
