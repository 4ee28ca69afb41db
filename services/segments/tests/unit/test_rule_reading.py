"""What a rule is told that cannot be read."""

import pytest
from rules.check import Population
from rules.schema import EventType
from segments.app.rule_reading import Mentioned, read_rule
from segments.domain.dictionary import Dictionary
from segments.errors import RuleInvalid

MENTIONED = Mentioned({}, Dictionary((EventType("order_paid"),)), ())


@pytest.mark.parametrize("rule", ["COUNT(danced) >= 1", "SEQUENCE(order_paid THEN danced)"])
def test_events_that_a_tenant_declares_are_reached_through_tags(rule: str) -> None:
    with pytest.raises(RuleInvalid, match="if danced is declared by this tenant, make a tag of it"):
        read_rule(rule, Population.ALL, MENTIONED)


def test_other_refusals_say_nothing_of_them() -> None:
    with pytest.raises(RuleInvalid) as refused:
        read_rule("COUNT(order_paid WHERE mood = 'glad') >= 1", Population.ALL, MENTIONED)
    assert "declared by this tenant" not in str(refused.value)
