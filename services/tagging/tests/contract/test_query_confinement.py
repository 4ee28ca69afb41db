"""What the process of a query cannot do, even if the look at its syntax were to let it pass."""

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tagging.store import query_child

JOB = {
    "tables": [("main", "persons")],
    "zone": "Asia/Shanghai",
    "base": "text",
    "multi_valued": False,
    "memory_megabytes": 256,
    "timeout_seconds": 10,
    "persons": 10,
}


@pytest.fixture
def inputs(tmp_path: Path) -> str:
    path = str(tmp_path / "inputs.duckdb")
    with duckdb.connect(path) as duck:
        duck.execute("CREATE TABLE persons AS SELECT 1::BIGINT AS person_id, 'known' AS state")
    return path


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 AS person_id, content AS value FROM read_text('/etc/hostname')",
        "SELECT 1 AS person_id, * FROM '/etc/passwd'",
        "SELECT 1 AS person_id, * FROM read_csv('https://example.org/x.csv')",
        "SELECT 1 AS person_id, file AS value FROM glob('/*')",
    ],
)
def test_files_and_addresses_are_out_of_reach(inputs: str, query: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(query_child, "require_allowed", lambda tree, tables: None)
    with pytest.raises((duckdb.PermissionException, duckdb.CatalogException)):
        query_child._answer({**JOB, "path": inputs, "query": query})


def test_the_copy_is_read_only_and_its_settings_are_locked(inputs: str, monkeypatch: Any) -> None:
    opened: list[Any] = []
    connect = duckdb.connect

    def kept(*args: Any, **options: Any) -> Any:
        opened.append(connect(*args, **options))
        return opened[-1]

    monkeypatch.setattr(duckdb, "connect", kept)
    query = "SELECT person_id, state AS value FROM persons"
    assert query_child._answer({**JOB, "path": inputs, "query": query}).num_rows == 1
    (duck,) = opened
    for statement in (
        "INSERT INTO persons VALUES (2, 'known')",
        "CREATE TABLE more (x INTEGER)",
        "SET enable_external_access = true",
        "SET memory_limit = '1TB'",
        "ATTACH '/tmp/other.duckdb' AS other",
        "COPY persons TO '/tmp/persons.csv'",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error):
            duck.execute(statement)
    duck.close()


def test_days_are_those_of_the_tenant(inputs: str) -> None:
    query = "SELECT person_id, CAST(TIMESTAMPTZ '2026-03-09 20:00:00+00' AS DATE) AS value FROM persons"
    found = query_child._answer({**JOB, "path": inputs, "query": query, "base": "date"})
    assert found["value"].to_pylist() == [dt.date(2026, 3, 10)]
