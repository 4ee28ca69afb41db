"""A rule for one person without references to segments: services to the left know none."""

from rules import tree
from rules.parser import parse
from rules.printer import print_rule
from rules.walk import rebuild
from segments.app.standing import TenantSegments
from segments.domain.segment import Kind, Segment


def expanded(segments: TenantSegments, segment: Segment, person_id: int) -> str:
    """The segment's rule with every IN SEGMENT replaced by that segment's own condition, which says more than a yes or
    no; by FALSE when the person is outside its population, and by TRUE or FALSE when that segment does not follow its
    rule. Live segments only."""
    if segment.draft.kind is Kind.STATIC:
        standing = segments.get(segment.segment_id)
        inside = standing is not None and person_id in standing.members
        return print_rule(tree.Rule(tree.Constant(inside)))
    text = segment.draft.rule
    rule = parse(text)
    replaced = _replaced(rule, segments, person_id)
    return text if replaced is rule else print_rule(_as_rule(replaced))


def _replaced(node: tree.Node, segments: TenantSegments, person_id: int) -> tree.Node:
    if not isinstance(node, tree.InSegment):
        return rebuild(node, lambda child: _replaced(child, segments, person_id))
    referred = segments.get(node.name)
    assert referred is not None
    if referred.frozen is not None:
        return tree.Constant(person_id in referred.members)
    draft = referred.segment.draft
    if person_id not in segments.index.population(draft.population):
        return tree.Constant(False)
    return _replaced(_as_rule(parse(draft.rule)).body, segments, person_id)


def _as_rule(node: tree.Node) -> tree.Rule:
    assert isinstance(node, tree.Rule)
    return node
