"""What is to be said of rules whose windows have not begun: they select by nothing, or by its absence."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

from rules.ahead import ahead
from segments.app.rule_reading import ReadRule
from segments.app.tenant_segments import TenantSegments


def windows_ahead(segments: TenantSegments, rules: Sequence[ReadRule], as_of: dt.datetime) -> list[str]:
    """A sentence for each window that begins after as_of: of the rules, then of the segments that they refer to, at any
    depth, by name."""
    index = segments.index
    told = {} if index.day is None else index.day.periods
    starts = {name: start for name, start in told.items() if start is not None}
    fixed = dict.fromkeys(window for rule in rules for window in rule.fixed)
    found = ahead(fixed, as_of, index.calendar, starts)
    for name, inner in _referred(segments, rules):
        found += [f"segment '{name}': {each}" for each in ahead(inner.fixed, as_of, index.calendar, starts)]
    return found


def _referred(segments: TenantSegments, rules: Iterable[ReadRule]) -> Iterator[tuple[str, ReadRule]]:
    """Each segment once."""
    waiting, seen = list(rules), set[str]()
    while waiting:
        for name in sorted(waiting.pop().segments - seen):
            seen.add(name)
            standing = segments.get(name)
            if standing is not None and standing.rule is not None:
                waiting.append(standing.rule)
                yield name, standing.rule
