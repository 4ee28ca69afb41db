"""Scores with their parts, alerts that open and close, what is kept, and what nobody uses."""

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.values import SCALE
from tagging.domain.governance.uses import TagUse, UserKind
from tagging.domain.quality.alerts import OF_MEASUREMENTS, Alert, AlertKind, Finding, findings, turn
from tagging.domain.quality.distribution import BinnedCounts, NamedCounts
from tagging.domain.quality.measurement import (
    Agreement,
    Drift,
    Freshness,
    Measurement,
    Use,
    Validity,
    drift_of,
    share,
)
from tagging.domain.quality.retention import MAX_OF_TODAY, outdated
from tagging.domain.quality.rules import QualityRules
from tagging.domain.quality.score import WEIGHTS, Part, score
from tagging.domain.quality.usage import idle_since, relied_on

NOW = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
RIGHT = Measurement(
    "orders",
    1,
    NOW,
    population=1_000,
    known_count=1_000,
    distribution=NamedCounts((("a", 1_000),), 0, 1),
    freshness=Freshness(NOW - HOUR, 2),
    drift=Drift(0, NOW - DAY, 0, NOW - 31 * DAY),
    previous_known=1_000,
    validity=Validity(1_000, 0),
    agreement=Agreement(1_000, 0),
    use=Use(reads=5, is_early=False),
)
NO_RULES = QualityRules()
COUNT = st.integers(0, 10**9)
INDEX = st.none() | st.integers(0, 10**6)


def points(measured, rules=NO_RULES):
    return score(measured, rules).points


def part(measured, wanted, rules=NO_RULES):
    return {each.part: each.value for each in score(measured, rules).parts}.get(wanted)


def test_a_tag_without_fault_has_all_points_and_every_part():
    found = score(RIGHT, NO_RULES)
    assert found.points == 100
    assert [each.part for each in found.parts] == list(Part)
    assert sum(WEIGHTS.values()) == 100
    assert list(findings(RIGHT, NO_RULES)) == []


@given(
    population=COUNT,
    known=COUNT,
    before=st.none() | COUNT,
    age=st.none() | st.integers(-5, 10**5),
    promised=st.integers(0, 1_000),
    indexes=st.tuples(INDEX, INDEX),
    checked=st.none() | st.tuples(COUNT, COUNT).map(sorted),
    contradicted=st.none() | st.tuples(COUNT, COUNT).map(sorted),
    wanted=st.tuples(COUNT, st.none() | st.integers(0, SCALE)),
    use=st.builds(Use, reads=COUNT, is_early=st.booleans()),
)
def test_points_are_between_0_and_100_whatever_was_measured(
    population, known, before, age, promised, indexes, checked, contradicted, wanted, use
):
    measured = replace(
        RIGHT,
        population=population,
        known_count=known,
        previous_known=before,
        freshness=Freshness(None if age is None else NOW - age * HOUR, promised),
        drift=Drift(previous=indexes[0], month=indexes[1]),
        validity=None if checked is None else Validity(checked[1], checked[0]),
        agreement=None if contradicted is None else Agreement(contradicted[1], contradicted[0]),
        use=use,
    )
    rules = QualityRules(min_people=wanted[0], max_null_share=wanted[1])
    found = score(measured, rules)
    assert 0 <= found.points <= 100
    assert all(0 <= each.value <= SCALE for each in found.parts)
    assert 0 <= measured.coverage <= SCALE
    assert {each.kind for each in findings(measured, rules)} <= OF_MEASUREMENTS


def test_what_nothing_can_be_said_of_is_left_out():
    silent = replace(
        RIGHT,
        population=0,
        known_count=0,
        freshness=Freshness(None),
        drift=Drift(),
        previous_known=None,
        validity=None,
        agreement=None,
        use=Use(),
    )
    assert score(silent, NO_RULES).parts == ()
    assert points(silent) == 0


def test_freshness_falls_to_nothing_at_twice_the_promised_age():
    for hours, value in ((2, SCALE), (3, SCALE // 2), (4, 0), (40, 0)):
        stale = replace(RIGHT, freshness=Freshness(NOW - hours * HOUR, 2))
        assert part(stale, Part.FRESHNESS) == value
    never = replace(RIGHT, freshness=Freshness(None, 2))
    assert part(never, Part.FRESHNESS) == 0
    assert [each.kind for each in findings(never, NO_RULES)] == [AlertKind.STALE]
    (stale,) = findings(replace(RIGHT, freshness=Freshness(NOW - 5 * HOUR, 2)), NO_RULES)
    assert (stale.kind, stale.measured, stale.limit) == (AlertKind.STALE, 5 * SCALE, 2 * SCALE)


def test_completeness_is_against_what_the_owner_wants_else_against_before():
    half = replace(RIGHT, known_count=500)
    assert part(half, Part.COMPLETENESS) == SCALE // 2
    assert part(half, Part.COMPLETENESS, QualityRules(min_people=500)) == SCALE
    assert part(half, Part.COMPLETENESS, QualityRules(max_null_share=SCALE // 2)) == SCALE
    assert part(half, Part.COMPLETENESS, QualityRules(min_people=2_000)) == SCALE // 4
    kinds = [each.kind for each in findings(half, QualityRules(max_null_share=1_000))]
    assert kinds == [AlertKind.INCOMPLETE, AlertKind.FELL]
    assert part(replace(RIGHT, previous_known=None), Part.COMPLETENESS) == SCALE
    fifth = [list(findings(replace(RIGHT, known_count=each), NO_RULES)) for each in (800, 801)]
    assert [[each.kind for each in found] for found in fifth] == [[AlertKind.FELL], []]
    nobody = replace(RIGHT, previous_known=None, known_count=0)
    assert part(nobody, Part.COMPLETENESS) == 0


def test_stability_follows_the_worse_index():
    for index, value in ((1_000, SCALE), (1_750, SCALE // 2), (2_500, 0), (9_000, 0)):
        assert part(replace(RIGHT, drift=Drift(previous=0, month=index)), Part.STABILITY) == value
    (told,) = findings(replace(RIGHT, drift=Drift(previous=2_500)), NO_RULES)
    assert told.kind is AlertKind.DRIFTED


def test_few_values_are_not_compared():
    few, many = NamedCounts((("a", 499),)), NamedCounts((("a", 250), ("b", 250)))
    assert drift_of(many, replace(RIGHT, distribution=few), None) == Drift(None, NOW)
    moved = drift_of(many, replace(RIGHT, distribution=NamedCounts((("a", 900), ("b", 100)))), None)
    assert moved.previous is not None
    assert moved.previous > 2_500
    assert drift_of(BinnedCounts((1,), (9, 9)), None, None) == Drift()


def test_broken_and_contradicted_values_are_told_without_naming_any():
    wrong = replace(
        RIGHT,
        validity=Validity(1_000, 40, {"pattern": 30, "allowed": 20, "most": 0}),
        agreement=Agreement(1_000, 100),
        unseen_events=("check_in",),
        warnings=("the rule of agreement names a tag that is gone",),
    )
    told = {each.kind: each for each in findings(wrong, NO_RULES)}
    assert list(told) == [
        AlertKind.INVALID,
        AlertKind.CONTRADICTED,
        AlertKind.EVENTS_UNSEEN,
        AlertKind.NOT_MEASURED,
    ]
    assert "allowed (20), pattern (30)" in told[AlertKind.INVALID].detail
    assert "check_in" in told[AlertKind.EVENTS_UNSEEN].detail
    assert part(wrong, Part.VALIDITY) == 9_600
    assert part(wrong, Part.AGREEMENT) == 8_000


def alert(number, kind):
    return Alert(number, "orders", Finding(kind, "old"), NOW - DAY, NOW - HOUR)


def test_an_alert_opens_stays_and_closes():
    present = {each.kind: each for each in (alert(1, AlertKind.STALE), alert(2, AlertKind.FAILED))}
    found = [Finding(AlertKind.STALE, "new"), Finding(AlertKind.FELL, "new")]
    seen = turn(present, found, OF_MEASUREMENTS, NOW)
    assert [each.kind for each in seen.opened] == [AlertKind.FELL]
    assert seen.seen == (replace(present[AlertKind.STALE], finding=found[0], seen=NOW),)
    assert seen.closed == ()  # a measurement does not decide on failures
    closed = turn(present, (), {AlertKind.FAILED}, NOW).closed
    assert closed == (replace(present[AlertKind.FAILED], closed=NOW),)


@given(st.lists(st.integers(0, 90 * 24), unique=True, max_size=60), st.integers(31, 60))
def test_of_days_that_are_over_the_last_measurement_stays(hours, keep_days):
    times = sorted(NOW - each * HOUR for each in hours)
    gone = outdated(times, NOW, keep_days)
    kept = [each for each in times if each not in gone]
    assert times[-1:] == kept[-1:]
    past = [each.date() for each in kept if each.date() < NOW.date()]
    assert len(past) == len(set(past))
    for day in {each.date() for each in times if each > NOW - keep_days * DAY}:
        last = max(each for each in times if each.date() == day)
        assert last in kept
    assert all(each > NOW - keep_days * DAY for each in kept[:-1])
    assert outdated(kept, NOW, keep_days) == []


def test_of_the_present_day_the_latest_few_stay():
    times = [NOW - dt.timedelta(minutes=each) for each in range(60, 0, -1)]
    assert len(outdated(times, NOW, 60)) == 60 - MAX_OF_TODAY


def test_a_tag_is_relied_on_by_tags_segments_and_campaigns_but_not_by_itself():
    uses = [TagUse(UserKind.SEGMENT, "s", ("city",)), TagUse(UserKind.CAMPAIGN, "c", ("level",), ("s",))]
    rests_on = {"buyer": {"orders", "buyer"}, "orders": set()}
    assert relied_on(rests_on, uses) == {"city", "level", "orders"}


@pytest.mark.parametrize(
    ("in_force", "counted", "read", "since"),
    [(1, 5, None, 5), (5, 1, None, 5), (1, 5, 9, 9), (9, 5, 7, 9)],
)
def test_idleness_begins_where_something_is_known(in_force, counted, read, since):
    def day(number):
        return dt.date(2026, 1, number)

    assert idle_since(day(in_force), day(counted), read and day(read)) == day(since)


def test_a_share_is_between_nothing_and_all():
    assert (share(0, 0), share(5, 0), share(1, 3), share(9, 3)) == (0, 0, 3_333, SCALE)
