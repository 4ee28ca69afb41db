"""What somebody should look at: alerts open when something is found and close when a later look does not find it."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from rules.values import SCALE

from .measurement import Freshness, Measurement, share
from .rules import QualityRules
from .stability import MUCH

FALL = SCALE // 5
"""A loss of a fifth of the persons with a value since the measurement before is told."""
MIN_BEFORE = 100
"""So many persons had a value before, at least: of fewer a fifth is soon lost."""
CONTRADICTED = SCALE // 20
"""So large a share of contradicted persons is told."""


class AlertKind(Enum):
    """What is wrong.

    INCOMPLETE     fewer persons have a value than the owner wants
    FELL           far fewer than before
    STALE          older than promised
    DRIFTED        spread otherwise than before
    INVALID        values break rules of the owner
    CONTRADICTED   behaviour says otherwise
    FAILED         its latest run failed
    EVENTS_UNSEEN  none of the events that it rests on ever came
    NOT_MEASURED   something of it cannot be measured
    """

    INCOMPLETE = "incomplete"
    FELL = "fell"
    STALE = "stale"
    DRIFTED = "drifted"
    INVALID = "invalid"
    CONTRADICTED = "contradicted"
    FAILED = "failed"
    EVENTS_UNSEEN = "events_unseen"
    NOT_MEASURED = "not_measured"


OF_MEASUREMENTS = frozenset(AlertKind) - {AlertKind.FAILED}
"""What a measurement decides on; only a run decides whether a tag failed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`detail` says what is wrong and how to mend it, and names no value of a person. `measured` and `limit` are of the
    kind: shares, indexes and hours scaled by 10^4, counts as they are."""

    kind: AlertKind
    detail: str
    measured: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Alert:
    """`number` rises in the tenant. Open while `closed` is None; `seen`: when it was last found."""

    number: int
    tag_id: str
    finding: Finding
    opened: dt.datetime
    seen: dt.datetime
    closed: dt.datetime | None = None

    @property
    def kind(self) -> AlertKind:
        return self.finding.kind


@dataclass(frozen=True, slots=True)
class Turn:
    """What a look changes: findings that open an alert, and alerts as they are now."""

    opened: tuple[Finding, ...] = ()
    seen: tuple[Alert, ...] = ()
    closed: tuple[Alert, ...] = ()


def turn(
    present: Mapping[AlertKind, Alert],
    findings: Collection[Finding],
    decided: Collection[AlertKind],
    now: dt.datetime,
) -> Turn:
    """`present`: the open alerts of a tag; `decided`: the kinds that the look could have found. The others stay."""
    found = {each.kind: each for each in findings}
    return Turn(
        tuple(each for kind, each in found.items() if kind not in present),
        tuple(
            replace(present[kind], finding=each, seen=now) for kind, each in found.items() if kind in present
        ),
        tuple(
            replace(each, closed=now)
            for kind, each in present.items()
            if kind in decided and kind not in found
        ),
    )


def findings(measured: Measurement, rules: QualityRules) -> Iterator[Finding]:
    """Of a measurement, under the rules of its definition."""
    yield from _coverage(measured, rules)
    yield from staleness(measured.freshness, measured.time)
    worst = measured.drift.worst
    if worst is not None and worst >= MUCH:
        detail = "values are spread otherwise than before: look at the sources, or define a new version"
        yield Finding(AlertKind.DRIFTED, detail, worst, MUCH)
    checked = measured.validity
    if checked is not None and checked.broken_count:
        broken = ", ".join(f"{name} ({count})" for name, count in sorted(checked.broken.items()) if count)
        detail = f"values break rules of the owner, by rule: {broken}; mend the source, or the rules"
        yield Finding(AlertKind.INVALID, detail, checked.broken_count)
    found = measured.agreement
    if found is not None:
        contradicted = share(found.contradicted_count, found.checked_count)
        if contradicted > CONTRADICTED:
            detail = "what persons do contradicts the value of many: ask them again, or doubt the source"
            yield Finding(AlertKind.CONTRADICTED, detail, contradicted, CONTRADICTED)
    if measured.unseen_events and not measured.seen_events:
        names = ", ".join(measured.unseen_events)
        detail = f"no event of these types ever came: {names}; connect a source that sends them"
        yield Finding(AlertKind.EVENTS_UNSEEN, detail, len(measured.unseen_events))
    if measured.warnings:
        yield Finding(AlertKind.NOT_MEASURED, "; ".join(measured.warnings), len(measured.warnings))


def staleness(freshness: Freshness, now: dt.datetime) -> Iterator[Finding]:
    """At most one finding."""
    if freshness.is_kept(now):
        return
    age = freshness.age(now)
    hours = 0 if age is None else round(age / dt.timedelta(hours=1) * SCALE)
    said = "no values were ever computed" if freshness.as_of is None else "values are older than promised"
    detail = f"{said} ({freshness.promised_hours} h): see whether its runs fail or its source is silent"
    yield Finding(AlertKind.STALE, detail, hours, freshness.promised_hours * SCALE)


def _coverage(measured: Measurement, rules: QualityRules) -> Iterator[Finding]:
    if measured.known_count < rules.min_people:
        detail = "fewer persons have a value than the owner wants: see whether a source is missing"
        yield Finding(AlertKind.INCOMPLETE, detail, measured.known_count, rules.min_people)
    elif rules.max_null_share is not None and measured.null_share > rules.max_null_share:
        detail = "more persons have no value than the owner allows: see whether a source is missing"
        yield Finding(AlertKind.INCOMPLETE, detail, measured.null_share, rules.max_null_share)
    before = measured.previous_known
    if before and before >= MIN_BEFORE and (before - measured.known_count) * SCALE >= FALL * before:
        detail = "far fewer persons have a value than at the measurement before: did a source stop?"
        yield Finding(AlertKind.FELL, detail, measured.known_count, before)
