"""How often: periods of the calendar, what counts for what, and when it is enough."""

from datetime import date, timedelta

import pytest
from activation.domain.caps import LONGEST_DAYS, Cap, Kind, Period, Sent, counts, reached
from hypothesis import given
from hypothesis import strategies as st

DAYS = st.dates(date(2024, 1, 1), date(2028, 1, 1))
SMS, PUSH = Kind("marketing", "sms", ""), Kind("marketing", "push", "north")
KINDS = st.builds(
    Kind,
    st.sampled_from(["marketing", "transactional"]),
    st.sampled_from(["sms", "push"]),
    st.sampled_from(["", "north", "south"]),
)
CAPS = st.builds(
    Cap,
    st.sampled_from(["marketing", "transactional"]),
    st.sampled_from(["", "sms", "push"]),
    st.sampled_from(["", "north"]),
    st.sampled_from(Period),
    st.integers(0, 4),
)


@pytest.mark.parametrize(
    ("period", "day", "first"),
    [
        (Period.DAY, date(2026, 6, 11), date(2026, 6, 11)),
        (Period.WEEK, date(2026, 6, 14), date(2026, 6, 8)),
        (Period.WEEK, date(2026, 6, 15), date(2026, 6, 15)),
        (Period.WEEK, date(2027, 1, 1), date(2026, 12, 28)),
        (Period.MONTH, date(2028, 2, 29), date(2028, 2, 1)),
    ],
)
def test_periods_begin_where_the_calendar_says(period: Period, day: date, first: date) -> None:
    assert period.first_day(day) == first


@given(st.sampled_from(Period), DAYS)
def test_no_period_began_longer_ago_than_is_looked_back(period: Period, day: date) -> None:
    assert day - timedelta(days=LONGEST_DAYS) < period.first_day(day) <= day


def test_a_cap_covers_its_class_and_what_it_does_not_name() -> None:
    every = Cap("marketing", "", "", Period.DAY, 1)
    north = Cap("marketing", "", "north", Period.DAY, 1)
    sms = Cap("marketing", "sms", "", Period.DAY, 1)
    assert [cap.covers(SMS) for cap in (every, north, sms)] == [True, False, True]
    assert [cap.covers(PUSH) for cap in (every, north, sms)] == [True, True, False]
    assert not every.covers(Kind("otp", "sms", ""))


def test_what_was_sent_before_the_period_does_not_count() -> None:
    caps = [Cap("marketing", "sms", "", period, 3) for period in Period]
    sent = [
        Sent(SMS, date(2026, 6, 11), 1),
        Sent(SMS, date(2026, 6, 8), 1),
        Sent(SMS, date(2026, 6, 1), 1),
        Sent(SMS, date(2026, 5, 31), 9),
        Sent(PUSH, date(2026, 6, 11), 9),
    ]
    assert counts(caps, date(2026, 6, 11), sent) == (1, 2, 3)
    assert reached(caps, (1, 2, 3)) == caps[2]
    assert reached(caps, (1, 2, 2)) is None


@given(st.lists(CAPS, max_size=4), st.lists(KINDS, max_size=30), DAYS)
def test_one_after_the_other_never_exceeds_a_cap_and_leaves_none_unused(
    caps: list[Cap], kinds: list[Kind], day: date
) -> None:
    sent: list[Sent] = []
    for kind in kinds:
        covering = [cap for cap in caps if cap.covers(kind)]
        full = reached(covering, counts(covering, day, sent))
        if full is None:
            sent.append(Sent(kind, day, 1))
        else:
            assert sum(full.covers(each.kind) for each in sent) == full.limit
    for cap in caps:
        assert sum(cap.covers(each.kind) for each in sent) <= cap.limit
