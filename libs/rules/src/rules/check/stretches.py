"""Windows: their limits, what PREVIOUS stands before, and partial days compared with whole ones."""

import datetime as dt
from dataclasses import replace
from typing import TypeVar

from rules import tree as t
from rules.limits import MAX_WINDOW, MAX_WINDOW_DAYS
from rules.tree import Back, Node, Unit, Window
from rules.walk import rebuild, walk

from .findings import Findings

N = TypeVar("N", bound=Node)
_ROLLING = {Unit.MINUTE, Unit.HOUR}
FIRST_DAY, LAST_DAY = dt.date(1800, 1, 1), dt.date(2200, 12, 31)


def check_window(findings: Findings, window: Window) -> None:
    match window:
        case t.Last(count, unit) | t.Past(count, unit) | t.Previous(count, unit):
            _check_count(findings, window, count, unit)
        case t.Period(_, unit) if unit in {*_ROLLING, Unit.DAY}:
            findings.error(
                window.span, f"there is no calendar period of a {unit.value}", "write IN LAST 1 DAY"
            )
        case t.BetweenDays(first, last):
            _check_span(findings, window, first, last)
        case t.BetweenMoments(first, last):
            _check_moments(findings, window, first, last)
        case t.During(name):
            if not findings.schema.has_period(name):
                message = f"the calendar has no period '{name}'"
                findings.missing(window.span, message, name, findings.schema.names("period"))


def _check_count(findings: Findings, window: t.Last | t.Past | t.Previous, count: int, unit: Unit) -> None:
    limit = MAX_WINDOW[unit.value]
    if not 1 <= count <= limit:
        findings.error(
            window.span, f"a window of {count} {unit.value}S", f"from 1 to {limit}: at most three years"
        )
    rolling_ok = isinstance(window, t.Last) or (isinstance(window, t.Previous) and window.before is Back.LAST)
    if unit in _ROLLING and not rolling_ok:
        findings.error(window.span, f"{unit.value}S roll: there are no whole ones", "write LAST")


def _check_span(findings: Findings, window: Window, first: dt.date, last: dt.date) -> None:
    if last < first:
        findings.error(window.span, "the window ends before it starts", "the earlier day goes first")
    elif (last - first).days >= MAX_WINDOW_DAYS:
        findings.error(window.span, "the window is longer than three years", "leave it out for all time")
    for day in (first, last):
        if not FIRST_DAY <= day <= LAST_DAY:
            findings.error(window.span, f"{day} is outside {FIRST_DAY} to {LAST_DAY}")


def _check_moments(
    findings: Findings, window: t.BetweenMoments, first: dt.datetime, last: dt.datetime
) -> None:
    if (first.tzinfo is None) != (last.tzinfo is None):
        findings.error(window.span, "one moment names its time zone, the other does not", "write both alike")
    elif first.date() == last.date() and last < first:
        findings.error(window.span, "the window ends before it starts", "the earlier moment goes first")
    else:
        _check_span(findings, window, first.date(), last.date())


def anchored(findings: Findings, comparison: N) -> N:
    """The node with every PREVIOUS told which window it stands before: the equal one in the same node."""
    stretches = [each for each in walk(comparison) if isinstance(each, t.Last | t.Past)]
    _warn_partial(findings, comparison)

    def change(node: Node) -> Node:
        if isinstance(node, t.Previous) and node.before is None:
            return _anchor(findings, node, stretches)
        return rebuild(node, change)

    return rebuild(comparison, change)


def _anchor(findings: Findings, window: t.Previous, stretches: list[t.Last | t.Past]) -> t.Previous:
    equal = [each for each in stretches if (each.count, each.unit) == (window.count, window.unit)]
    kinds = {Back.LAST if isinstance(each, t.Last) else Back.PAST for each in equal}
    if len(kinds) == 1:
        return replace(window, before=kinds.pop())
    hint = f"write PREVIOUS {window.count} {window.unit.value}S BEFORE PAST (or BEFORE LAST)"
    if kinds:
        findings.error(window.span, "PREVIOUS could stand before LAST or before PAST here", hint)
    else:
        findings.error(
            window.span, "PREVIOUS is compared with no LAST or PAST window of the same length", hint
        )
    return replace(window, before=Back.PAST)


def _warn_partial(findings: Findings, comparison: Node) -> None:
    """A window that ends within today holds less than a whole one of the same name."""
    windows = [each.window for each in walk(comparison) if isinstance(each, t.Aggregate)]
    states = {_is_partial(window) for window in windows} - {None}
    if len(states) == 2:
        findings.warn(
            comparison.span,
            "a window with part of today is compared with whole days",
            "PAST counts whole days",
        )


def _is_partial(window: Window) -> bool | None:
    """True: ends now. False: whole days, before. None: neither, or as the writer chose."""
    match window:
        case t.Last(_, unit) if unit not in _ROLLING:
            return True
        case t.Past():
            return False
        case t.Previous(_, unit) if unit not in _ROLLING:
            return False
        case t.Period(t.Which.THIS):
            return True
        case t.Period(t.Which.PREVIOUS, _, to_date):
            return to_date
    return None
