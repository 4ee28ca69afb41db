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
    Property,
    Rule,
    Sample,
    SegmentMembers,
    Sequence,
    Union,
)
from rules.walk import walk

_LATER_NODES = {
    Sequence: "SEQUENCE",
    During: "DURING",
    Limit: "LIMIT",
    Sample: "SAMPLE",
    Union: "UNION",
    Intersect: "INTERSECT",
    Except: "EXCEPT",
    SegmentMembers: "a set of SEGMENT members",
}


def refuse_unsupported(root: Rule | Condition | Expression | Grouped, evaluator: str) -> None:
    """Raises UnsupportedNode for what no evaluator completes yet."""
    for node in walk(root):
        if name := _LATER_NODES.get(type(node)):
            raise UnsupportedNode(name, evaluator)
        if isinstance(node, Property) and node.path[-1] == "is_workday":
            raise UnsupportedNode("is_workday", evaluator)


def condition_of(rule: Rule | Condition, evaluator: str) -> Condition:
    """The condition that a rule consists of. Raises UnsupportedNode for anything beyond a condition."""
    refuse_unsupported(rule, evaluator)
    body = rule.body if isinstance(rule, Rule) else rule
    if isinstance(body, Union | Intersect | Except | SegmentMembers):
        raise UnsupportedNode(type(body).__name__.upper(), evaluator)
    return body
