"""The limits on a rule's size."""

from rules import tree as t
from rules.limits import MAX_DEPTH, MAX_LEAVES
from rules.tree import Node
from rules.walk import children

from .findings import Findings

_COUNTS_AS_LEVEL = (
    t.And | t.Or | t.Not | t.AnyLine | t.Compare | t.Between | t.In | t.Has | t.TextTest | t.Under | t.IsKnown
    | t.Anniversary | t.InSegment | t.Sequence | t.Constant | t.Arithmetic | t.Union | t.Intersect | t.Except
)  # fmt: skip
_BRANCHES = t.And | t.Or | t.Not | t.AnyLine | t.Arithmetic | t.Union | t.Intersect | t.Except


def check_size(findings: Findings, root: Node, slack: int = 1) -> bool:
    """Depth counts conditions and calculations inside each other; a leaf is a condition without a part
    that is one, or a segment of a set. False when the rule is too large to be looked at further."""
    max_depth, max_leaves = slack * MAX_DEPTH, slack * MAX_LEAVES
    leaves = depth = 0
    waiting = [(root, 0)]
    while waiting:
        node, level = waiting.pop()
        if isinstance(node, _COUNTS_AS_LEVEL):
            level += 1
        if isinstance(node, t.SegmentMembers) or (
            isinstance(node, _COUNTS_AS_LEVEL) and not isinstance(node, _BRANCHES)
        ):
            leaves += 1
        depth = max(depth, level)
        waiting.extend((child, level) for child in children(node))
    if depth > max_depth:
        findings.error(
            root.span, f"the rule is {depth} levels deep, the limit is {max_depth}", "split it into segments"
        )
    if leaves > max_leaves:
        findings.error(
            root.span, f"the rule has {leaves} leaves, the limit is {max_leaves}", "split it into segments"
        )
    return depth <= max_depth and leaves <= max_leaves
