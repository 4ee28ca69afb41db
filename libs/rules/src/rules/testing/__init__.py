"""Random rules for property tests of the language and its evaluators. Needs hypothesis."""

from rules.testing.catalogues import retailer
from rules.testing.strategies import aggregates, conditions, grouped, numbers, rules
from rules.testing.words import AS_OF

__all__ = ["AS_OF", "aggregates", "conditions", "grouped", "numbers", "retailer", "rules"]
