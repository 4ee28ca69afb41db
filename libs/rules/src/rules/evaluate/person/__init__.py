"""One person: the truth or value, fast, or the whole explanation."""

from .evaluator import groups_of, is_true, value_of
from .explanation import MAX_EVIDENCE, Explanation, explain
from .facts import Event, Line, Person, PropertyValue, ReferenceRows
from .grouped import Group

__all__ = [
    "MAX_EVIDENCE",
    "Event",
    "Explanation",
    "Group",
    "Line",
    "Person",
    "PropertyValue",
    "ReferenceRows",
    "explain",
    "groups_of",
    "is_true",
    "value_of",
]
