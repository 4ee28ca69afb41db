"""Every example of docs/rules.md does what the page says."""

import re
from pathlib import Path

import pytest
from rules.check import check_grouped, check_rule
from rules.errors import RuleCheckError
from rules.parser import parse
from rules.printer import print_grouped, print_rule
from rules.testing import retailer

CATALOGUE = retailer()
PAGE = Path(__file__).parents[5] / "docs" / "rules.md"


def examples(kind: str) -> list[str]:
    blocks = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [each.strip() for block in blocks for each in block.split("\n\n")]


@pytest.mark.parametrize("text", examples("rule"))
def test_an_example_passes_the_check_and_prints_back(text: str) -> None:
    checked = check_rule(text, CATALOGUE)
    assert checked.warnings == ()
    assert parse(print_rule(parse(text))) == parse(text)


@pytest.mark.parametrize("text", examples("grouped"))
def test_a_grouped_example_passes_the_check_and_prints_back(text: str) -> None:
    checked = check_grouped(text, CATALOGUE)
    assert checked.warnings == ()
    assert print_grouped(checked.grouped) == text


@pytest.mark.parametrize("text", examples("refused"))
def test_an_example_of_a_mistake_is_refused(text: str) -> None:
    with pytest.raises(RuleCheckError):
        check_rule(text, CATALOGUE)


def test_the_page_has_examples_of_both() -> None:
    assert len(examples("rule")) > 30
    assert len(examples("refused")) > 5
    assert examples("grouped")
