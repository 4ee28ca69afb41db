"""One person: the truth or value, fast, or the whole explanation."""

from .evaluator import is_true, value_of
from .explanation import MAX_EVIDENCE, Explanation, explain
from .facts import Event, Line, Person, PropertyValue, ReferenceRows

__all__ = [
    "MAX_EVIDENCE",
    "Event",
    "Explanation",
    "Line",
    "Person",
    "PropertyValue",
    "ReferenceRows",
    "explain",
    "is_true",
    "value_of",
]
