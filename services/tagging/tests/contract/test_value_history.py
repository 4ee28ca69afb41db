"""The contract of ValueHistory, on each store: whatever is written through TagValues can be asked for again."""

import datetime as dt
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules.values import Kind
from servicekit.database import Database
from tagging.domain.columns import Shape, Vector
from tagging.domain.history import Keeping
from tagging.store.block_files import BlockFiles
from tagging.store.sql_history import SqlValueHistory
from tagging.store.sql_values import SqlTagValues

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
TEXT = Shape(Kind.TEXT)
PERSONS = (1, 2, 3, 70_000)
NOBODY = np.empty(0, np.int64)


def at(hours: float) -> dt.datetime:
    return NOW + dt.timedelta(hours=hours)


class Histories:
    """Values and their versions of one tenant, each call in a transaction of its own."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        ids = itertools.count()
        self.values = SqlTagValues(BlockFiles(folder, lambda: f"id{next(ids)}", synced=False), lambda: 0)
        self.history = SqlValueHistory(self.values)
        self.database.write_now(self.values.declare, "t1", "city", TEXT)

    def keep(self, keep_days: int, now: dt.datetime = NOW) -> None:
        self.database.write_now(self.history.keep, "t1", "city", keep_days, now)

    def put(self, hours: float, **cities: str | None) -> None:
        values = {int(person[1:]): city for person, city in cities.items()}
        self.database.write_now(self.values.put, "t1", {"city": values}, at(hours))

    def publish(self, hours: float, cities: dict[int, str | None]) -> None:
        persons = np.array(sorted(each for each in cities if each < 65_536), np.int64)
        vector = Vector.of([cities[each] for each in persons.tolist()], TEXT)
        self.database.write_now(self.values.publish, "t1", "city", 0, persons, vector, NOBODY, at(hours))

    def present(self) -> dict[int, str | None]:
        found = self.database.read_now(self.values.get, "t1", ["city"], PERSONS)["city"]
        return {each: found[each].value if each in found else None for each in PERSONS}  # type: ignore[misc]

    def values_at(self, hours: float) -> dict[int, Any]:
        changed = self.database.read_now(self.history.values_at, "t1", ["city"], PERSONS, at(hours))
        return {**self.present(), **changed["city"]}

    def differences(self, start: float, end: float) -> list[tuple[int, Any, Any]]:
        def read(connection: Any) -> list[tuple[int, Any, Any]]:
            found = self.history.differences(connection, "t1", "city", at(start), at(end))
            return [row for each in found for row in self.history.decoded(connection, "t1", "city", each)]

        return self.database.read_now(read)

    def records(self) -> int:
        def count(connection: Any) -> int:
            query = "SELECT count(*) FROM value_history"
            return int(connection.exec_driver_sql(query).scalar_one())

        return self.database.read_now(count)


@pytest.fixture
def histories(database: Database, tmp_path: Path) -> Histories:
    return Histories(database, tmp_path / "values")


def test_what_was_known_comes_back(histories: Histories) -> None:
    histories.keep(30)
    histories.put(1, p1="上海", p70000="北京")
    histories.publish(2, {1: "广州", 2: "上海"})
    histories.put(3, p1=None)
    nothing = dict.fromkeys(PERSONS)
    assert histories.values_at(0) == nothing
    assert histories.values_at(1) == {**nothing, 1: "上海", 70_000: "北京"}
    assert histories.values_at(2.5) == {**nothing, 1: "广州", 2: "上海", 70_000: "北京"}
    assert histories.values_at(3) == histories.present() == {**nothing, 2: "上海", 70_000: "北京"}
    assert histories.differences(0, 3) == [(2, None, "上海"), (70_000, None, "北京")]
    assert histories.differences(1, 2) == [(1, "上海", "广州"), (2, None, "上海")]
    assert histories.differences(2, 3) == [(1, "广州", None)]
    assert histories.differences(3, 9) == []


def test_a_column_that_keeps_nothing_records_nothing(histories: Histories) -> None:
    histories.put(1, p1="上海")
    histories.keep(30, at(2))
    histories.put(3, p1="北京")
    assert histories.database.read_now(histories.history.kept, "t1") == {"city": Keeping(30, at(2))}
    histories.keep(60, at(4))
    assert histories.database.read_now(histories.history.kept, "t1") == {"city": Keeping(60, at(2))}
    assert histories.values_at(2)[1] == "上海"
    histories.keep(0)
    assert histories.database.read_now(histories.history.kept, "t1") == {}
    assert histories.records() == 0


def test_what_does_not_change_is_not_recorded(histories: Histories) -> None:
    histories.keep(30)
    histories.put(1, p1="上海")
    histories.put(2, p1="上海")
    histories.publish(3, {1: "上海"})
    assert histories.records() == 1


def test_versions_go_when_their_time_is_over(histories: Histories) -> None:
    histories.keep(1)
    histories.put(1, p1="上海")
    histories.put(30, p1="北京")
    assert histories.database.write_now(histories.history.trim, at(25)) == 0
    assert histories.database.write_now(histories.history.trim, at(26)) == 1
    assert histories.values_at(29)[1] == "上海"
    kept = histories.database.read_now(histories.history.kept, "t1")["city"]
    assert kept.reach(at(12)) == NOW
    assert kept.reach(at(40)) == at(16)


def test_dropping_a_column_drops_its_versions(histories: Histories) -> None:
    histories.keep(30)
    histories.put(1, p1="上海")
    histories.database.write_now(histories.values.drop, "t1", "city")
    assert histories.records() == 0
    assert histories.database.read_now(histories.history.kept, "t1") == {}


def test_folding_changes_nothing_that_is_read(histories: Histories) -> None:
    histories.keep(30)
    for hour in range(1, 13):
        histories.put(hour, **{f"p{1 + hour % 3}": f"city {hour}"})
    before = [histories.values_at(hour) for hour in range(14)]
    assert histories.database.write_now(histories.history.fold, "t1") == 12
    assert histories.records() == 1
    assert [histories.values_at(hour) for hour in range(14)] == before
    histories.put(13, p1="上海")
    assert histories.values_at(12) == before[12]


def test_forgetting_a_person_leaves_the_others(histories: Histories) -> None:
    histories.keep(30)
    histories.put(1, p1="上海", p2="北京")
    histories.put(2, p1="广州")
    histories.put(3, p2="广州")
    assert histories.database.write_now(histories.history.forget, "t1", [1, 70_000]) == 2
    assert histories.records() == 2
    assert histories.differences(0, 3) == [(2, None, "广州")]


STEPS = st.lists(
    st.tuples(
        st.booleans(),
        st.dictionaries(st.sampled_from(PERSONS), st.none() | st.sampled_from("abc"), min_size=1),
        st.booleans(),
    ),
    max_size=12,
)


@given(STEPS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_history_comes_back(small_world: Callable[[], Any], steps: list[Any]) -> None:
    world = small_world()
    histories = Histories(world.database, world.folder / "versions")
    histories.keep(30)
    states = [histories.present()]
    for hour, (is_run, cities, folds) in enumerate(steps, start=1):
        if is_run:
            histories.publish(hour, cities)
        else:
            histories.put(hour, **{f"p{person}": city for person, city in cities.items()})
        if folds:
            world.database.write_now(histories.history.fold, "t1")
        states.append(histories.present())
    assert [histories.values_at(hour) for hour in range(len(states))] == states
    told = histories.differences(0, len(steps))
    assert told == [
        (person, states[0][person], states[-1][person])
        for person in PERSONS
        if states[0][person] != states[-1][person]
    ]
