"""A value as the contract says it: with weights in the order of the list, and how certain it is."""

import datetime as dt

from tagging.api.render_tags import value_of_tag
from tagging.app.read_values import ReadValue
from tagging.catalogue.files import parse_definitions
from tagging.domain.plan import Tag
from tagging.domain.weighted import WeightedTexts
from tagging.store.tag_ports import StoredValue

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
FAVOURITES = """- tag_id: favourites
  name: x
  type: {base: text, multi_valued: true, weighted: true}
  confidence: 0.5
  top_n: {measure: COUNT(view_item BY category)}
"""


def rendered(value):
    (definition,) = parse_definitions(FAVOURITES, "here")
    return value_of_tag(ReadValue(Tag(definition, 1, NOW), StoredValue(value, NOW, from_run=True)))


def test_weights_stand_in_the_order_of_the_values():
    message = rendered(WeightedTexts.of({"a": 2_500, "b": 7_500}))
    assert [each.text_value for each in message.value.list_value.values] == ["b", "a"]
    assert list(message.weights) == [7_500, 2_500]


def test_confidence_is_the_definitions_times_the_values_rounded_half_to_even():
    assert rendered(WeightedTexts.of({"a": 10_000})).confidence == 5_000
    assert rendered(WeightedTexts.of({"a": 10_000}, 3_333)).confidence == 1_666  # 1,666.5


def test_an_unknown_value_has_neither():
    message = rendered(None)
    assert not message.HasField("value")
    assert (message.confidence, list(message.weights)) == (0, [])
