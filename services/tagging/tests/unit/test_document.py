import datetime as dt

import pytest
import yaml
from tagging.domain.definition import (
    DefinitionInvalid,
    FixedCut,
    Grade,
    LayeredRuleKind,
    RfmKind,
    StatisticKind,
)
from tagging.domain.definition_checks import check_limits
from tagging.domain.document import flatten, from_document, to_document

DOCUMENTS = """
- tag_id: orders_30d
  name: {zh: 近30天订单数, en: Orders in 30 days}
  type: number
  statistic: {expression: COUNT(order_paid) IN LAST 30 DAYS}
- tag_id: gender
  name: 性别
  grade: personal
  type: {base: text, closed: true, options: [{value: male, name: {zh: 男}}, female]}
  attribute: gender
- tag_id: value_level
  name: {en: Value level}
  layer: business
  update: run
  type: number
  layered_rule:
    layers: [{when: orders_30d > 3, then: 1.5}, {when: orders_30d > 0, then: "0.5"}]
    otherwise: 0
- tag_id: seen_since
  name: {en: Seen since}
  type: {base: date, multi_valued: true}
  layered_rule: {layers: [{when: orders_30d > 3, then: [2026-01-31, "2026-02-01"]}]}
- tag_id: rfm_class
  name: {en: RFM}
  type: text
  rfm:
    recency: ELAPSED DAYS(LAST(order_paid))
    frequency: {expression: COUNT(order_paid), fixed: 2}
    monetary: {expression: SUM(order_paid.amount), top_percent: 12.5}
- tag_id: stage
  name: {en: Stage}
  type: text
  lifecycle: {new_days: 15}
"""


def documents():
    return {each["tag_id"]: each for each in yaml.safe_load(DOCUMENTS)}


def test_documents_read_back_what_they_say():
    for document in documents().values():
        definition = from_document(document)
        check_limits(definition)
        assert from_document(to_document(definition)) == definition
        # the text form survives a YAML round trip too
        assert from_document(yaml.safe_load(yaml.safe_dump(to_document(definition)))) == definition


def test_values_are_read_by_the_tag_s_type():
    level = from_document(documents()["value_level"]).kind
    assert isinstance(level, LayeredRuleKind)
    assert [each.then for each in level.layers] == [15_000, 5_000]
    assert level.otherwise == 0
    since = from_document(documents()["seen_since"]).kind
    assert isinstance(since, LayeredRuleKind)
    assert since.layers[0].then == (dt.date(2026, 1, 31), dt.date(2026, 2, 1))


def test_cuts_and_grades():
    rfm = from_document(documents()["rfm_class"]).kind
    assert isinstance(rfm, RfmKind)
    assert rfm.frequency.cut == FixedCut(20_000)
    assert from_document(documents()["gender"]).grade is Grade.PERSONAL


def test_flatten_names_fields_as_differences_do():
    flat = flatten(to_document(from_document(documents()["value_level"])))
    assert flat["layered_rule.layers[0].when"] == "orders_30d > 3"
    assert flat["layered_rule.layers[0].then"] == "1.5"


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"tag_id": "Orders"}, "tag_id", "lower-case"),
        ({"name": None}, "name", "neither"),
        ({"tpye": "text"}, "tpye", "not a field"),
        ({"type": "money"}, "type.base", "is one of"),
        ({"grade": "secret"}, "grade", "is one of public, internal"),
        ({"category": "a/b/c/d/e/f"}, "category", "6 deep"),
        ({"type": {"base": "number", "closed": True}}, "value_type", "only texts"),
        ({"attribute": "gender"}, "kind", "exactly one"),
        ({"statistic": {"expression": " "}}, "kind", "empty"),
        ({"description": "长" * 2_001}, "description", "2001 characters"),
        ({"tag_id": "and"}, "tag_id", "word of the rule language"),
        ({"tag_id": "true"}, "tag_id", "word of the rule language"),
        ({"name": {"zh": "订单", "en": "Orders\u202e"}}, "name", "U+202E"),
        ({"name": "a\tb"}, "name", "U+0009"),
    ],
)
def test_what_is_wrong_is_named(change, field, problem):
    document = {**documents()["orders_30d"], **change}
    with pytest.raises(DefinitionInvalid) as refused:
        check_limits(from_document(document))
    assert refused.value.field == field
    assert problem in refused.value.problem


def test_a_layer_s_value_must_be_of_the_closed_list():
    document = {
        "tag_id": "sex",
        "name": "x",
        "type": {"base": "text", "closed": True, "options": ["male", "female"]},
        "layered_rule": {"layers": [{"when": "orders_30d > 3", "then": "femal"}]},
    }
    with pytest.raises(DefinitionInvalid, match="'femal' is not in the closed list"):
        check_limits(from_document(document))


def test_a_tree_that_bites_its_tail_is_refused():
    options = [{"value": "a", "parent": "b"}, {"value": "b", "parent": "a"}]
    document = {**documents()["gender"], "type": {"base": "text", "options": options}}
    with pytest.raises(DefinitionInvalid, match="below itself"):
        check_limits(from_document(document))


def test_statistic_shorthand():
    document = {"tag_id": "x", "name": "x", "type": "number", "statistic": "COUNT(order_paid)"}
    assert from_document(document).kind == StatisticKind("COUNT(order_paid)")
