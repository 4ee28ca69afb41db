"""Refuses, by name and before any work, what an evaluator does not evaluate.

A branch that is never reached would otherwise hide a node that another evaluator trips over.
"""

from collections.abc import Collection
from typing import TypeAlias

from rules.errors import UnsupportedNode
from rules.tree import Condition, During, Expression, Grouped, Limit, Property, Rule, Sample
from rules.walk import walk

from .setting import Setting

Step: TypeAlias = type[Limit] | type[Sample]
STEPS: frozenset[Step] = frozenset({Limit, Sample})
"""What asks for a population, or for more than a person's facts."""
Asked: TypeAlias = Rule | Condition | Expression | Grouped


def refuse(root: Asked, evaluator: str, setting: Setting, steps: Collection[Step] = ()) -> None:
    """Raises UnsupportedNode for the first of these steps, or node that asks for what the setting's calendar does not
    have."""
    for node in walk(root):
        if type(node) in steps:
            raise UnsupportedNode(type(node).__name__.upper(), evaluator)
        if isinstance(node, During) and setting.calendar.periods.find(node.name) is None:
            raise UnsupportedNode(
                f"DURING '{node.name}', a period that the calendar does not have,", evaluator
            )
        if (
            isinstance(node, Property)
            and node.path[-1] == "is_workday"
            and not setting.calendar.workdays.years
        ):
            raise UnsupportedNode("is_workday without a calendar of workdays", evaluator)
