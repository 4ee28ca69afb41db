"""Refuses, by name and before any work, what an evaluator does not evaluate.

A branch that is never reached would otherwise hide a node that another evaluator trips over.
"""

from collections.abc import Collection
from typing import TypeAlias

from rules.errors import UnsupportedNode
from rules.tree import (
    Condition,
    During,
    Except,
    Expression,
    Grouped,
    Intersect,
    Limit,
    Node,
    Property,
    Rule,
    Sample,
    SegmentMembers,
    Sequence,
    Union,
)
from rules.walk import walk

from .setting import Setting

_SETS = (Union, Intersect, Except, SegmentMembers)
_NAMES: dict[type[Node], str] = {
    Sequence: "SEQUENCE",
    During: "DURING",
    Limit: "LIMIT",
    Sample: "SAMPLE",
    Union: "UNION",
    Intersect: "INTERSECT",
    Except: "EXCEPT",
    SegmentMembers: "a set of SEGMENT members",
}
STEPS = frozenset({Limit, Sample})
"""What asks for a population, or for more than a person's facts."""
Asked: TypeAlias = Rule | Condition | Expression | Grouped


def refuse(root: Asked, evaluator: str, setting: Setting, kinds: Collection[type[Node]] = ()) -> None:
    """Raises UnsupportedNode for the first node of one of these kinds, or that asks for what the setting's calendar
    does not have."""
    for node in walk(root):
        if type(node) in kinds:
            raise UnsupportedNode(_NAMES[type(node)], evaluator)
        if isinstance(node, During) and setting.calendar.periods.find(node.name) is None:
            raise UnsupportedNode(
                f"DURING '{node.name}', a period that the calendar does not have,", evaluator
            )
        if (
            isinstance(node, Property)
            and node.path[-1] == "is_workday"
            and not setting.calendar.workdays.years
        ):
            raise UnsupportedNode("is_workday without a calendar of workdays", evaluator)


def refuse_unsupported(root: Asked, evaluator: str, carried: Collection[type[Node]] = ()) -> None:
    """Raises UnsupportedNode for what definitions may not hold while those who keep them do not carry it through.

    carried: the kinds that they do, `During` with is_workday.
    """
    for node in walk(root):
        kind = type(node)
        if kind in _NAMES and kind not in carried:
            raise UnsupportedNode(_NAMES[kind], evaluator)
        if isinstance(node, Property) and node.path[-1] == "is_workday" and During not in carried:
            raise UnsupportedNode("is_workday", evaluator)


def condition_of(rule: Rule | Condition, evaluator: str) -> Condition:
    """The condition that a rule consists of, for those who keep definitions: as `refuse_unsupported`."""
    refuse_unsupported(rule, evaluator)
    body = rule.body if isinstance(rule, Rule) else rule
    assert not isinstance(body, _SETS)  # just refused
    return body
