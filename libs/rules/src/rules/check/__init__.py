"""Type check: a tree and a schema in, a rule that evaluators can trust or every problem out."""

from .whole import (
    CheckedForm,
    CheckedGrouped,
    CheckedRule,
    Context,
    Mentions,
    Population,
    check_form,
    check_grouped,
    check_rule,
    type_of,
)

__all__ = [
    "CheckedForm",
    "CheckedGrouped",
    "CheckedRule",
    "Context",
    "Mentions",
    "Population",
    "check_form",
    "check_grouped",
    "check_rule",
    "type_of",
]
