"""What owners promise: as documents, as messages, and where a promise is wrong."""

import re
from pathlib import Path

import pytest
import yaml
from tagging.app.columns_in_force import tag_schema
from tagging.catalogue.files import parse_definitions
from tagging.catalogue.messages import from_message, to_message
from tagging.catalogue.packs import RETAIL, pack_definitions
from tagging.domain.definition import DefinitionInvalid
from tagging.domain.definition_checks import check_limits
from tagging.domain.document import from_document, to_document
from tagging.domain.quality.agreement import contradiction
from tagging.domain.quality.promise import promised_hours
from tagging.domain.quality.rules import QualityRules
from tagging.store.dictionary_file import standard_dictionary

PROMISED = {
    "number": "{fresh_hours: 26, min_people: 1000, max_null_share: 0.2, least: -1.5, most: 120}",
    "date": "{earliest: 1900-01-01, latest: today}",
    "text": """{pattern: "[a-z]+", allowed: [male, female], contradicted_when: "gender = 'male' AND share >= 0.9",
        contradicted_confidence: 0}""",
}


def numbers(quality):
    """YAML as files are read: numbers are numbers, dates are dates."""
    return yaml.safe_load(quality)


@pytest.mark.parametrize("base", sorted(PROMISED))
def test_promises_go_through_documents_and_messages(base):
    document = {
        "tag_id": "t",
        "name": "x",
        "type": base,
        "attribute": "t",
        "quality": numbers(PROMISED[base]),
    }
    definition = from_document(document)
    check_limits(definition)
    assert definition.quality != QualityRules()
    assert from_document(to_document(definition)) == definition
    assert from_message(to_message(definition)) == definition


def test_a_definition_without_promises_says_nothing_of_them():
    definition = from_document({"tag_id": "t", "name": "x", "type": "text", "attribute": "t"})
    assert "quality" not in to_document(definition)
    assert not to_message(definition).HasField("quality")
    assert definition.quality.doubt == 5_000


@pytest.mark.parametrize(
    ("base", "quality", "told"),
    [
        ("text", "{least: 1}", "least: is for numbers"),
        ("number", "{latest: today}", "latest: is for dates and moments"),
        ("number", "{allowed: [a]}", "allowed: is for texts"),
        ("number", "{least: 2, most: 1}", "least: is above most"),
        ("number", "{max_null_share: 1.1}", "max_null_share: is between 0 and 1"),
        ("number", "{fresh_hours: -1}", "fresh_hours: is between 0"),
        ("date", "{earliest: tomorrow}", "earliest: is a date such as 1900-01-01, or today"),
        ("text", '{pattern: "(a+)+"}', "pattern: "),
        ("text", '{allowed: [" a"]}', "is not in normal form"),
    ],
)
def test_a_promise_that_makes_no_sense_is_refused_with_its_field(base, quality, told):
    document = {"tag_id": "t", "name": "x", "type": base, "attribute": "t", "quality": numbers(quality)}
    with pytest.raises(DefinitionInvalid) as error:
        check_limits(from_document(document))
    assert error.value.field == "quality"
    assert told in error.value.problem


@pytest.mark.parametrize(
    ("more", "hours"),
    [
        ({}, 2),
        ({"quality": {"fresh_hours": 5}}, 5),
        ({"update": "run"}, 0),
        ({"update": "run", "schedule": {"every_minutes": 45}}, 2),
        ({"update": "run", "schedule": {"hourly": 5}}, 2),
        ({"update": "run", "schedule": {"daily": "02:30"}}, 26),
        ({"update": "run", "schedule": {"weekly": {"day": "monday"}}}, 182),
        ({"update": "run", "schedule": {"on_event": "order_paid"}}, 0),
    ],
)
def test_freshness_is_promised_by_the_owner_else_by_the_schedule(more, hours):
    document = {"tag_id": "t", "name": "x", "type": "number", "statistic": "COUNT(order_paid)", **more}
    assert promised_hours(from_document(document)) == hours


def test_the_promise_of_the_page_for_readers_holds_over_the_retail_pack():
    page = (Path(__file__).parents[4] / "docs" / "tags.md").read_text(encoding="utf-8")
    (example,) = [each for each in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "quality:" in each]
    (definition,) = parse_definitions(example, "docs/tags.md")
    check_limits(definition)
    pack = {each.tag_id: each for each in pack_definitions(RETAIL)} | {"gender": definition}
    recipe = contradiction(definition, tag_schema(standard_dictionary(), list(pack.values())))
    assert recipe.tags == {"gender", "top_categories"}
    assert definition.quality.doubt == 5_000


def test_what_is_told_promises_nothing_by_itself():
    document = {"tag_id": "t", "name": "x", "type": "number", "imported": {}}
    assert promised_hours(from_document(document)) == 0
