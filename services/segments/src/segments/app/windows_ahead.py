"""What is to be said of rules whose windows have not begun: they select by nothing, or by its absence."""

import datetime as dt
from collections.abc import Iterable

from rules.ahead import ahead
from segments.app.rule_reading import ReadRule
from segments.store.ports import TenantIndex


def windows_ahead(index: TenantIndex, rules: Iterable[ReadRule], as_of: dt.datetime) -> list[str]:
    """A sentence for each window of the rules that begins after as_of; not those of segments that they refer to."""
    told = {} if index.day is None else index.day.periods
    starts = {name: start for name, start in told.items() if start is not None}
    fixed = dict.fromkeys(window for rule in rules for window in rule.fixed)
    return ahead(fixed, as_of, index.calendar, starts)
