"""Which segments a change of the calendar would touch: those whose rules name its periods."""

from collections.abc import Sequence

from rules.ahead import FixedWindow, fixed_windows
from rules.errors import RuleSyntaxError
from rules.parser import parse
from rules.tree import During
from segments.app.standing import Standing
from segments.app.tenant_segments import TenantSegments


def period_uses(segments: TenantSegments, periods: Sequence[str]) -> list[list[str]]:
    """By period, in the order asked for, the segments that name it, in order; not those that refer to these."""
    named: dict[str, set[str]] = {}
    for each in segments.all():
        for window in _windows(each):
            if isinstance(window, During):
                named.setdefault(window.name, set()).add(each.segment.segment_id)
    return [sorted(named.get(period, ())) for period in periods]


def _windows(standing: Standing) -> tuple[FixedWindow, ...]:
    """Also of a rule that does not hold any more, because its period is gone for instance."""
    if standing.rule is not None:
        return standing.rule.fixed
    try:
        return fixed_windows([parse(standing.segment.draft.rule)])
    except RuleSyntaxError:
        return ()
