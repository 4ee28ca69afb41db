"""Every kind as YAML and as a message of the contract, both ways; and what breaks its limits, with the place."""

import dataclasses

import pytest
from rules.schema import Catalogue
from tagging.app.columns_in_force import tag_schema
from tagging.catalogue.files import FileInvalid, parse_definitions, write_definitions
from tagging.catalogue.messages import from_message, to_message
from tagging.domain.compilation import RuleInvalid, tag_recipe
from tagging.domain.definition import DefinitionInvalid
from tagging.domain.kinds.families import COMPUTED
from tagging.store.dictionary_file import standard_dictionary

KINDS = """
- tag_id: favourites
  name: 喜好品类
  type: {base: text, multi_valued: true, weighted: true}
  top_n: {measure: COUNT(view_item BY category), count: 5, least_share: 0.05, sure_events: 20}
- {tag_id: spent, name: x, type: number, statistic: SUM(order_paid.amount)}
- {tag_id: orders, name: x, type: number, statistic: COUNT(order_paid)}
- tag_id: spending
  name: x
  type: text
  bands: {expression: spent, values: [low, high], percentiles: [80], population: orders >= 1}
- {tag_id: spent_band, name: x, type: text, bands: {expression: spent, values: [low, mid, high], bounds: [100, 500.5]}}
- {tag_id: per_order, name: x, type: number, arithmetic: spent / orders, unknown: {default: 0}}
- tag_id: hours
  name: x
  type: {base: text, multi_valued: true, weighted: true}
  preference:
    measure: COUNT(view_item BY hour DECAY 30 DAYS) IN LAST 90 DAYS
    least_events: 5
    least_tgi: 120
    order: tgi
    names: [{value: evening, from_number: 18, to_number: 24}, {value: noon, keys: ["12", "13"]}]
- {tag_id: closeness, name: x, type: text, user_state: {least_days: 4, close: 1.25}}
- {tag_id: closeness_by_default, name: x, type: text, user_state: }
- tag_id: scenes
  name: x
  type: {base: text, multi_valued: true, closed: true, options: [digital, fresh, other]}
  scene_group: {scenes: [{value: digital, keys: [手机, 电脑]}, {value: fresh, keys: [水果]}], least_number: 2}
- tag_id: worth
  name: x
  type: number
  score:
    parts:
      - {weight: 0.6, expression: spent, full_at: 1000}
      - {weight: 0.4, when: orders >= 3}
    least: 300
    most: 850
- {tag_id: aipl, name: x, type: text, aipl: {interest_events: [view_item], aware_days: 60}}
- {tag_id: aipl_by_default, name: x, type: text, aipl: {}}
- tag_id: rfm_scores
  name: x
  type: text
  rfm:
    recency: {expression: DAYS SINCE(LAST(order_paid)), high_score: 4, score_bounds: [7, 30, 90, 180]}
    frequency: {expression: COUNT(order_paid)}
    monetary: {expression: SUM(order_paid.amount)}
    result: scores
- tag_id: home_city
  name: x
  type: text
  attribute: city
  unknown: keeps
  confidence: 0.8
- {tag_id: level, name: x, type: text, imported: {sources: [crm], expire_days: 365}}
- {tag_id: vip, name: x, type: bool, manual: {expire_days: 30}, keep_days: 90}
- tag_id: stores
  name: x
  type: number
  update: run
  schedule: {weekly: {day: monday, at: "02:30"}}
  sql:
    query: SELECT person_id, count(DISTINCT store_id) AS value FROM events.order_paid GROUP BY 1
    timeout_seconds: 60
"""
DEFINITIONS = {each.tag_id: each for each in parse_definitions(KINDS, "here")}
SCHEMA = tag_schema(standard_dictionary(), DEFINITIONS.values())


def test_all_kinds_are_here():
    assert {type(each.kind) for each in DEFINITIONS.values()} >= set(COMPUTED)


@pytest.mark.parametrize("tag_id", DEFINITIONS)
def test_a_definition_reads_back_from_yaml_and_from_the_contract(tag_id):
    definition = DEFINITIONS[tag_id]
    assert parse_definitions(write_definitions([definition]), "here") == [definition]
    assert from_message(to_message(definition)) == definition


@pytest.mark.parametrize("tag_id", DEFINITIONS)
def test_a_definition_compiles(tag_id):
    recipe = tag_recipe(DEFINITIONS[tag_id], SCHEMA)
    assert recipe.shape.weighted == (tag_id in {"favourites", "hours"})
    assert recipe.has_cuts == (tag_id in {"spending", "hours", "rfm_scores"})


def test_decay_and_days_turn_at_midnight():
    daily = {tag_id for tag_id, each in DEFINITIONS.items() if tag_recipe(each, SCHEMA).daily}
    assert daily == {
        "hours",
        "closeness",
        "closeness_by_default",
        "scenes",
        "aipl",
        "aipl_by_default",
        "rfm_scores",
    }


LIST = "type: {base: text, multi_valued: true}"
WEIGHED = "type: {base: text, multi_valued: true, weighted: true}"


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("type: text, subject: item, statistic: LAST(order_paid.channel)", "subject: 'item' is reserved"),
        ("type: text, subject: planet, statistic: x", "subject: is one of person, item, store"),
        ("type: text, confidence: 1.5, attribute: city", "confidence: is between 0 and 1"),
        (
            "type: number, unknown: keeps, statistic: COUNT(order_paid)",
            "unknown: what was known last is kept of",
        ),
        (
            "type: number, unknown: {default: x}, statistic: COUNT(order_paid)",
            "unknown.default: is not a number",
        ),
        (
            "type: {base: text, closed: true, options: [a]}, unknown: {default: b}, attribute: city",
            "unknown: 'b' is not in the closed list",
        ),
        (
            "type: {base: text, weighted: true}, attribute: city",
            "value_type: only texts of which a person may",
        ),
        (f"{WEIGHED}, attribute: city", "kind: its elements have no weight"),
        (f"{LIST}, top_n: {{measure: x, count: 0}}", "top_n.count: is between 1 and 100"),
        ("type: text, top_n: {measure: x}", "top_n.count: is 3, but a person has one value"),
        (f"{LIST}, top_n: {{measure: x, least_share: 1.01}}", "top_n.least_share: is between 0 and 1"),
        (f"{LIST}, top_n: {{measure: x, sure_events: 3}}", "top_n.sure_events: only a weighted list"),
        (f"{LIST}, top_n: {{count: 3}}", "top_n.measure: is missing"),
        (
            f"{LIST}, top_n: {{measure: x, size: 3}}",
            "top_n.size: is not a field; these are: count, least_share",
        ),
        (f"{LIST}, top_n: {{measure: x, count: many}}", "top_n.count: must be a whole number"),
        ("type: text, bands: {expression: x, values: [a]}", "bands.bounds: either bounds or percentiles"),
        (
            "type: text, bands: {expression: x, values: [a, b, c], percentiles: [90, 50]}",
            "bands.percentiles[1]: is not above the one before",
        ),
        (
            "type: text, bands: {expression: x, values: [a, b], percentiles: [100]}",
            "bands.percentiles: are between 0 and 100",
        ),
        (
            "type: text, bands: {expression: x, values: [a], bounds: [1]}",
            "bands.values: has 1, 2 bands need 2",
        ),
        (
            "type: {base: text, closed: true, options: [a]}, bands: {expression: x, values: [a, b], bounds: [1]}",
            "bands: it gives 'b', which is not in the closed list",
        ),
        (
            f"{LIST}, preference: {{measure: x, names: [{{value: a, keys: [k]}}, {{value: b, keys: [k]}}]}}",
            "preference.names[1].keys: 'k' is in 'a' already",
        ),
        (
            f"{LIST}, preference: {{measure: x, names: [{{value: a, from_number: 1}}]}}",
            "preference.names[0]: from_number and to_number stand together",
        ),
        (f"{LIST}, preference: {{measure: x, order: size}}", "preference.order: is one of share, tgi"),
        ("type: text, user_state: {close: 3}", "user_state.close: 0 < close < cooling < distant"),
        ("type: text, user_state: {least_days: 1}", "user_state.least_days: is between 2 and"),
        (f"{LIST}, scene_group: {{}}", "scene_group.scenes: are missing"),
        (
            "type: number, score: {parts: [{weight: 0.6, when: x}, {weight: 0.3, when: y}]}",
            "score.parts: the weights add up to 0.9, they must add up to 1",
        ),
        (
            "type: number, score: {parts: [{weight: 1}]}",
            "score.parts[0].when: either a rule or an expression",
        ),
        (
            "type: number, score: {parts: [{weight: 1, expression: x}]}",
            "score.parts[0].full_at: differs from zero_at",
        ),
        ("type: text, aipl: {aware_events: []}", "aipl.aware_events: has 0, allowed are 1 to"),
        ("type: text, aipl: {loyal_count: 1}", "aipl.loyal_count: is at least 2"),
        (
            "type: number, rfm: {recency: x, frequency: x, monetary: x}",
            "its values are texts",
        ),
        (
            "type: text, rfm: {recency: {expression: x, high_score: 6}, frequency: x, monetary: x}",
            "rfm.recency.high_score: is between 2 and 5",
        ),
        (
            "type: number, rfm: {recency: {expression: x, score_bounds: [1, 2]}, frequency: x, monetary: x, "
            "result: total}",
            "rfm.recency.score_bounds: are 4 rising numbers",
        ),
    ],
)
def test_what_breaks_the_limits_is_told_with_its_field(said, problem):
    with pytest.raises(FileInvalid) as caught:
        parse_definitions(f"- {{tag_id: t, name: x, {said}}}", "here")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            f"{LIST}, top_n: {{measure: COUNT(view_item BY colour)}}",
            "line 1, column 20: event 'view_item' has no",
        ),
        (f"{LIST}, top_n: {{measure: COUNT(view_item)}}", "line 1, column 16: ')' does not fit"),
        ("type: number, arithmetic: spent / COUNT(order_paid)", "line 1, column 9: arithmetic is over tags"),
        ("type: number, arithmetic: spend / orders", "did you mean 'spent'"),
        (
            "type: number, score: {parts: [{weight: 1, when: orders > }]}",
            "score.parts[0].when: line 1, column",
        ),
        (
            f"{LIST}, preference: {{measure: COUNT(view_item BY category DECAY 900 DAYS)}}",
            "DECAY takes 1 to 366 days",
        ),
    ],
)
def test_a_mistake_in_a_text_is_told_with_line_and_column(said, problem):
    definition = parse_definitions(f"- {{tag_id: t, name: x, {said}}}", "here")[0]
    with pytest.raises(RuleInvalid) as caught:
        tag_recipe(definition, SCHEMA)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            f"{LIST}, preference: {{measure: COUNT(view_item BY category), "
            "names: [{value: a, keys: [x]}, {value: b, from_number: 1, to_number: 2}]}",
            "preference.names[1].from_number: the keys of the measure are no numbers but text",
        ),
        ("type: text, aipl: {purchase_event: order_payed}", "aipl.purchase_event: there is no event type"),
        (
            "type: text, bands: {expression: spent > 1, values: [a, b], bounds: [1]}",
            "gives a bool, a number is needed",
        ),
    ],
)
def test_what_does_not_fit_the_dictionary_is_told_with_its_field(said, problem):
    definition = parse_definitions(f"- {{tag_id: t, name: x, {said}}}", "here")[0]
    with pytest.raises(DefinitionInvalid) as caught:
        tag_recipe(definition, SCHEMA)
    assert problem in str(caught.value)


def test_what_the_values_are_makes_a_new_version():
    definition = DEFINITIONS["home_city"]
    assert dataclasses.replace(definition, owner="me").meaning == definition.meaning
    assert dataclasses.replace(definition, confidence=5_000).meaning != definition.meaning


def test_a_catalogue_without_tags_is_a_schema():
    assert isinstance(SCHEMA, Catalogue)
