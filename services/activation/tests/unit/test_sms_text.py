"""The text of marketing by SMS."""

import pytest
from activation.domain.sms_text import problem_of


@pytest.mark.parametrize(
    "text",
    [
        "${thing}上新，拒收请回复R",
        "新品到店。拒收请回复R。",
        "满200减50 回T退订",
        "满减 退订回TD",
        "满减，退订请回复N！",
    ],
)
def test_a_text_that_says_how_to_refuse_is_taken(text: str) -> None:
    assert problem_of(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is missing"),
        ("新品到店", "how to refuse"),
        ("拒收请回复R，新品到店", "how to refuse"),
        ("【华象】新品到店，拒收请回复R", "【"),
    ],
)
def test_a_text_that_breaks_the_rules_is_refused_with_what_is_wrong(text: str, problem: str) -> None:
    assert problem in str(problem_of(text))
