"""What a specification may say, and what it is refused for."""

from copy import deepcopy
from typing import Any

import pytest
from identity.domain.matching.bands import Bands
from identity.domain.matching.specification import (
    Condition,
    ConditionKind,
    SpecificationInvalid,
    parse_specification,
)

PLAIN: dict[str, Any] = {
    "columns": ["name", "city"],
    "lists": ["phones"],
    "comparisons": [
        {
            "name": "name",
            "levels": [{"equal": "name", "frequency": "name"}, {"edits": {"name": 1}, "equal": ["city"]}],
        },
        {"name": "phone", "levels": [{"share": "phones"}]},
    ],
    "blocks": [["name"], {"equal": ["city"], "each": "phones"}],
    "training": {"certain": [["name", "city"]], "recall": 0.5, "rounds": [["city"]], "sampled_pairs": 1000},
}


def test_levels_are_conditions_on_columns() -> None:
    parsed = parse_specification(PLAIN)
    name, phone = parsed.comparisons
    assert name.needs == ("name", "city")
    assert name.levels[1].conditions == (
        Condition(ConditionKind.EDITS, "name", 1.0),
        Condition(ConditionKind.EQUAL, "city"),
    )
    assert phone.levels[0].conditions == (Condition(ConditionKind.SHARE, "phones", 1.0),)
    assert (parsed.blocks[1].columns, parsed.blocks[1].each) == (("city",), "phones")
    assert parsed.columns == ("name", "city", "phones")


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (["columns"], ["name", "city", "name"], "columns"),
        (["columns"], ["name", "city", "x; DROP TABLE"], "columns"),
        (["columns"], [f"c{number}" for number in range(64)], "columns"),
        (["training", "sampled_pairs"], 10**9, "training.sampled_pairs"),
        (["comparisons", 0, "levels"], [{"edits": {"name": float("inf")}}], "comparisons.name"),
        (["comparisons", 0, "levels"], [{"similar": {"name": -1}}], "comparisons.name"),
        (["blocks"], [["surname"]], "blocks"),
        (["blocks"], [["name"]] * 33, "blocks"),
        (["blocks"], [["name"], []], "blocks"),
        (["training", "certain"], [[]], "training"),
        (["training", "recall"], 1.5, "training.recall"),
        (["training", "recall"], "high", "specification"),
        (["training", "rounds"], [{"each": "phones"}], "training"),
        (["comparisons", 0, "levels"], [], "comparisons.name.levels"),
        (["comparisons", 0, "levels"], [{}], "comparisons.name"),
        (["comparisons", 0, "levels"], [{"sounds": "name"}], "specification"),
        (["comparisons", 0, "levels"], [{"edits": {"name": 1}, "frequency": "name"}], "comparisons.name"),
        (["comparisons", 1, "name"], "name", "comparisons"),
        (["comparisons", 1, "name"], "a) OR (1", "comparisons"),
    ],
)
def test_what_is_wrong_is_named(path: list[Any], value: object, field: str) -> None:
    document = deepcopy(PLAIN)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(SpecificationInvalid) as refused:
        parse_specification(document)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("bands", "problem"),
    [
        (Bands(2.0, -2.0, 0.0, -5.0, 50), ""),
        (Bands(2.0, 3.0, 0.0, -5.0, 50), "review"),
        (Bands(2.0, -2.0, -6.0, -5.0, 50), "mean"),
        (Bands(2.0, -2.0, 0.0, -5.0, 1), "max_rows"),
        (Bands(float("nan"), -2.0, 0.0, -5.0, 50), "weight"),
    ],
)
def test_bands_are_checked(bands: Bands, problem: str) -> None:
    assert bool(problem) == bool(bands.problem())
    assert problem in bands.problem()
