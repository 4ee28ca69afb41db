"""A tenant's policy: limits, defaults, its text, the control group's quarters."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from activation.domain.caps import Cap, Kind, Period
from activation.domain.hours import Hours
from activation.domain.policy import (
    NamedPeriod,
    Policy,
    StoredPolicy,
    control_salt,
    dumped,
    loaded,
    period_problem,
    problem_of,
)
from hypothesis import given
from hypothesis import strategies as st

CAP = Cap("marketing", "sms", "", Period.DAY, 2)
CAPS = st.builds(
    Cap,
    st.sampled_from(["marketing", "transactional"]),
    st.sampled_from(["", "sms"]),
    st.text(max_size=8),
    st.sampled_from(Period),
    st.integers(0, 10_000),
)
HOURS = st.builds(Hours, st.integers(0, 720), st.integers(721, 1_440))
POLICIES = st.builds(
    Policy,
    st.lists(CAPS, max_size=4).map(tuple),
    HOURS,
    st.none() | HOURS,
    st.integers(0, 9_999),
    st.text(max_size=8),
)


@given(POLICIES, POLICIES)
def test_a_policy_comes_back_from_its_text_and_its_etag_tells_it_apart(one: Policy, other: Policy) -> None:
    assert loaded(dumped(one)) == one
    assert (dumped(one) == dumped(other)) == (one == other)
    assert (StoredPolicy(one, 1).etag == StoredPolicy(other, 1).etag) == (one == other)
    assert StoredPolicy(one, 1).etag != StoredPolicy(one, 2).etag


def test_the_default_has_no_caps_and_hours_for_marketing_alone() -> None:
    policy = Policy()
    assert problem_of(policy) is None
    assert policy.caps_on(Kind("marketing", "sms", ""), date(2026, 6, 11)) == ()
    assert policy.hours_of("marketing") == Hours(480, 1_260)
    assert policy.hours_of("transactional") is policy.hours_of("otp") is None


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (Policy(caps=(CAP, replace(CAP, limit=5))), "policy.caps[1]"),
        (Policy(caps=(replace(CAP, message_class="otp"),)), "policy.caps[0].message_class"),
        (Policy(caps=(replace(CAP, channel="aliyun_sms"),)), "policy.caps[0].channel"),
        (Policy(caps=(replace(CAP, limit=-1),)), "policy.caps[0].limit"),
        (Policy(caps=(replace(CAP, limit=10_001),)), "policy.caps[0].limit"),
        (Policy(caps=(replace(CAP, brand="b" * 129),)), "policy.caps[0].brand"),
        (Policy(caps=tuple(replace(CAP, brand=str(each)) for each in range(51))), "policy.caps"),
        (Policy(marketing_hours=Hours(600, 600)), "policy.marketing_hours"),
        (Policy(transactional_hours=Hours(0, 1_441)), "policy.transactional_hours"),
        (Policy(control_basis_points=10_000), "policy.control_basis_points"),
        (Policy(control_salt="s" * 129), "policy.control_salt"),
    ],
)
def test_limits_name_the_field(policy: Policy, field: str) -> None:
    found = problem_of(policy)
    assert found is not None
    assert found[0] == field


def test_the_control_group_is_the_tenants_and_the_quarters() -> None:
    policy = Policy(control_basis_points=100)
    first = control_salt(policy, "t1", date(2026, 1, 1))
    assert first == control_salt(policy, "t1", date(2026, 3, 31))
    others = {
        control_salt(policy, "t1", date(2026, 4, 1)),
        control_salt(policy, "t1", date(2027, 1, 1)),
        control_salt(policy, "t2", date(2026, 1, 1)),
        control_salt(replace(policy, control_salt="s"), "t1", date(2026, 1, 1)),
    }
    assert len(others | {first}) == 5


def test_a_periods_caps_take_the_place_of_those_alike_on_its_days() -> None:
    week, push = replace(CAP, period=Period.WEEK), replace(CAP, channel="push")
    more, month = replace(CAP, limit=9), replace(CAP, channel="", period=Period.MONTH)
    period = NamedPeriod("double11", date(2026, 11, 1), date(2026, 11, 11), (more, month))
    policy = Policy(caps=(CAP, week, push), periods=(period,))
    kind = Kind("marketing", "sms", "")
    assert policy.caps_on(kind, date(2026, 10, 31)) == (CAP, week)
    assert policy.caps_on(kind, date(2026, 11, 1)) == policy.caps_on(kind, date(2026, 11, 11))
    assert policy.caps_on(kind, date(2026, 11, 11)) == (more, week, month)
    assert policy.caps_on(kind, date(2026, 11, 12)) == (CAP, week)
    assert loaded(dumped(policy)) == policy
    later = replace(period, first_day=date(2026, 11, 11), last_day=date(2026, 12, 1))
    assert period.meets(later)
    assert later.meets(period)
    assert not period.meets(replace(later, first_day=date(2026, 11, 12)))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "Double11"}, "period.name"),
        ({"last_day": date(2026, 10, 31)}, "period.last_day"),
        ({"last_day": date(2027, 1, 2)}, "period.last_day"),
        ({"caps": ()}, "period.caps"),
        ({"caps": (CAP, CAP)}, "period.caps[1]"),
    ],
)
def test_a_periods_limits_name_the_field(fields: dict[str, Any], field: str) -> None:
    period = NamedPeriod("double11", date(2026, 11, 1), date(2026, 11, 11), (CAP,))
    assert period_problem(period) is None
    found = period_problem(replace(period, **fields))
    assert found is not None
    assert found[0] == field
