"""Funnels, retention and paths over arrays, against the definitions said one person at a time."""

import datetime as dt
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.tree import Unit
from rules.windows import CalendarSettings
from tagging.domain.behaviour.funnel import Funnel, persons_by_step, reached
from tagging.domain.behaviour.paths import ENDED, Turn, Walking, along, tree, walks
from tagging.domain.behaviour.retention import Retention, came_back, matrix, period_days, returns
from tagging.domain.behaviour.tracks import Track

TYPES = 3
PEOPLE = 4
Events = list[tuple[int, int, int, int]]
"""(person, time, type, flags), in the order in which they came in."""


@st.composite
def histories(draw, filters):
    """Few moments, so that ties are common; a person of nothing may be among them."""
    event = st.tuples(
        st.integers(0, PEOPLE - 1),
        st.integers(0, 6),
        st.integers(0, TYPES - 1),
        st.integers(0, 2**filters - 1),
    )
    return draw(st.lists(event, max_size=14))


def tracks_of(events: Events) -> list[Track]:
    """A track a type, in order; the place in the list is the ingest sequence."""
    found = []
    for type_ in range(TYPES):
        rows = sorted(
            (person, time, place, flags)
            for place, (person, time, kind, flags) in enumerate(events)
            if kind == type_
        )
        columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
        found.append(
            Track(
                np.array(columns[0], np.int32),
                np.array(columns[1], np.int64),
                np.array(columns[2], np.int64),
                np.array(columns[3], np.uint16),
            )
        )
    return found


def of_person(events: Events, person: int) -> list[tuple[int, int, int]]:
    """(time, type, flags) in order of (time, ingest sequence)."""
    rows = [
        (time, place, kind, flags)
        for place, (whose, time, kind, flags) in enumerate(events)
        if whose == person
    ]
    return [(time, kind, flags) for time, _, kind, flags in sorted(rows)]


# ------------------------------------------------------------------------------------------------ funnels


def step_reached(mine, asked):
    """Tries every choice of events."""
    for length in range(asked.steps, 0, -1):
        for chosen in combinations(range(len(mine)), length):
            events = [mine[each] for each in chosen]
            if (
                all(flags >> step & 1 for step, (_, _, flags) in enumerate(events))
                and asked.from_us <= events[0][0] < asked.before_us
                and events[-1][0] - events[0][0] <= asked.within_us
                and (not asked.strict or chosen[-1] - chosen[0] == length - 1)
            ):
                return length
    return 0


@given(
    histories(filters=3),
    st.integers(1, 3),
    st.integers(0, 6),
    st.booleans(),
    st.integers(0, 3),
    st.integers(3, 7),
)
def test_a_funnel_is_the_longest_chain_of_any_choice(events, steps, within, strict, start, end):
    asked = Funnel(steps, within, strict, start, end)
    found = reached(tracks_of(events), asked, PEOPLE)
    assert found.tolist() == [step_reached(of_person(events, each), asked) for each in range(PEOPLE)]
    counts = persons_by_step(found, steps)
    assert counts == [int((found >= step).sum()) for step in range(1, steps + 1)]


def test_ties_go_by_ingest_sequence_and_no_event_is_two_steps():
    both, asked = 0b11, Funnel(2, 10, strict=False, from_us=0, before_us=10)
    assert reached(tracks_of([(0, 5, 0, both)]), asked, 1).tolist() == [1]
    assert reached(tracks_of([(0, 5, 0, 0b01), (0, 5, 1, 0b10)]), asked, 1).tolist() == [2]
    assert reached(tracks_of([(0, 5, 1, 0b10), (0, 5, 0, 0b01)]), asked, 1).tolist() == [1]


def test_the_latest_beginning_leaves_the_most_time():
    events = [(0, 0, 0, 0b01), (0, 5, 0, 0b01), (0, 9, 1, 0b10)]
    for within, wanted in ((4, 2), (3, 1)):
        asked = Funnel(2, within, strict=False, from_us=0, before_us=10)
        assert reached(tracks_of(events), asked, 1).tolist() == [wanted]


# ----------------------------------------------------------------------------------------------- retention


@given(histories(filters=2), st.integers(1, 4), st.integers(1, 4))
def test_retention_is_told_person_by_person(events, cohorts, periods):
    width, start = 2, 1
    asked = Retention(
        tuple(start + width * each for each in range(cohorts + periods)), cohorts=cohorts, periods=periods
    )
    found, masks = returns(tracks_of(events), asked, PEOPLE)
    sizes = [0] * cohorts
    back = [[0] * periods for _ in range(cohorts)]
    for person in range(PEOPLE):
        mine = of_person(events, person)
        first = next((place for place, each in enumerate(mine) if each[2] & 1), None)
        cohort = None if first is None else (mine[first][0] - start) // width
        if cohort is None or not 0 <= cohort < cohorts:
            assert (found[person], masks[person]) == (-1, 0)
            continue
        assert found[person] == cohort
        sizes[cohort] += 1
        later = {(time - start) // width - cohort for time, _, flags in mine[first + 1 :] if flags & 2} & set(
            range(periods)
        )
        assert {each for each in range(periods) if came_back(masks, each)[person]} == later
        for each in later:
            back[cohort][each] += 1
    counted = matrix(found, masks, asked)
    assert (counted.sizes, counted.returned) == (sizes, back)


def test_the_first_event_itself_is_no_return():
    asked = Retention((0, 10, 20), cohorts=1, periods=2)
    for events, wanted in (
        ([(0, 5, 0, 0b11)], 0),
        ([(0, 5, 0, 0b01), (0, 5, 1, 0b10)], 1),
        ([(0, 5, 1, 0b10), (0, 5, 0, 0b01)], 0),
        ([(0, 5, 0, 0b11), (0, 12, 0, 0b11)], 2),
    ):
        _, masks = returns(tracks_of(events), asked, 1)
        assert masks.tolist() == [wanted]


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [
        (Unit.DAY, ["2026-03-29", "2026-03-30", "2026-03-31"]),
        (Unit.WEEK, ["2026-03-23", "2026-03-30", "2026-04-06"]),
        (Unit.MONTH, ["2026-03-01", "2026-04-01", "2026-05-01"]),
    ],
)
def test_periods_are_the_tenants(unit, wanted):
    found = period_days(dt.date(2026, 3, 29), unit, 2, CalendarSettings())
    assert [each.isoformat() for each in found] == wanted


# --------------------------------------------------------------------------------------------------- paths


def walk_of(mine, asked):
    """Types of the steps; None without a walk."""
    order = list(reversed(mine)) if asked.backwards else mine
    begin = next(
        (
            place
            for place, (time, _, flags) in enumerate(order)
            if flags & 1 and asked.from_us <= time < asked.before_us
        ),
        None,
    )
    if begin is None:
        return None
    time, last, _ = order[begin]
    found = []
    for then, kind, flags in order[begin + 1 :]:
        if not flags & 2 or abs(then - time) > asked.within_us:
            continue
        if not (asked.collapse and kind == last):
            found.append(kind)
        last = kind
    return found[: asked.depth]


@given(histories(filters=2), st.integers(1, 4), st.integers(0, 6), st.booleans(), st.booleans())
def test_walks_are_told_person_by_person(events, depth, within, backwards, collapse):
    asked = Walking(depth, within, backwards, collapse, from_us=1, before_us=6)
    who, found = walks(tracks_of(events), asked, PEOPLE)
    said = {person: walk_of(of_person(events, person), asked) for person in range(PEOPLE)}
    assert who.tolist() == [person for person, walk in said.items() if walk is not None]
    for person, row in zip(who.tolist(), found.tolist(), strict=True):
        assert row == said[person] + [ENDED] * (depth - len(said[person]))


@given(
    st.lists(st.lists(st.integers(0, 4), max_size=3), min_size=1, max_size=20),
    st.integers(1, 3),
)
def test_a_tree_adds_up_and_groups_the_others(rows, top):
    depth = 3
    found = np.array([each + [ENDED] * (depth - len(each)) for each in rows], np.int16)
    nodes = tree(found, top)
    persons = {(): len(rows)} | {each.path: each.persons for each in nodes if each.turn is Turn.STEP}
    for path, count in persons.items():
        below = [
            each
            for each in nodes
            if (each.path[:-1] == path and each.turn is Turn.STEP and each.path)
            or (each.path == path and each.turn is not Turn.STEP)
        ]
        if len(path) == depth:
            assert not below
            continue
        assert sum(each.persons for each in below) == count
        steps = [each for each in below if each.turn is Turn.STEP]
        following = Counter(
            each[len(path)] for each in rows if tuple(each[: len(path)]) == path and len(each) > len(path)
        )
        assert [each.persons for each in steps] == sorted(following.values(), reverse=True)[:top]
        for each in below:
            if each.turn is not Turn.OTHERS:
                assert along(found, each.path, each.turn is Turn.ENDED).sum() == each.persons
