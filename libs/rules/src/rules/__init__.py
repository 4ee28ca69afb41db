"""The rule language: who a tag layer, a segment or an audience means. See docs/rules.md.

    rule = check_rule("COUNT(order_paid) IN LAST 90 DAYS >= 3", schema)
    canonical_text(rule.rule)             # equal rules, equal text
    plan_features(rule.rule, schema)      # what it asks of events, as columns

The tree is `rules.tree`, what a rule may mention `rules.schema`, the evaluators `rules.evaluate`.
"""

from rules.canonical import canonical_form, canonical_form_text, canonical_rule, canonical_text
from rules.check import CheckedForm, CheckedRule, Context, Population, check_form, check_rule
from rules.errors import (
    NumberOverflow,
    Problem,
    RuleCheckError,
    RuleError,
    RuleSyntaxError,
    UnsupportedNode,
)
from rules.features import FeatureForm, FeaturePlan, plan_features
from rules.parser import parse, parse_form
from rules.printer import print_form, print_rule

__all__ = [
    "CheckedForm",
    "CheckedRule",
    "Context",
    "FeatureForm",
    "FeaturePlan",
    "NumberOverflow",
    "Population",
    "Problem",
    "RuleCheckError",
    "RuleError",
    "RuleSyntaxError",
    "UnsupportedNode",
    "canonical_form",
    "canonical_form_text",
    "canonical_rule",
    "canonical_text",
    "check_form",
    "check_rule",
    "parse",
    "parse_form",
    "plan_features",
    "print_form",
    "print_rule",
]
