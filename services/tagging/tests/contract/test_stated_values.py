"""The contract of StatedValues, on each store."""

import datetime as dt

import pytest
from servicekit.database import Database
from sqlalchemy import Connection
from tagging.domain.persons import Person, PersonState
from tagging.domain.stated import Statement
from tagging.store.sql_key_map import SqlKeyMap
from tagging.store.sql_stated import SqlStatedValues

NOW = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)


def at(hours: int) -> dt.datetime:
    return NOW + dt.timedelta(hours=hours)


@pytest.fixture
def stated() -> SqlStatedValues:
    return SqlStatedValues()


def known(*person_ids: int, version: int = 1) -> list[Person]:
    return [Person(each, version, PersonState.KNOWN) for each in person_ids]


def redirected(person_id: int, to: int, version: int = 2) -> Person:
    return Person(person_id, version, PersonState.REDIRECTED, redirect_person_id=to)


def test_the_latest_statement_of_an_id_stays(database: Database, stated: SqlStatedValues) -> None:
    def write(connection: Connection, *statements: Statement) -> frozenset[int]:
        return stated.put(connection, "t1", "vip", statements, NOW)

    first = Statement(1, "gold", at(0), 9_000, "crm", at(9))
    assert database.write_now(write, first, Statement(2, ("a", "b"), at(0))) == {1, 2}
    assert database.write_now(write, first) == frozenset()
    assert database.write_now(write, Statement(1, "silver", at(-1))) == frozenset()
    found = database.read_now(stated.of_persons, "t1", ["vip", "other"], [1, 2, 3])
    assert found == {"vip": {1: first, 2: Statement(2, ("a", "b"), at(0))}, "other": {}}
    assert database.write_now(write, Statement(1, "copper", at(0)), Statement(2, None, at(1))) == {1, 2}
    found = database.read_now(stated.of_persons, "t1", ["vip"], [1, 2])
    assert {person: each.value for person, each in found["vip"].items()} == {1: "copper", 2: None}
    assert database.read_now(stated.of_persons, "t2", ["vip"], [1, 2]) == {"vip": {}}


def test_a_person_has_what_was_stated_of_its_ids(database: Database, stated: SqlStatedValues) -> None:
    key_map = SqlKeyMap()
    database.write_now(key_map.apply, "t1", known(1, 2, 3))
    statements = [Statement(1, 10, at(0)), Statement(2, 20, at(1)), Statement(3, 30, at(-1))]
    database.write_now(stated.put, "t1", "score", statements, NOW)

    def values() -> tuple[dict[int, object], dict[int, object]]:
        some = database.read_now(stated.of_persons, "t1", ["score"], [1, 3])["score"]
        everybody = database.read_now(stated.of_everybody, "t1", "score")
        return {person: each.value for person, each in some.items()}, {
            person: each.value for person, each in everybody.items()
        }

    assert values() == ({1: 10, 3: 30}, {1: 10, 2: 20, 3: 30})
    database.write_now(key_map.apply, "t1", [redirected(2, 1)])
    assert values() == ({1: 20, 3: 30}, {1: 20, 3: 30})
    database.write_now(key_map.apply, "t1", [redirected(3, 1)])
    assert values() == ({1: 20}, {1: 20})
    database.write_now(key_map.apply, "t1", known(2, 3, version=3))
    assert values() == ({1: 10, 3: 30}, {1: 10, 2: 20, 3: 30})


def test_statements_turn_with_the_clock_both_ways(database: Database, stated: SqlStatedValues) -> None:
    statements = [
        Statement(1, True, at(0), expires_at=at(1)),
        Statement(2, True, at(0), expires_at=at(2)),
        Statement(3, True, at(0)),
    ]
    database.write_now(stated.put, "t1", "vip", statements, NOW)

    def turning(now: dt.datetime) -> list[int]:
        found = database.read_now(stated.turning, now, 10)
        ids = found.get("t1", {}).get("vip", [])
        database.write_now(stated.turn, "t1", "vip", ids, now)
        return sorted(ids)

    assert [turning(at(hours)) for hours in (0, 1, 1, 5, 5)] == [[], [1], [], [2], []]
    assert [turning(at(hours)) for hours in (0, 0, 1)] == [[1, 2], [], [1]]
    database.write_now(stated.put, "t1", "vip", [Statement(2, True, at(0), expires_at=at(-1))], at(1))
    assert turning(at(1)) == []  # what has lapsed before it comes is no news


def test_dropped_and_forgotten(database: Database, stated: SqlStatedValues) -> None:
    for tag in ("vip", "score"):
        database.write_now(stated.put, "t1", tag, [Statement(1, 1, at(0)), Statement(2, 2, at(0))], NOW)
    assert database.write_now(stated.forget, "t1", [1, 9]) == 2
    database.write_now(stated.drop, "t1", "vip")
    found = database.read_now(stated.of_persons, "t1", ["vip", "score"], [1, 2])
    assert {tag: list(by_person) for tag, by_person in found.items()} == {"vip": [], "score": [2]}
