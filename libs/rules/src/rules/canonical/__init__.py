"""Canonical form: equal rules, equal text."""

from rules.canonical.whole import canonical_form, canonical_form_text, canonical_rule, canonical_text

__all__ = ["canonical_form", "canonical_form_text", "canonical_rule", "canonical_text"]
