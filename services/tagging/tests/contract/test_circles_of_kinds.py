"""A tag may rest on itself through no kind, however many others stand between."""

import pytest
from tagging.errors import TagCircle

A = "{tag_id: a, name: x, type: number, arithmetic: b + 1}"
B = "{tag_id: b, name: x, type: number, score: {parts: [{weight: 1, when: c = 'low'}]}}"
BANDS = "{tag_id: c, name: x, type: text, bands: {expression: a, values: [low, high], percentiles: [50]}}"
POPULATION = """{tag_id: c, name: x, type: text,
    bands: {expression: COUNT(order_paid), values: [low, high], percentiles: [50], population: a > 1}}"""


@pytest.mark.parametrize("third", [BANDS, POPULATION], ids=["bands", "population"])
def test_a_circle_of_kinds_is_refused_with_its_path(world, third):
    with pytest.raises(TagCircle) as caught:
        world.define(A, B, third)
    assert "a -> b -> c -> a" in str(caught.value)
    assert world.values() == {}
