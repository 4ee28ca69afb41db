"""What came in is counted as it is, and people are told what to do about it."""

import datetime as dt

import pytest
from rules.schema import PropertyType
from rules.values import SCALE
from tagging.domain.columns import microseconds
from tagging.domain.dictionary import PROPERTY_TYPES
from tagging.domain.events import Event
from tagging.domain.seen_events import SeenPlace, conflicts, kind_of, problem, survey
from tagging.store.dictionary_file import standard_dictionary

STANDARD = standard_dictionary()
NOON = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
LATER = NOON + dt.timedelta(hours=1)


def danced(sequence: int, time: dt.datetime = NOON, type_: str = "danced", **extra: object) -> Event:
    return Event(sequence, "hall", f"e{sequence}", type_, time, sequence, extra=extra)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "bool"),
        (1, "number"),
        ("x", "text"),
        (NOON.date(), "date"),
        (NOON, "datetime"),
        ((), "empty list"),
        (("x",), "list of text"),
        ((1, 2), "list of number"),
        ((1, "x"), "mixed list"),
        ((True,), "mixed list"),
        (({"a": 1},), "records"),
    ],
)
def test_each_value_has_a_kind(value: object, kind: str) -> None:
    assert kind_of(value) == kind  # type: ignore[arg-type]


def test_events_and_properties_are_counted_by_source_and_kind() -> None:
    paid = Event(
        3,
        "shop",
        "e3",
        "order_paid",
        NOON,
        3,
        properties={"amount": 1, "items": ({},)},
        extra={"items": ({"x": 1},)},
    )
    found = survey([danced(1, mood="calm"), danced(2, LATER, mood=5, **{"Bad Name": 1}), paid], STANDARD)
    assert {name: seen.count for name, seen in found.types.items()} == {"danced": 2, "order_paid": 1}
    assert (found.types["danced"].first_us, found.types["danced"].last_us) == (
        microseconds(NOON),
        microseconds(LATER),
    )
    assert {place[1:]: seen.count for place, seen in found.places.items()} == {
        ("mood", "hall", "text"): 1,
        ("mood", "hall", "number"): 1,
        ("amount", "shop", "number"): 1,
        ("items", "shop", "records"): 1,
        ("items", "shop", "fields"): 1,
    }
    assert found.unlisted == {"danced": 1}


def examples(*values: object, name: str = "mood", type_: str = "danced") -> set[str]:
    """Each value is stated by three persons."""
    events = [
        danced(index * 3 + person, type_=type_, **{name: value})
        for index, value in enumerate(values)
        for person in range(1, 4)
    ]
    return {text for each in survey(events, STANDARD).examples.values() for text in each}


def test_examples_are_values_that_several_people_share() -> None:
    assert examples("calm", 5 * SCALE, -5_000, True, NOON.date()) == {
        "calm",
        "5",
        "-0.5",
        "true",
        "2026-03-10",
    }
    assert survey([danced(number, mood=str(number)) for number in range(1, 9)], STANDARD).examples == {}
    same = [Event(number, "s", f"e{number}", "danced", NOON, 1, extra={"mood": "x"}) for number in range(9)]
    assert survey(same, STANDARD).examples == {}


def test_nothing_that_may_be_an_address_or_a_number_of_a_person_is_an_example() -> None:
    assert examples("a@b.cn", "13800138000", "021-555 1234", 13_800_138_000 * SCALE, "x" * 41, "") == set()
    assert examples("dry", name="skin_type", type_="skin_tested") == set()
    assert examples("c5", name="note", type_="risk_rated") == set()


def test_a_problem_says_where_and_what_to_do() -> None:
    places = [SeenPlace("danced", "mood", "hall", "text"), SeenPlace("danced", "mood", "app", "number")]
    assert problem("danced", "mood", places[:1], None) == (
        "nobody declared danced.mood, which comes as text: "
        "declare it with huaxiang events declare (PutEventType) to use it"
    )
    assert "text, number (have it sent as one type)" in problem("danced", "mood", places, None)
    declared = PropertyType("mood", PROPERTY_TYPES["number"])
    told = problem("danced", "mood", places, declared)
    assert told.startswith("danced.mood is declared as number, but source 'hall' sends text: ")
    assert "Correct the mapping" in told
    assert problem("danced", "mood", places[1:], declared) == ""
    items = STANDARD.events["order_paid"].property("items")
    assert not conflicts("records", items)
    assert not conflicts(kind_of(()), items)
    assert not conflicts(kind_of(()), PropertyType("steps", PROPERTY_TYPES["list of number"]))
    assert conflicts(kind_of(()), declared)
    assert conflicts("fields", items)
