"""Behaviour as features: what a rule asks of events, as columns that are computed once and shared.

The feature of a leaf is its aggregate as a value, whatever it is compared with, so `COUNT(x) >= 3` and
`COUNT(x) >= 5` share one. A leaf that compares aggregates with each other, and a SEQUENCE, are features that
are true or false. Features are named by their form: the canonical text, which reads back by itself.
"""

from dataclasses import dataclass

from rules import tree as t
from rules.canonical import canonical_form_text, canonical_rule
from rules.check import type_of
from rules.printer import print_rule
from rules.schema import Schema
from rules.tree import Condition, Node
from rules.values import BOOL, ValueType
from rules.walk import rebuild, walk


@dataclass(frozen=True, slots=True)
class FeatureForm:
    """`text` is what `parse_form` reads; `type` the type of the column."""

    text: str
    type: ValueType


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """`rule` reads tags and `Feature` nodes only and is otherwise the canonical form of the rule given.

    `features` are the distinct forms it reads, in the order of their texts; `canonical` is the rule's canonical text.
    """

    canonical: str
    rule: t.Rule
    features: tuple[FeatureForm, ...]


def plan_features(rule: t.Rule, schema: Schema) -> FeaturePlan:
    """Of a checked rule. Sets of segments have no behaviour of their own and come back as they are."""
    planner = _Planner(schema, {})
    canonical = canonical_rule(rule)
    rewritten = planner.rewrite(canonical)
    assert isinstance(rewritten, t.Rule)
    return FeaturePlan(
        print_rule(canonical), rewritten, tuple(planner.found[text] for text in sorted(planner.found))
    )


@dataclass(frozen=True, slots=True)
class _Planner:
    schema: Schema
    found: dict[str, FeatureForm]

    def rewrite(self, node: Node) -> Node:
        if isinstance(node, t.Rule | t.And | t.Or | t.Not):
            return rebuild(node, self.rewrite)
        if isinstance(node, t.Sequence):
            return self._truth(node)
        if isinstance(node, t.Compare) and _compares_aggregates(node):
            return self._truth(node)
        return self._values(node)

    def _truth(self, leaf: Condition) -> Condition:
        text = canonical_form_text(leaf)
        self.found[text] = FeatureForm(text, BOOL)
        return t.Compare(t.Comparison.EQ, t.Feature(text, span=leaf.span), t.Bool(True), span=leaf.span)

    def _values(self, node: Node) -> Node:
        if not isinstance(node, t.Aggregate):
            return rebuild(node, self._values)
        text = canonical_form_text(node)
        if text not in self.found:
            self.found[text] = FeatureForm(text, type_of(node, self.schema))
        return t.Feature(text, span=node.span)


def _compares_aggregates(leaf: t.Compare) -> bool:
    """Different aggregates and no tag: the whole leaf depends on events alone."""
    nodes = list(walk(leaf))
    aggregates = {each for each in nodes if isinstance(each, t.Aggregate)}
    return len(aggregates) > 1 and not any(isinstance(each, t.TagRef) for each in nodes)
