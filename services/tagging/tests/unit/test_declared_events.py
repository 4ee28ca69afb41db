"""What a tenant may declare of events, and how it is read."""

import datetime as dt
from dataclasses import replace

import pytest
from rules.values import Kind
from tagging.domain.declared_events import (
    MAX_PROPERTIES,
    DeclarationInvalid,
    DeclaredEventType,
    DeclaredProperty,
    check,
    extended,
)
from tagging.domain.definition import Grade
from tagging.domain.dictionary import Text
from tagging.domain.event_grades import Grading
from tagging.domain.events import Event
from tagging.store.dictionary_file import standard_dictionary

STANDARD = standard_dictionary()
NOON = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
DANCED = DeclaredEventType(
    "danced",
    Text("跳舞", "Danced"),
    (
        DeclaredProperty("amount", "number"),
        DeclaredProperty("partner_item", "text", refers_to="items"),
        DeclaredProperty("steps", "list of number", grading=Grading(Grade.PERSONAL)),
    ),
)
WRAPPED = DeclaredEventType("order_paid", properties=(DeclaredProperty("gift_wrap", "bool"),))


def with_property(name: str = "mood", type_: str = "text", **said: object) -> DeclaredEventType:
    return replace(DANCED, properties=(DeclaredProperty(name, type_, **said),))  # type: ignore[arg-type]


def test_sound_declarations_are_taken() -> None:
    check(STANDARD, [], DANCED)
    check(STANDARD, [DANCED], WRAPPED)


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (replace(DANCED, name="Danced"), "name"),
        (replace(DANCED, name="d" * 65), "name"),
        (with_property("time", "datetime"), "properties[time]"),
        (with_property("person_id"), "properties[person_id]"),
        (with_property("in_force_from"), "properties[in_force_from]"),
        (with_property("$d"), "properties[$d]"),
        (with_property("mood", "records"), "properties[mood]"),
        (with_property("amount", "text"), "properties[amount]"),
        (with_property("gift_wrap", "text"), "properties[gift_wrap]"),
        (with_property("mood", refers_to="moods"), "properties[mood]"),
        (with_property("mood", "number", refers_to="items"), "properties[mood]"),
        (with_property("mood", text=Text("x" * 129, "")), "properties[mood].text"),
        (with_property("mood", grading=Grading(Grade.SENSITIVE)), "properties[mood].grade"),
        (with_property("mood", grading=Grading(Grade.PERSONAL, "health")), "properties[mood].grade"),
        (replace(DANCED, grading=Grading(Grade.SENSITIVE, "My Health")), "grade"),
        (replace(DANCED, properties=(*DANCED.properties, DANCED.properties[0])), "properties[amount]"),
        (replace(DANCED, properties=DANCED.properties * MAX_PROPERTIES), "properties"),
        (replace(WRAPPED, properties=()), "properties"),
        (replace(WRAPPED, properties=(DeclaredProperty("amount", "number"),)), "properties[amount]"),
        (replace(WRAPPED, grading=Grading(Grade.PERSONAL)), "grade"),
    ],
)
def test_a_wrong_declaration_is_refused_by_its_field(new: DeclaredEventType, field: str) -> None:
    with pytest.raises(DeclarationInvalid) as refused:
        check(STANDARD, [WRAPPED] if new.name != "order_paid" else [], new)
    assert refused.value.field == field


def test_declared_types_are_read_beside_those_of_the_suite() -> None:
    dictionary = extended(STANDARD, [DANCED, WRAPPED])
    danced, paid = dictionary.events["danced"], dictionary.events["order_paid"]
    assert [each.name for each in danced.properties] == ["amount", "partner_item", "steps"]
    assert paid.property("gift_wrap").type.kind is Kind.BOOL
    assert paid.reversed_by == STANDARD.events["order_paid"].reversed_by
    assert dictionary.event_texts["danced"] == Text("跳舞", "Danced")
    assert dictionary.grades.of_property("danced", "steps").grade is Grade.PERSONAL
    assert STANDARD.events["order_paid"].property("gift_wrap") is None
    assert dictionary.columns() != STANDARD.columns()


def test_what_came_is_read_when_it_is_of_its_declared_type() -> None:
    dictionary = extended(STANDARD, [DANCED, WRAPPED])
    extra = {"amount": 5, "partner_item": 7, "steps": (1, 2), "other": "x"}
    danced = Event(1, "hall", "e1", "danced", NOON, 1, properties={"channel": "app"}, extra=extra)
    assert danced.said(dictionary) == {"channel": "app", "amount": 5, "steps": (1, 2)}
    assert danced.said(STANDARD) == {"channel": "app"}
    assert danced.for_rules(dictionary).properties == {
        "channel": "app",
        "amount": 5,
        "steps": (1, 2),
        "source": "hall",
    }
