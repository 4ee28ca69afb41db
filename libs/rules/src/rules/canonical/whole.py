"""The canonical form of rules and forms: equal rules have equal text after it."""

from typing import Any, get_args

from rules import tree as t
from rules.canonical.joins import TRUE, conjunction, disjunction, negation
from rules.canonical.leaves import canonical_leaf
from rules.canonical.values import canonical_value
from rules.printer import print_form, print_rule
from rules.tree import Condition, Expression, SetExpression
from rules.values import SCALE

_EXPRESSIONS = get_args(t.Expression)
_EVERYONE = 100 * SCALE


class Canonical:
    """The walk from the leaves up; stateless."""

    def condition(self, node: Condition) -> Condition:
        match node:
            case t.And(operands):
                return conjunction(self.condition(each) for each in operands)
            case t.Or(operands):
                return disjunction(self.condition(each) for each in operands)
            case t.Not(operand):
                return negation(self.condition(operand))
        return canonical_leaf(self, node)

    def value(self, node: Expression) -> Expression:
        return canonical_value(self, node)

    def where(self, node: Condition | None) -> Condition | None:
        """A WHERE that lets everything through is none."""
        inner = self.condition(node) if node else None
        return None if inner == TRUE else inner

    def members(self, node: SetExpression) -> SetExpression:
        match node:
            case t.SegmentMembers():
                return node
            case t.Union(operands):
                return self._joined(t.Union, operands)
            case t.Intersect(operands):
                return self._joined(t.Intersect, operands)
            case t.Except(base, removed):
                kept = self.members(base)
                if isinstance(kept, t.Except):
                    everything = self._joined(t.Union, (kept.removed, removed))
                    return t.Except(kept.base, everything, span=node.span)
                return t.Except(kept, self.members(removed), span=node.span)

    def _joined(
        self, kind: type[t.Union] | type[t.Intersect], operands: tuple[SetExpression, ...]
    ) -> SetExpression:
        flat: dict[SetExpression, None] = {}
        for each in map(self.members, operands):
            flat.update(dict.fromkeys(each.operands if isinstance(each, kind) else (each,)))
        ordered = sorted(flat, key=lambda each: print_rule(t.Rule(each)))
        return ordered[0] if len(ordered) == 1 else kind(tuple(ordered))


def canonical_rule(rule: t.Rule) -> t.Rule:
    """The rule's normal form: the same meaning for every person, except that it may spare an overflow.

    Meant for a checked rule; of an unchecked one, texts that stand for days stay texts.
    """
    canonical = Canonical()
    body = rule.body
    whole: Condition | SetExpression
    if isinstance(body, t.SegmentMembers | t.Union | t.Intersect | t.Except):
        whole = canonical.members(body)
    else:
        whole = canonical.condition(body)
    steps = tuple(each for each in rule.steps if each.percent != _EVERYONE)
    return t.Rule(whole, steps, span=rule.span)


def canonical_form(form: Expression | Condition) -> Expression | Condition:
    whole: Any = form
    return Canonical().value(whole) if isinstance(form, _EXPRESSIONS) else Canonical().condition(whole)


def canonical_text(rule: t.Rule) -> str:
    """What equal rules share: a key for caches. It may be longer than the text of a rule may be."""
    return print_rule(canonical_rule(rule))


def canonical_form_text(form: Expression | Condition) -> str:
    return print_form(canonical_form(form))
