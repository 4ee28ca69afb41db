"""One person: the truth or value, fast, or the whole explanation."""

from .evaluator import is_true, value_of
from .facts import Event, Line, Person, PropertyValue, ReferenceRows

__all__ = ["Event", "Line", "Person", "PropertyValue", "ReferenceRows", "is_true", "value_of"]
