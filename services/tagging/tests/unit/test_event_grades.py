"""Who may read what of events."""

import datetime as dt
from dataclasses import replace

import pytest
from rules.check import check_form, check_grouped, check_rule
from tagging.app.columns_in_force import tag_schema
from tagging.catalogue.packs import pack_definitions
from tagging.domain.compilation import tag_recipe
from tagging.domain.definition import Grade
from tagging.domain.event_grades import EventRelease
from tagging.domain.events import Event
from tagging.domain.governance.grades import lowered_events
from tagging.domain.kinds.sql import SqlKind
from tagging.domain.shown_events import ShownEvent, shown_event
from tagging.store.dictionary_file import standard_dictionary

DICTIONARY = standard_dictionary()
ORDER = [Grade.PUBLIC, Grade.INTERNAL, Grade.PERSONAL, Grade.SENSITIVE]
NOON = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
SCHEMA = tag_schema(DICTIONARY, [])


def up_to(grade: Grade) -> EventRelease:
    return EventRelease(DICTIONARY.grades, ORDER[: ORDER.index(grade) + 1])


@pytest.mark.parametrize("pack", ["retail", "supermarket", "beauty", "medical_beauty", "health", "finance"])
def test_no_tag_of_a_pack_is_graded_lower_than_the_events_it_reads(pack: str) -> None:
    definitions = pack_definitions(pack)
    schema = tag_schema(DICTIONARY, definitions)
    for each in definitions:
        missing = up_to(each.grade).missing(tag_recipe(each, schema).questions.values())
        assert missing is None, each.tag_id


def test_health_and_finance_are_sensitive_with_their_purpose() -> None:
    grades = DICTIONARY.grades
    assert grades.of_type("checkup_result").purpose == "health"
    assert grades.of_type("risk_rated").purpose == "finance"
    assert grades.of_property("treatment_done", "project").purpose == "health"
    assert grades.are_open("order_paid", "amount")
    assert not grades.are_open("skin_tested", "skin_type")
    assert not grades.are_open("risk_rated", "channel")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("COUNT(order_paid)", None),
        ("COUNT(repayment_missed)", Grade.SENSITIVE),
        ("COUNT(skin_tested)", None),
        ("LAST(skin_tested.skin_type)", Grade.PERSONAL),
        ("COUNT(skin_tested WHERE channel = 'x' OR concern = 'y') > 1", Grade.PERSONAL),
        ("SUM(product_bought.amount NET)", Grade.SENSITIVE),
    ],
)
def test_a_question_needs_the_grades_of_all_that_it_reads(text: str, wanted: Grade | None) -> None:
    asked = check_rule(text, SCHEMA).rule if ">" in text else check_form(text, SCHEMA).form
    assert up_to(Grade.INTERNAL).missing([asked]) is wanted
    assert up_to(Grade.SENSITIVE).missing([asked]) is None


def test_a_grouped_question_needs_the_grade_of_what_it_groups_by() -> None:
    asked = check_grouped("COUNT(treatment_done BY project)", SCHEMA).grouped
    assert up_to(Grade.PERSONAL).missing([asked]) is Grade.SENSITIVE


def test_a_tag_that_takes_sensitive_events_into_another_grade_is_told() -> None:
    (spend,) = (each for each in pack_definitions("medical_beauty") if each.tag_id == "treatment_spend_365d")
    asked = [check_form(text, SCHEMA).form for text in ("COUNT(risk_rated)", "LAST(treatment_done.project)")]
    told = list(lowered_events(spend, asked, DICTIONARY.grades))
    assert [each.split(" reads ")[1].split(",")[0] for each in told] == [
        "'treatment_done.project'",
        "events 'risk_rated'",
    ]
    query = "SELECT person_id, max(project) AS value FROM events.treatment_done, events.risk_rated"
    by_query = replace(spend, kind=SqlKind(query))
    assert list(lowered_events(by_query, (), DICTIONARY.grades)) == told
    sensitive = replace(spend, grade=Grade.SENSITIVE)
    assert list(lowered_events(sensitive, asked, DICTIONARY.grades)) == []


def test_an_event_is_shown_without_what_may_not_be_read() -> None:
    tested = Event(1, "spa", "e1", "skin_tested", NOON, 1, properties={"skin_type": "dry", "channel": "app"})
    assert shown_event(tested, DICTIONARY, up_to(Grade.INTERNAL)) == ShownEvent(
        NOON, "skin_tested", "spa", "e1", {"channel": "app"}, withheld_properties=("skin_type",)
    )
    rated = Event(2, "bank", "e2", "risk_rated", NOON, 1, properties={"risk_level": "c5"})
    assert shown_event(rated, DICTIONARY, up_to(Grade.PERSONAL)) == ShownEvent(NOON, withheld=True)
    assert shown_event(rated, DICTIONARY, up_to(Grade.SENSITIVE)).properties == {"risk_level": "c5"}


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        ("SELECT person_id, sum(amount) AS value FROM events.order_paid GROUP BY 1", True),
        ("SELECT person_id, count(*) AS value FROM events.order_paid GROUP BY 1", False),
        (
            "SELECT person_id, 2 * quantity AS value -- amount\nFROM events.order_paid WHERE x = 'amount'",
            False,
        ),
        ("SELECT person_id, max(total_amount) AS value FROM events.order_paid GROUP BY 1", False),
        ("SELECT person_id, 1 AS value FROM (SELECT * FROM events.order_paid)", True),
        ("SELECT person_id, 1 AS value FROM (SELECT DISTINCT o.* FROM events.order_paid o)", True),
        ("WITH o AS (FROM events.order_paid) SELECT person_id, 1 AS value FROM o", True),
        ("FROM events.order_paid SELECT person_id, 1 AS value", True),
        ("SELECT person_id, max(COLUMNS('a.*')) AS value FROM events.order_paid GROUP BY 1", True),
    ],
)
def test_a_query_reads_what_it_names_and_everything_by_a_star(query: str, reads: bool) -> None:
    assert SqlKind(query).mentions("amount") is reads
