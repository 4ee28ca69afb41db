"""Since when a person is in an AIPL stage: the stage is the same from then on, and was another before."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.evaluate.person import Event, Person, value_of
from rules.evaluate.setting import Setting
from rules.schema import Catalogue, EventType
from rules.tree import Aggregate, Function, Last, Unit
from rules.windows import CalendarSettings
from tagging.domain.aipl_entry import aipl_entry_times
from tagging.domain.columns import microseconds, moment_of
from tagging.domain.kinds.aipl import AiplKind

NOW = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
KIND = AiplKind(
    purchase_days=60,
    interest_events=("view_item", "search"),
    interest_days=5,
    interest_count=2,
    aware_events=("page_view", "view_item"),
    aware_days=9,
)
TYPES = ("order_paid", "view_item", "search", "page_view", "like")
CATALOGUE = Catalogue.of(events=[EventType(each) for each in TYPES])


def stage_at(events, moment, calendar):
    """By the one-person evaluator, from the questions that the tag asks."""
    setting = Setting(CATALOGUE, moment, calendar)
    ordered = sorted(
        (Event(kind, time, number) for number, (kind, time) in enumerate(events)), key=lambda e: e.time
    )
    person = Person(events=tuple(ordered))

    def count(names, days):
        window = Last(days, Unit.DAY)
        asked = [Aggregate(Function.COUNT, each, window=window) for each in names]
        return np.array([sum(value_of(each, person, setting) for each in asked)], np.int64)

    return KIND.stages(
        count((KIND.purchase_event,), KIND.purchase_days),
        count(KIND.interest_events, KIND.interest_days),
        count(KIND.aware_events, KIND.aware_days),
    )[0]


def entries(people, calendar):
    persons = [place for place, (events, _) in enumerate(people) for _ in events]
    flat = [each for events, _ in people for each in events]
    found = aipl_entry_times(
        KIND,
        np.array(persons, np.int64),
        np.array([microseconds(time) for _, time in flat], np.int64),
        np.array([kind for kind, _ in flat], object),
        np.array([microseconds(as_of) for _, as_of in people], np.int64),
        calendar,
    )
    return [None if each is None else moment_of(each) for each in found]


hours = st.integers(0, 24 * 90).map(lambda each: NOW - dt.timedelta(hours=each))
events_of_a_person = st.lists(st.tuples(st.sampled_from(TYPES), hours), max_size=9)


@given(
    st.lists(st.tuples(events_of_a_person, hours), min_size=1, max_size=4),
    st.sampled_from(["Asia/Shanghai", "America/Sao_Paulo"]),
)
def test_a_stage_lasts_from_its_entry_and_was_another_before(people, zone):
    calendar = CalendarSettings(zone)
    for entered, (events, as_of) in zip(entries(people, calendar), people, strict=True):
        happened = [(kind, time) for kind, time in events if time <= as_of]
        now = stage_at(happened, as_of, calendar)
        assert (entered is None) == (now == "")
        if entered is None:
            continue
        probes = {entered, *(entered + (as_of - entered) * part / 7 for part in range(8)), as_of}
        assert {stage_at(happened, each, calendar) for each in probes} == {now}
        assert stage_at(happened, entered - dt.timedelta(microseconds=1), calendar) != now


@pytest.mark.parametrize("as_of", [NOW])
def test_falling_back_is_an_entry_at_midnight(as_of):
    events = [("view_item", NOW - dt.timedelta(days=6)), ("search", NOW - dt.timedelta(days=5))]
    calendar = CalendarSettings()
    assert stage_at(events, NOW, calendar) == "aware"
    # interest lasted while both were in five days: until the midnight that ended the view's fifth day
    assert entries([(events, as_of)], calendar) == [dt.datetime(2026, 3, 8, 16, tzinfo=dt.UTC)]
