import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.values import SCALE
from rules.windows import CalendarSettings
from tagging.domain.columns import day_of, microseconds, moment_of
from tagging.domain.definition import LifecycleKind
from tagging.domain.lifecycle import STAGES, YEAR_DAYS, Histories, stages, thresholds
from tagging.domain.local_days import LocalDays
from tagging.domain.stage_entry import Happenings, entry_times

KIND = LifecycleKind()
CALENDAR = CalendarSettings()
NOW = dt.datetime(2026, 6, 1, 4, tzinfo=dt.UTC)  # noon in Shanghai


def entry_times_of(kind, histories, as_of, calendar):
    """Of (purchases, other events) of each person."""
    told = [
        (person, microseconds(each), bought)
        for person, (purchases, others) in enumerate(histories)
        for bought, events in ((True, purchases), (False, others))
        for each in events
    ]
    persons, times, bought = np.array(told, np.int64).reshape(-1, 3).T
    moments = np.array([microseconds(each) for each in as_of], np.int64)
    found = entry_times(kind, Happenings(persons, times, bought.astype(np.bool_)), moments, calendar)
    return [None if each is None else moment_of(each) for each in found]


def entry_time(kind, purchases, others, as_of, calendar):
    return entry_times_of(kind, [(purchases, others)], [as_of], calendar)[0]


def ago(days: float) -> dt.datetime:
    return NOW - dt.timedelta(days=days)


def stage_at(purchases, events, moment):
    """The stage by the table in the module's docstring, person by person."""
    bought = sorted(each for each in purchases if each <= moment)
    seen = [each for each in (*events, *purchases) if each <= moment]
    today = CALENDAR.day_of(moment)
    year_start = CALENDAR.midnight(today - dt.timedelta(days=YEAR_DAYS - 1))

    def one(value, absent=0):
        return np.array([microseconds(value) if value else absent], np.int64)

    facts = Histories(
        bought=np.array([bool(bought)]),
        first=one(bought[0] if bought else None),
        last=one(bought[-1] if bought else None),
        year_count=np.array([sum(each >= year_start for each in bought) * SCALE]),
        seen=np.array([bool(seen)]),
        latest=one(max(seen) if seen else None),
    )
    return stages(KIND, facts, thresholds(KIND, [today], CALENDAR))[0]


@pytest.mark.parametrize(
    ("purchases", "events", "stage"),
    [
        ([], [], "potential"),
        ([], [ago(31)], "potential"),
        ([], [ago(30)], "high_potential"),
        ([ago(30)], [], "new"),
        ([ago(31)], [], "active"),
        ([ago(300), ago(200), ago(100), ago(60)], [], "loyal"),
        ([ago(400), ago(200), ago(100), ago(60)], [], "active"),
        ([ago(61)], [], "churn_warning"),
        ([ago(120)], [], "churn_warning"),
        ([ago(121)], [], "dormant"),
        ([ago(365)], [], "dormant"),
        ([ago(366)], [ago(1)], "churned"),
    ],
)
def test_the_stage_of_a_history(purchases, events, stage):
    assert stage_at(purchases, events, NOW) == stage


def test_a_stage_is_entered_at_midnight_when_a_purchase_grows_old():
    entered = entry_time(KIND, [ago(70)], [], NOW, CALENDAR)
    assert entered == CALENDAR.midnight(CALENDAR.day_of(ago(70)) + dt.timedelta(days=61))


def test_coming_back_enters_anew():
    purchases = [ago(700), ago(3)]
    assert stage_at(purchases, [], NOW) == "active"
    assert entry_time(KIND, purchases, [], NOW, CALENDAR) == ago(3)


def test_who_did_nothing_entered_never():
    assert entry_time(KIND, [], [], NOW, CALENDAR) is None


hours = st.integers(0, 24 * 500).map(lambda each: NOW - dt.timedelta(hours=each))


@given(st.lists(hours, max_size=8), st.lists(hours, max_size=8))
def test_the_stage_is_the_same_from_its_entry_on_and_another_before(purchases, others):
    events = [*purchases, *others]
    entered = entry_time(KIND, purchases, others, NOW, CALENDAR)
    if entered is None:
        assert not events
        return
    now = stage_at(purchases, events, NOW)
    assert now in STAGES
    probes = sorted({entered, *(entered + (NOW - entered) * part / 7 for part in range(8)), NOW})
    assert {stage_at(purchases, events, each) for each in probes} == {now}
    before = entered - dt.timedelta(microseconds=1)
    if before >= min(events):
        assert stage_at(purchases, events, before) != now


@given(
    st.lists(st.tuples(st.lists(hours, max_size=5), st.lists(hours, max_size=5), hours), max_size=6),
    st.sampled_from(["Asia/Shanghai", "Europe/London", "America/Sao_Paulo", "America/St_Johns"]),
)
def test_many_persons_at_once_enter_when_each_alone_does(people, zone):
    calendar = CalendarSettings(zone)
    histories = [(purchases, others) for purchases, others, _ in people]
    moments = [as_of for *_, as_of in people]
    together = entry_times_of(KIND, histories, moments, calendar)
    alone = [
        entry_time(KIND, purchases, others, as_of, calendar)
        for (purchases, others), as_of in zip(histories, moments, strict=True)
    ]
    assert together == alone
    for entered, (purchases, others), as_of in zip(together, histories, moments, strict=True):
        assert (entered is None) == all(each > as_of for each in (*purchases, *others))


@given(
    st.lists(st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2026, 6, 1)), min_size=1),  # noqa: DTZ001
    st.sampled_from(
        ["Asia/Shanghai", "Europe/London", "America/Sao_Paulo", "America/St_Johns", "Pacific/Apia"]
    ),
)
def test_days_of_many_moments_are_those_of_each(moments, zone):
    calendar = CalendarSettings(zone)
    aware = [each.replace(tzinfo=dt.UTC) for each in moments]
    numbers = np.array([microseconds(each) for each in aware], np.int64)
    local = LocalDays(calendar, int(numbers.min()), int(numbers.max()))
    days = local.days(numbers)
    assert [day_of(each) for each in days.tolist()] == [calendar.day_of(each) for each in aware]
    starts = [moment_of(each) for each in local.midnights(days).tolist()]
    assert starts == [calendar.midnight(calendar.day_of(each)) for each in aware]
