"""In which order segments follow the index."""

import graphlib
from collections.abc import Mapping

from segments.app.rule_reading import ReadRule
from segments.errors import SegmentCycle


def ordered(rules: Mapping[str, ReadRule | None]) -> tuple[str, ...]:
    """Segments after those they refer to. Raises SegmentCycle."""
    graph = {
        name: sorted(rule.segments & rules.keys()) if rule is not None else []
        for name, rule in sorted(rules.items())
    }
    try:
        return tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        raise SegmentCycle(list(error.args[1])) from error
