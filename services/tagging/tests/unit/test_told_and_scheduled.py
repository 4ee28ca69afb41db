"""Definitions of told values, SQL, schedules and kept versions: as code, as messages, and what is refused."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.schema import Catalogue
from tagging.catalogue.files import FileInvalid, parse_definitions, write_definitions
from tagging.catalogue.messages import from_message, to_message
from tagging.domain.compilation import tag_recipe
from tagging.domain.definition import DefinitionInvalid, TagDefinition
from tagging.domain.kinds.sql import SqlKind
from tagging.domain.schedule import (
    Daily,
    EveryMinutes,
    Hourly,
    Monthly,
    OnEvent,
    OnTag,
    Quarterly,
    Schedule,
    ScheduleInvalid,
    Weekly,
)
from tagging.domain.schedule_document import from_document, to_document, to_text
from tagging.store.dictionary_file import standard_dictionary

HOURS, MINUTES = st.integers(0, 23), st.integers(0, 59)
SCHEDULES: st.SearchStrategy[Schedule] = st.one_of(
    st.builds(EveryMinutes, st.integers(1, 1_440)),
    st.builds(Hourly, MINUTES),
    st.builds(Daily, HOURS, MINUTES),
    st.builds(Weekly, st.integers(1, 7), HOURS, MINUTES),
    st.builds(Monthly, st.integers(1, 31), HOURS, MINUTES),
    st.builds(Quarterly, st.integers(1, 3), st.integers(1, 31), HOURS, MINUTES),
    st.just(OnEvent("order_paid")),
    st.just(OnTag("rfm")),
)


def defined(document: str) -> TagDefinition:
    (found,) = parse_definitions(f"- {document}", "test")
    return found


@given(SCHEDULES)
def test_a_schedule_comes_back(schedule: Schedule) -> None:
    assert from_document(to_document(schedule)) == schedule
    definition = defined("{tag_id: a, name: x, type: bool, statistic: DID search}")

    scheduled = dataclasses.replace(definition, schedule=schedule, keep_days=30)
    assert from_message(to_message(scheduled)) == scheduled
    assert parse_definitions(write_definitions([scheduled]), "test") == [scheduled]
    assert scheduled.meaning == definition.meaning
    assert to_text(schedule)


@pytest.mark.parametrize(
    "document",
    [
        "{tag_id: vip, name: x, type: bool, imported: {sources: [crm, pos], expire_days: 90}}",
        "{tag_id: vip, name: x, type: bool, manual: {}}",
        "{tag_id: vip, name: x, type: number, update: run, sql: {query: SELECT 1, timeout_seconds: 5}}",
    ],
)
def test_kinds_come_back(document: str) -> None:
    definition = defined(document)
    assert from_message(to_message(definition)) == definition
    assert parse_definitions(write_definitions([definition]), "test") == [definition]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("manual: {expire_days: -1}", "manual.expire_days"),
        ("imported: {sources: ['']}", "imported.sources"),
        ("manual: {}, update: run", "update"),
        ("manual: {}, schedule: {hourly: 1}", "schedule"),
        ("sql: {query: SELECT 1}", "update"),
        ("update: run, sql: {query: DROP TABLE x}", "sql.query: is not a SELECT"),
        ("update: run, sql: {query: '-- SELECT'}", "sql.query: is not a SELECT"),
        ("update: run, sql: {query: SELECT 1, timeout_seconds: 901}", "sql.timeout_seconds"),
        ("update: run, sql: {query: SELECT 1, memory_megabytes: 1}", "sql.memory_megabytes"),
        ("statistic: DID search, schedule: {daily: 230}", "daily: is a time of day in quotes"),
        ("statistic: DID search, schedule: {daily: '25:00'}", "daily"),
        ("statistic: DID search, schedule: {weekly: {day: someday}}", "weekly.day"),
        ("statistic: DID search, schedule: {yearly: 1}", "yearly"),
        ("statistic: DID search, schedule: {hourly: 1, daily: '01:00'}", "schedule: has exactly one"),
        ("statistic: DID search, schedule: {on_tag: vip}", "does not wait for itself"),
        ("statistic: DID search, keep_days: 1099", "keep_days"),
    ],
)
def test_what_is_refused(document: str, problem: str) -> None:
    with pytest.raises(FileInvalid, match=problem):
        defined(f"{{tag_id: vip, name: x, type: bool, {document}}}")


def test_a_schedule_names_what_is_there() -> None:
    schema = Catalogue.of([], standard_dictionary().events.values(), [])
    scheduled = "{{tag_id: a, name: x, type: bool, statistic: DID search, schedule: {{{}}}}}"
    with pytest.raises(DefinitionInvalid, match="there is no event type 'serch'"):
        tag_recipe(defined(scheduled.format("on_event: serch")), schema)
    with pytest.raises(DefinitionInvalid, match="there is no tag 'rfm'"):
        tag_recipe(defined(scheduled.format("on_tag: rfm")), schema)
    assert tag_recipe(defined(scheduled.format("on_event: search")), schema).tags == frozenset()


def test_the_inputs_of_a_query() -> None:
    query = """
        -- FROM events.search
        SELECT e.person_id, 'tags.rfm' AS value /* tags.city */
        FROM events.order_paid e, Events . "view_item" v, tags.vip t
        JOIN reference.items USING (x) WHERE other.events.y = $$events.z$$
    """
    assert SqlKind(query).inputs() == [
        ("events", "order_paid"),
        ("events", "view_item"),
        ("tags", "vip"),
        ("reference", "items"),
    ]


def test_a_query_rests_on_what_it_names() -> None:
    schema = Catalogue.of(
        [defined("{tag_id: vip, name: x, type: bool, manual: {}}").in_rules()],
        standard_dictionary().events.values(),
        [],
    )
    query = "SELECT person_id, true AS value FROM tags.vip JOIN events.search USING (person_id)"
    recipe = tag_recipe(
        defined(f"{{tag_id: a, name: x, type: bool, update: run, sql: {{query: '{query}'}}}}"), schema
    )
    assert (recipe.tags, recipe.events, recipe.stream) == ({"vip"}, {"search"}, False)


def test_a_malformed_schedule_says_what_there_is() -> None:
    with pytest.raises(ScheduleInvalid, match="every_minutes, hourly"):
        from_document([])
