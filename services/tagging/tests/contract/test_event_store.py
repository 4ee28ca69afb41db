"""The contract of EventStore, on each store."""

import datetime as dt

import pytest
from rules.evaluate.person import Event as RuleEvent
from servicekit.database import Database
from tagging.domain.columns import microseconds
from tagging.domain.events import Event
from tagging.domain.person_events import EventsForRules
from tagging.domain.persons import Person, PersonState
from tagging.store.dictionary_file import standard_dictionary
from tagging.store.ports import Appended, Highest, Place
from tagging.store.sql_events import SqlEventStore
from tagging.store.sql_key_map import SqlKeyMap

NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
LINES = ({"item_id": "a", "quantity": 20_000}, {"item_id": "b"})


def event(
    sequence: int, key: int = 1, *, minutes: int = 0, type_: str = "order_paid", **others: object
) -> Event:
    return Event(
        ingest_sequence=sequence,
        source="shop",
        event_id=f"e{sequence}",
        type=type_,
        time=NOON + dt.timedelta(minutes=minutes),
        anchor_key_id=key,
        **others,  # type: ignore[arg-type]
    )


@pytest.fixture
def events() -> SqlEventStore:
    return SqlEventStore()


def test_an_event_comes_back_as_it_was_stored(database: Database, events: SqlEventStore) -> None:
    said = event(
        7,
        other_key_ids=(3, 5),
        brand="north",
        properties={"amount": 123_400, "items": LINES, "order_id": "订单 1"},
        extra={"on": dt.date(2026, 5, 2), "at": NOON, "flags": ("a", "b"), "yes": True},
    )
    database.write_now(SqlKeyMap().apply, "t1", [Person(1, 1, PersonState.KNOWN, key_ids=(1,))])
    assert database.write_now(events.append, "t1", [said]).events == (said,)
    assert database.read_now(events.of_persons, "t1", [1]) == {1: [said]}


def test_times_are_those_of_the_events_of_each_person(database: Database, events: SqlEventStore) -> None:
    stated = [
        Person(1, 1, PersonState.KNOWN, key_ids=(1, 2)),
        Person(2, 1, PersonState.KNOWN, key_ids=(7,)),
        Person(3, 1, PersonState.KNOWN, key_ids=(8,)),
    ]
    database.write_now(SqlKeyMap().apply, "t1", stated)
    told = [event(1), event(2, 2, minutes=-5, type_="search"), event(3, 7, minutes=9), event(4, 8), event(5)]
    database.write_now(events.append, "t1", told)
    database.write_now(events.append, "t2", [event(6)])
    asked = [1, 2, 99]
    found = database.read_now(events.of_persons, "t1", asked)
    expected = [(person, each.type, microseconds(each.time)) for person in asked for each in found[person]]
    assert len(expected) == 4
    assert sorted(database.read_now(events.times, "t1", asked)) == sorted(expected)
    assert database.read_now(events.times, "t1", []) == []


def test_a_repeat_changes_nothing(database: Database, events: SqlEventStore) -> None:
    first, other = event(1), event(2)
    assert database.write_now(events.append, "t1", [first, first, other]).events == (first, other)
    assert database.write_now(events.append, "t1", [other, first]) == Appended()
    assert database.write_now(events.append, "t2", [first]).events == (first,)


def test_an_event_told_under_a_higher_number_takes_the_place_of_what_was_stored(
    database: Database, events: SqlEventStore
) -> None:
    stated = [Person(1, 1, PersonState.KNOWN, key_ids=(1,)), Person(2, 1, PersonState.KNOWN, key_ids=(7,))]
    database.write_now(SqlKeyMap().apply, "t1", stated)
    database.write_now(events.append, "t1", [event(1), event(2)])
    anew = Event(9, "shop", "e1", "order_paid", NOON, 7, other_key_ids=(8,))
    again = Event(11, "shop", "e1", "order_paid", NOON, 7)
    assert database.write_now(events.append, "t1", [event(2), anew]) == Appended((anew,), frozenset({1}))
    assert database.read_now(events.of_persons, "t1", [1, 2]) == {1: [event(2)], 2: [anew]}
    late = database.write_now(events.append, "t1", [event(1), again, anew])
    assert late == Appended((again,), frozenset({7}))
    assert database.read_now(events.of_persons, "t1", [1, 2]) == {1: [event(2)], 2: [again]}


def test_more_events_than_one_statement_takes_are_all_stored(
    database: Database, events: SqlEventStore
) -> None:
    many = [event(sequence, key=sequence) for sequence in range(1, 502)]
    assert database.write_now(events.append, "t1", many).events == tuple(many)
    assert database.read_now(events.highest) == {"t1": Highest(0, 501, 501)}


def test_events_of_a_person_are_folded_over_its_keys_in_order(
    database: Database, events: SqlEventStore
) -> None:
    keys = SqlKeyMap()
    database.write_now(keys.apply, "t1", [Person(1, 1, PersonState.KNOWN, key_ids=(1, 2))])
    late, early, tie = event(1, 1, minutes=5), event(2, 2), event(3, 1, minutes=5, type_="search")
    nobodys = event(4, 0)
    database.write_now(events.append, "t1", [late, early, tie, nobodys])
    assert database.read_now(events.of_persons, "t1", [1, 8]) == {1: [early, late, tie], 8: []}
    assert database.read_now(events.of_persons, "t1", [1], ["search"]) == {1: [tie]}
    assert database.read_now(events.of_persons, "t1", [1], []) == {1: []}
    assert database.read_now(events.latest, "t1", 1, 2) == [tie, late]
    place = Place(microseconds(tie.time), tie.ingest_sequence)
    assert database.read_now(events.latest, "t1", 1, 9, before=place) == [late, early]
    assert database.read_now(events.latest, "t1", 1, 9, before=place._replace(ingest_sequence=1)) == [early]
    assert database.read_now(events.latest, "t1", 1, 9, types=["search"]) == [tie]
    assert database.read_now(events.latest, "t1", 1, 9, types=["search"], before=place) == []
    assert database.read_now(events.latest, "t1", 1, 9, types=[]) == []
    database.write_now(
        keys.apply,
        "t1",
        [Person(1, 5, PersonState.KNOWN, key_ids=(1,)), Person(2, 6, PersonState.KNOWN, key_ids=(2,))],
    )
    assert database.read_now(events.of_persons, "t1", [1, 2]) == {1: [late, tie], 2: [early]}


def test_columns_of_persons_are_their_events_by_slot_and_in_order(
    database: Database, events: SqlEventStore
) -> None:
    stated = [
        Person(1, 1, PersonState.KNOWN, key_ids=(1, 2)),
        Person(2, 1, PersonState.KNOWN, key_ids=(7,)),
        Person(3, 1, PersonState.KNOWN, key_ids=(8,)),
    ]
    database.write_now(SqlKeyMap().apply, "t1", stated)
    told = [event(4, 2), event(2, properties={"amount": 10_000, "items": LINES}), event(3, 7, minutes=-9)]
    database.write_now(events.append, "t1", [*told, event(5, 7, type_="search"), event(6, 8)])
    types = ["order_paid", "page_view"]
    found = database.read_now(events.columns_of_persons, "t1", [2, 9, 1], types)
    assert found.persons == 3
    assert (found.owners.tolist(), list(found.sequences)) == ([0, 2, 2], [3, 2, 4])
    assert found.times.tolist() == [microseconds(told[place].time) for place in (2, 1, 0)]
    read = EventsForRules(found, standard_dictionary())
    assert [len(each) for each in read.by_person()] == [1, 0, 2]
    said = {"source": "shop", "amount": 10_000, "items": LINES}
    assert read.by_person()[2][0] == RuleEvent("order_paid", NOON, 2, said)
    assert read.by_person()[2][-1] == RuleEvent("order_paid", NOON, 4, {"source": "shop"})
    assert database.read_now(events.columns_of_persons, "t1", [1], []).times.tolist() == []
    nobody = database.read_now(events.columns_of_persons, "t1", [], types)
    assert EventsForRules(nobody, standard_dictionary()).by_person() == []


def test_active_persons_are_those_with_an_event_in_the_interval(
    database: Database, events: SqlEventStore
) -> None:
    database.write_now(
        SqlKeyMap().apply,
        "t1",
        [Person(2, 1, PersonState.KNOWN, key_ids=(1,)), Person(1, 2, PersonState.KNOWN, key_ids=(2,))],
    )
    database.write_now(
        events.append, "t1", [event(1, 1), event(2, 2, minutes=1), event(3, 1, minutes=2), event(4, 9)]
    )
    hour = dt.timedelta(hours=1)
    minute = dt.timedelta(minutes=1)
    assert database.read_now(events.persons_active, "t1", NOON, NOON + hour).tolist() == [1, 2]
    assert database.read_now(events.persons_active, "t1", NOON, NOON + minute).tolist() == [2]
    assert database.read_now(events.persons_active, "t1", NOON - hour, NOON).tolist() == []
