"""What services refuse while they do not carry it through, and how they open up kind by kind."""

import pytest
from rules.check import check_rule
from rules.errors import UnsupportedNode
from rules.evaluate.refusal import condition_of, refuse_unsupported
from rules.testing import retailer
from rules.tree import During, Limit, Sequence

CATALOGUE = retailer()


@pytest.mark.parametrize(
    ("rule", "name", "kind"),
    [
        ("FALSE AND SEQUENCE(view_item THEN order_paid)", "SEQUENCE", Sequence),
        ("DID order_paid DURING '618-2026'", "DURING", During),
        ("DID (order_paid WHERE is_workday)", "is_workday", During),
        ("is_vip LIMIT 5 BY points", "LIMIT", Limit),
    ],
)
def test_services_refuse_what_they_do_not_carry(rule: str, name: str, kind: type) -> None:
    asked = check_rule(rule, CATALOGUE).rule
    for refusing in (condition_of, refuse_unsupported):
        with pytest.raises(UnsupportedNode) as refused:
            refusing(asked, "tags")
        assert (refused.value.node, refused.value.evaluator) == (name, "tags")
    refuse_unsupported(asked, "tags", {kind})


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("is_vip SAMPLE 5% SEED 's'", "SAMPLE"),
        ("SEGMENT 'staff' UNION SEGMENT 'loyal'", "UNION"),
        ("SEGMENT 'staff' EXCEPT SEGMENT 'loyal'", "EXCEPT"),
        ("SEGMENT 'staff' INTERSECT SEGMENT 'loyal'", "INTERSECT"),
        ("SEGMENT 'staff'", "a set of SEGMENT members"),
    ],
)
def test_services_refuse_steps_and_sets(rule: str, name: str) -> None:
    with pytest.raises(UnsupportedNode, match=name):
        condition_of(check_rule(rule, CATALOGUE).rule, "segments")
