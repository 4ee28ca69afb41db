"""Tags on their way out in rules: refused or warned by name, with what to use instead."""

import pytest
from rules.check import check_rule
from rules.errors import RuleCheckError
from rules.schema import Catalogue, TagType
from rules.values import TEXT


def test_a_retired_tag_is_refused_by_name_with_what_to_use_instead() -> None:
    schema = Catalogue.of([TagType("tier", TEXT)], retired={"level": "tier", "old": ""})
    with pytest.raises(RuleCheckError) as refused:
        check_rule("level = 'gold' AND old = 'x'", schema)
    first, second = refused.value.problems
    assert (first.message, first.hint) == ("the tag 'level' is retired", "use 'tier' instead")
    assert (second.message, second.hint, second.column) == ("the tag 'old' is retired", "", 20)


def test_a_tag_that_was_made_again_is_not_retired() -> None:
    schema = Catalogue.of([TagType("tier", TEXT)], retired={"tier": "other"})
    assert check_rule("tier = 'gold'", schema).mentions.tags == {"tier"}


def test_a_deprecated_tag_is_warned() -> None:
    schema = Catalogue.of([TagType("tier", TEXT), TagType("level", TEXT)], deprecated={"level": "tier"})
    (warning,) = check_rule("level = 'gold' AND tier = 'gold'", schema).warnings
    assert (warning.message, warning.hint) == ("the tag 'level' is deprecated", "use 'tier' instead")
