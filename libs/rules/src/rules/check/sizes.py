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


def check_size(findings: Findings, root: Node) -> bool:
    """Depth counts conditions and calculations inside each other; a leaf is a condition without a part
    that is one, or a segment of a set. False when the rule is too large to be looked at further."""
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
    if depth > MAX_DEPTH:
        findings.error(
            root.span, f"the rule is {depth} levels deep, the limit is {MAX_DEPTH}", "split it into segments"
        )
    if leaves > MAX_LEAVES:
        findings.error(
            root.span, f"the rule has {leaves} leaves, the limit is {MAX_LEAVES}", "split it into segments"
        )
    return depth <= MAX_DEPTH and leaves <= MAX_LEAVES
