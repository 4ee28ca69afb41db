"""The rule language and its evaluators."""
