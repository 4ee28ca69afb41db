"""The contract of KeyMap, on each store."""

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules.check import Population
from servicekit.database import Database
from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.app.keep_person_files import KeepPersonFiles
from tagging.domain.key_ownership import owners
from tagging.domain.persons import NO_PROFILING, Person, PersonState
from tagging.store.person_files import PersonFiles
from tagging.store.sql_key_map import SqlKeyMap
from tagging.store.sql_person_files import SqlPersonFiles

KEYS = range(1, 9)


def known(person_id: int, version: int, *keys: int, **others: object) -> Person:
    return Person(person_id, version, PersonState.KNOWN, key_ids=keys, **others)  # type: ignore[arg-type]


def redirected(person_id: int, version: int, to: int) -> Person:
    return Person(person_id, version, PersonState.REDIRECTED, redirect_person_id=to)


@pytest.fixture
def key_map() -> SqlKeyMap:
    return SqlKeyMap()


def test_a_person_comes_back_as_it_was_stated(database: Database, key_map: SqlKeyMap) -> None:
    said = known(3, 9, 1, 5, birth_hash=2**64 - 3, attributes={"city": "上海", "level": 20_000})
    delta = database.write_now(key_map.apply, "t1", [said])
    assert delta.changed == (said,)
    assert delta.touched == {3}
    assert database.read_now(key_map.persons, "t1", [3, 4]) == {3: said}
    assert database.read_now(key_map.owners, "t1", [1, 2, 5]) == {1: 3, 5: 3}
    assert database.read_now(key_map.keys_of, "t1", [3, 4]) == {3: [1, 5], 4: []}
    assert database.read_now(key_map.persons, "t2", [3]) == {}


def test_a_repeat_and_an_older_statement_change_nothing(database: Database, key_map: SqlKeyMap) -> None:
    database.write_now(key_map.apply, "t1", [known(1, 5, 1)])
    for old in (known(1, 5, 1), known(1, 4, 1, 2)):
        delta = database.write_now(key_map.apply, "t1", [old])
        assert (delta.changed, delta.touched) == ((), frozenset())
    assert database.read_now(key_map.owners, "t1", KEYS) == {1: 1}


def test_what_a_newer_statement_touches(database: Database, key_map: SqlKeyMap) -> None:
    database.write_now(key_map.apply, "t1", [known(1, 1, 1), known(2, 2, 2)])
    same = database.write_now(key_map.apply, "t1", [known(1, 3, 1)])
    assert (same.changed, same.touched) == ((), frozenset())
    told = database.write_now(key_map.apply, "t1", [known(1, 4, 1, attributes={"gender": "female"})])
    assert (told.changed, told.touched) == ((), {1})
    merged = database.write_now(key_map.apply, "t1", [redirected(2, 5, 1), known(1, 6, 1, 2)])
    assert [person.person_id for person in merged.changed] == [2]
    assert merged.touched == {1, 2}
    split = database.write_now(key_map.apply, "t1", [known(2, 7, 2), known(1, 8, 1)])
    assert split.touched == {1, 2}
    assert database.read_now(key_map.owners, "t1", KEYS) == {1: 1, 2: 2}


def test_a_key_goes_to_the_latest_that_lists_it_and_back(database: Database, key_map: SqlKeyMap) -> None:
    """The half of a change that travels in the other lane may come first."""
    database.write_now(key_map.apply, "t1", [known(1, 10, 1, 2)])
    assert database.write_now(key_map.apply, "t1", [known(2, 20, 2)]).touched == {1, 2}
    assert database.read_now(key_map.owners, "t1", KEYS) == {1: 1, 2: 2}
    assert database.write_now(key_map.apply, "t1", [known(2, 31)]).touched == {1, 2}
    assert database.read_now(key_map.owners, "t1", KEYS) == {1: 1, 2: 1}
    database.write_now(key_map.apply, "t1", [known(1, 30)])
    assert database.read_now(key_map.owners, "t1", KEYS) == {}


def test_redirects_are_followed_to_the_living(database: Database, key_map: SqlKeyMap) -> None:
    erased = Person(5, 5, PersonState.ERASED)
    people = [
        known(1, 1, 1),
        redirected(2, 2, 1),
        redirected(3, 3, 2),
        erased,
        redirected(6, 6, 7),
        redirected(7, 7, 6),
    ]
    database.write_now(key_map.apply, "t1", people)
    living = database.read_now(key_map.living, "t1", [1, 2, 3, 4, 5, 6])
    assert {asked: person.person_id for asked, person in living.items()} == {1: 1, 2: 1, 3: 1}


def test_populations_and_the_universe(database: Database, key_map: SqlKeyMap) -> None:
    states = {1: 2, 2: 1, 3: 3, 4: 4, 5: 5}
    people = [Person(person_id, person_id, PersonState(state)) for person_id, state in states.items()]
    database.write_now(key_map.apply, "t1", people)
    found = {each: database.read_now(key_map.population, "t1", each).tolist() for each in Population}
    assert found == {Population.KNOWN: [1, 3], Population.MEMBER: [3], Population.ALL: [1, 2, 3]}
    assert database.read_now(key_map.universe, "t1", 1, 3) == people[1:4]


def test_the_array_follows_every_change_and_never_writes_what_it_gave(
    database: Database, key_map: SqlKeyMap
) -> None:
    assert database.read_now(key_map.array, "t1").tolist() == [0]
    database.write_now(key_map.apply, "t1", [known(1, 1, 1, 3)])
    before = database.read_now(key_map.array, "t1")
    assert before.tolist() == [0, 1, 0, 1]
    assert database.read_now(key_map.array, "t1") is before
    database.write_now(key_map.apply, "t1", [known(2, 2, 3, 4)])
    assert database.read_now(key_map.array, "t1").tolist() == [0, 1, 0, 2, 2]
    assert before.tolist() == [0, 1, 0, 1]
    with pytest.raises(ValueError, match="read-only"):
        before[0] = 1


def test_the_array_of_an_older_snapshot_is_as_old(database: Database, key_map: SqlKeyMap) -> None:
    database.write_now(key_map.apply, "t1", [known(1, 1, 1)])

    def read_twice(connection: Connection) -> list[int]:
        key_map.persons(connection, "t1", [1])  # the snapshot begins
        database.write_now(key_map.apply, "t1", [known(2, 2, 1)])
        assert database.read_now(key_map.array, "t1").tolist() == [0, 2]
        return key_map.array(connection, "t1").tolist()

    assert database.read_now(read_twice) == [0, 1]
    assert database.read_now(key_map.array, "t1").tolist() == [0, 2]


statements = st.lists(
    st.builds(
        lambda person_id, keys, state, objects: Person(
            person_id,
            0,
            state,
            key_ids=tuple(sorted(keys)) if state.is_living else (),
            attributes={NO_PROFILING: objects} if state.is_living else {},
        ),
        st.integers(1, 4),
        st.sets(st.sampled_from(KEYS), max_size=4),
        st.sampled_from([PersonState.KNOWN, PersonState.MEMBER, PersonState.ERASED]),
        st.booleans(),
    ),
    max_size=10,
)


@given(data=st.data(), unversioned=statements)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_statements_ends_in_the_same_map(
    database: Database, tmp_path: Path, data: st.DataObject, unversioned: list[Person]
) -> None:
    """However statements are ordered, repeated and cut into batches, and whenever files are kept, the map is the
    function of their set, and so is what a start reads."""
    numbers = itertools.count()
    files = PersonFiles(tmp_path, lambda: str(next(numbers)))
    key_map = SqlKeyMap(files)
    copies = SqlPersonFiles(files, key_map)
    database.write_now(_clear)
    history = [replace(each, version=version) for version, each in enumerate(unversioned, 1)]
    order = data.draw(st.permutations(history + history[:3]))
    cuts = data.draw(st.sets(st.integers(0, len(order))))
    bounds = sorted({0, len(order), *cuts})
    for start, end in itertools.pairwise(bounds):
        database.write_now(key_map.apply, "t1", order[start:end])
        if data.draw(st.booleans()):
            database.read_now(key_map.array, "t1")
        if data.draw(st.booleans()):
            _keep(database, copies)
    expected = owners(history)
    assert database.read_now(key_map.owners, "t1", KEYS) == expected
    array = database.read_now(key_map.array, "t1")
    assert {int(key): int(array[key]) for key in np.flatnonzero(array)} == expected
    told = _told(database, SqlKeyMap())
    assert told["keys"] == array.tolist()
    assert [_told(database, each) for each in (key_map, SqlKeyMap(files))] == [told, told]


def test_files_that_are_gone_or_damaged_cost_time_alone(database: Database, tmp_path: Path) -> None:
    files = PersonFiles(tmp_path, lambda: "a")
    copies = SqlPersonFiles(files, SqlKeyMap(files))
    database.write_now(SqlKeyMap().apply, "t1", [known(1, 1, 1), known(2, 2, 2, birth_hash=2**64 - 3)])
    _keep(database, copies)
    told = _told(database, SqlKeyMap())
    for each in (tmp_path / "t1").iterdir():
        each.write_bytes(each.read_bytes()[:-1])
    assert _told(database, SqlKeyMap(files)) == told
    copies.sweep("t1")
    assert list((tmp_path / "t1").iterdir()) == []
    assert _told(database, SqlKeyMap(files)) == told


async def test_files_are_kept_while_an_eighth_was_stated_anew(database: Database, tmp_path: Path) -> None:
    numbers = itertools.count()
    files = PersonFiles(tmp_path, lambda: str(next(numbers)))
    key_map = SqlKeyMap(files)
    copies = SqlPersonFiles(files, key_map)
    keep = KeepPersonFiles(database, copies, asyncio.Lock())
    database.write_now(key_map.apply, "t1", [known(each, each) for each in range(1, 17)])
    assert [await keep.keep_due("t1", least) for least in (17, 16, 16)] == [0, 16, 0]
    database.write_now(key_map.apply, "t1", [known(1, 20, 1)])
    assert await keep.keep_due("t1", 16) == 0
    database.write_now(key_map.apply, "t1", [redirected(2, 21, 1)])
    assert await keep.keep_due("t1", 16) == 15
    assert {each.name.partition(".")[0] for each in (tmp_path / "t1").iterdir()} == {"1"}
    copies.sweep("t1")
    assert await keep.keep_due("t1", 16) == 15


def _keep(database: Database, copies: SqlPersonFiles) -> None:
    held = database.read_now(copies.held, "t1")
    name = copies.write("t1", held)
    database.write_now(copies.name, "t1", name, held.change)
    copies.sweep("t1", name)


def _told(database: Database, key_map: SqlKeyMap) -> dict[str, list[int]]:
    """Everybody and every key."""
    persons = database.read_now(key_map.everybody, "t1")
    return {
        "ids": persons.ids.tolist(),
        "states": persons.states.tolist(),
        "birth_hashes": persons.birth_hashes.tolist(),
        "objecting": database.read_now(key_map.objecting, "t1").tolist(),
        "keys": database.read_now(key_map.array, "t1").tolist(),
    }


def _clear(connection: Connection) -> None:
    for table in ("person", "key_owner", "contested_key", "fact_counter", "person_file"):
        execute(connection, f"DELETE FROM {table}")
