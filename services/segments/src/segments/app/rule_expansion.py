"""A rule for one person without references to segments: services to the left know none."""

import numpy as np
from rules import tree
from rules.evaluate.selection import condition_within, is_sampled
from rules.parser import parse
from rules.printer import print_rule, print_step
from rules.walk import rebuild
from segments.app.rule_reading import ReadRule
from segments.app.standing import Standing
from segments.app.tenant_segments import TenantSegments
from segments.domain.segment import Kind, Segment


def expanded(segments: TenantSegments, segment: Segment, person_id: int) -> str:
    """The segment's rule without its steps and with every IN SEGMENT replaced by that segment's own condition, which
    says more than a yes or no; by FALSE when the person is outside its population, and by TRUE or FALSE when that
    segment does not follow its condition alone. Live segments only."""
    if segment.draft.kind is Kind.STATIC:
        standing = segments.get(segment.segment_id)
        inside = standing is not None and person_id in standing.members
        return print_rule(tree.Rule(tree.Constant(inside)))
    text = segment.draft.rule
    rule = parse(text)
    condition = condition_within(rule)
    replaced = _replaced(condition, segments, person_id)
    return text if replaced is rule.body and not rule.steps else print_rule(tree.Rule(replaced))


def steps_told(segments: TenantSegments, rule: ReadRule, person_id: int) -> tuple[str, ...]:
    """What each step does with one person, in the rule's order."""
    told = []
    for step in rule.body.steps:
        if isinstance(step, tree.Limit):
            told.append(f"{print_step(step)}: whom else the condition holds for decides, too")
        else:
            (birth_hash,) = segments.index.birth_hashes(np.array([person_id], np.uint32)).tolist()
            told.append(
                f"{print_step(step)} {'keeps' if is_sampled(birth_hash, step) else 'leaves out'} this person"
            )
    return tuple(told)


def _replaced(node: tree.Condition, segments: TenantSegments, person_id: int) -> tree.Condition:
    if isinstance(node, tree.InSegment):
        return _meant(node.name, segments, person_id)

    def below(child: tree.Node) -> tree.Node:
        return _replaced(child, segments, person_id) if isinstance(child, tree.Condition) else child

    return rebuild(node, below)


def _meant(name: str, segments: TenantSegments, person_id: int) -> tree.Condition:
    referred = segments.get(name)
    assert referred is not None
    if _is_more_than_a_condition(referred):
        return tree.Constant(person_id in referred.members)
    draft = referred.segment.draft
    if person_id not in segments.index.population(draft.population):
        return tree.Constant(False)
    return _replaced(condition_within(parse(draft.rule)), segments, person_id)


def _is_more_than_a_condition(standing: Standing) -> bool:
    return standing.frozen is not None or (standing.rule is not None and bool(standing.rule.body.steps))
