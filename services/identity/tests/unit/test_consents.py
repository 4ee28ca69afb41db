"""Permission at an address: the latest wins, taking back wins a tie, nothing depends on order."""

import random

from hypothesis import given
from hypothesis import strategies as st
from identity.domain.consents import Address, Channel, Consent, Permission, permission, permitted_purposes

HERE = Address(Channel.SMS, "", b"a")


def said(
    granted: bool, time_us: int, *, purpose: str = "marketing", brand: str = "", expire_us: int | None = None
) -> Consent:
    return Consent(HERE, purpose, brand, granted, time_us, expire_us, "", "")


def test_the_latest_wins() -> None:
    assert permission([said(True, 1), said(False, 2)], "marketing", "", 9) is Permission.WITHDRAWN
    assert permission([said(False, 1), said(True, 2)], "marketing", "", 9) is Permission.GRANTED


def test_taking_back_wins_at_one_time() -> None:
    assert permission([said(True, 1), said(False, 1)], "marketing", "", 9) is Permission.WITHDRAWN


def test_a_lapsed_permission_is_withdrawn_and_one_not_given_is_never() -> None:
    assert permission([said(True, 1, expire_us=5)], "marketing", "", 4) is Permission.GRANTED
    assert permission([said(True, 1, expire_us=5)], "marketing", "", 5) is Permission.WITHDRAWN
    assert permission([said(True, 1)], "service", "", 9) is Permission.NEVER


def test_a_brands_permission_is_its_own_and_the_groups_covers_all() -> None:
    assert permission([said(True, 1, brand="one")], "marketing", "two", 9) is Permission.NEVER
    assert permission([said(True, 1, brand="one")], "marketing", "", 9) is Permission.NEVER
    assert permission([said(True, 1)], "marketing", "two", 9) is Permission.GRANTED
    assert (
        permission([said(True, 1, brand="one"), said(False, 2)], "marketing", "one", 9)
        is Permission.WITHDRAWN
    )


def test_the_shorter_permission_wins_at_one_time() -> None:
    both = [said(True, 1), said(True, 1, expire_us=5)]
    assert permission(both, "marketing", "", 9) is Permission.WITHDRAWN


STATEMENTS = st.builds(
    said,
    st.booleans(),
    st.integers(0, 3),
    purpose=st.sampled_from(["marketing", "service"]),
    brand=st.sampled_from(["", "one"]),
    expire_us=st.sampled_from([None, 2, 4]),
)


@given(st.lists(STATEMENTS, max_size=8), st.randoms(use_true_random=False))
def test_order_changes_nothing(statements: list[Consent], order: random.Random) -> None:
    shuffled = order.sample(statements, len(statements))
    assert permitted_purposes(statements, 3) == permitted_purposes(shuffled, 3)


@given(st.lists(STATEMENTS, max_size=8))
def test_taking_back_now_leaves_nothing(statements: list[Consent]) -> None:
    taken_back = [said(False, 9, purpose=purpose) for purpose in ("marketing", "service")]
    assert permitted_purposes([*statements, *taken_back], 9) == ()
