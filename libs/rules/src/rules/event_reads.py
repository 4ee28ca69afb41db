"""Which events, and what of them, a question reads."""

from collections.abc import Iterable

from rules.tree import Aggregate, EventFilter, Grouped, Node, Property
from rules.walk import walk


def read_of_events(questions: Iterable[Node]) -> list[tuple[str, frozenset[str]]]:
    """(event type, names of properties and of fields of lines) of each part of the questions that looks at events."""
    found = []
    for question in questions:
        for node in walk(question):
            if isinstance(node, Aggregate | EventFilter):
                found.append((node.event, _names(question if isinstance(question, Grouped) else node)))
    return found


def _names(node: Node) -> frozenset[str]:
    return frozenset(name for each in walk(node) if isinstance(each, Property) for name in each.path)
