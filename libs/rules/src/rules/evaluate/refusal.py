"""Refuses, by name and before any work, what an evaluator does not evaluate.

A branch that is never reached would otherwise hide a node that another evaluator trips over.
"""

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
_LATER = frozenset(_NAMES) - {Sequence}


def refuse(
    root: Rule | Condition | Expression | Grouped, evaluator: str, kinds: frozenset[type[Node]] = _LATER
) -> None:
    """Raises UnsupportedNode for the first node of one of these kinds; if none are told, of those that no evaluator
    completes yet."""
    for node in walk(root):
        if type(node) in kinds:
            raise UnsupportedNode(_NAMES[type(node)], evaluator)
        if During in kinds and isinstance(node, Property) and node.path[-1] == "is_workday":
            raise UnsupportedNode("is_workday", evaluator)


def refuse_unsupported(root: Rule | Condition | Expression | Grouped, evaluator: str) -> None:
    """What definitions may not hold while those who keep them do not carry it through: Raises UnsupportedNode."""
    refuse(root, evaluator, frozenset(_NAMES))


def condition_of(rule: Rule | Condition, evaluator: str) -> Condition:
    """The condition that a rule consists of, for those who keep definitions. Raises UnsupportedNode for anything beyond
    a condition and for what they do not carry through."""
    refuse_unsupported(rule, evaluator)
    return body_of(rule, evaluator)


def body_of(rule: Rule | Condition, evaluator: str) -> Condition:
    """The condition that a rule consists of. Raises UnsupportedNode for anything beyond a condition."""
    refuse(rule, evaluator)
    body = rule.body if isinstance(rule, Rule) else rule
    if isinstance(body, _SETS):
        raise UnsupportedNode(_NAMES[type(body)], evaluator)
    return body
