"""What a rule is told that cannot be read, and when it is read again."""

import pytest
from rules.check import Population
from rules.schema import EventType
from segments.app.rule_reading import Mentioned, read_rule
from segments.app.version import Version
from segments.domain.dictionary import Dictionary
from segments.domain.segment import Draft
from segments.domain.touched import Touched
from segments.errors import RuleInvalid
from segments.index.tenant import TenantIndex
from segments_changes import CATALOGUE, DICTIONARY, TENANT, day_change, person_values, tag_change
from segments_following import placed, small
from servicekit.changelog import Head
from servicekit.revision import LANES, Lane

MENTIONED = Mentioned({}, Dictionary((EventType("order_paid"),)), ())


@pytest.mark.parametrize("rule", ["COUNT(danced) >= 1", "SEQUENCE(order_paid THEN danced)"])
def test_events_that_a_tenant_declares_are_reached_through_tags(rule: str) -> None:
    with pytest.raises(RuleInvalid, match="if danced is declared by this tenant, make a tag of it"):
        read_rule(rule, Population.ALL, MENTIONED)


def test_other_refusals_say_nothing_of_them() -> None:
    with pytest.raises(RuleInvalid) as refused:
        read_rule("COUNT(order_paid WHERE mood = 'glad') >= 1", Population.ALL, MENTIONED)
    assert "declared by this tenant" not in str(refused.value)


def version() -> Version:
    """Of a tenant with a segment, to change."""
    found = Version(TenantIndex, Head("0" * 16, 0, 0, 0, 0), DICTIONARY)
    found.put(TENANT, small(("vips", "is_vip")))
    return found.draft()


def test_a_rule_is_read_once_while_only_values_change() -> None:
    before, asked = version(), Draft("", "", "", "points >= 2 AND is_vip", Population.KNOWN, "")
    read = before.read(TENANT, asked)
    later = before.draft()
    values = person_values(2, 1, points=30_000)
    later.writable(TENANT).index.apply([values], Lane.LIVE, dict.fromkeys(LANES, 0), Touched())
    assert later.read(TENANT, asked) is read
    assert later.read(TENANT, Draft("", "", "", asked.rule, Population.ALL, "")).population is Population.ALL
    later.writable(TENANT).index.apply(
        [tag_change(CATALOGUE.tags["points"], 3, deleted=True)], Lane.LIVE, dict.fromkeys(LANES, 0), Touched()
    )
    with pytest.raises(RuleInvalid, match="points"):
        later.read(TENANT, asked)
    assert before.read(TENANT, asked) == read


def test_a_rule_is_read_again_when_what_it_may_name_has_changed() -> None:
    found, asked = version(), Draft("", "", "", "IN SEGMENT 'loyal'", Population.KNOWN, "")
    with pytest.raises(RuleInvalid, match="loyal"):
        found.read(TENANT, asked)
    placed(found.writable(TENANT), "loyal", "is_vip")
    assert found.read(TENANT, asked).segments == {"loyal"}
    found.writable(TENANT).remove("loyal")
    with pytest.raises(RuleInvalid, match="loyal"):
        found.read(TENANT, asked)
    during = Draft("", "", "", "COUNT(order_paid) DURING 'sale' >= 1", Population.KNOWN, "")
    first = found.read(TENANT, during)
    found.writable(TENANT).index.apply([day_change(4)], Lane.LIVE, dict.fromkeys(LANES, 0), Touched())
    assert found.read(TENANT, during) is not first
