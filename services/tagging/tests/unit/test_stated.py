"""What holds of statements about a person."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st
from tagging.domain.stated import Statement, latest, supersedes

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def at(hours: int) -> dt.datetime:
    return START + dt.timedelta(hours=hours)


STATEMENTS = st.builds(
    Statement,
    st.integers(1, 4),
    st.none() | st.integers(0, 5),
    st.integers(0, 6).map(at),
    expires_at=st.none() | st.integers(0, 9).map(at),
)


def kept(statements: list[Statement]) -> dict[int, Statement]:
    """What stays of each id when they arrive in this order."""
    found: dict[int, Statement] = {}
    for each in statements:
        if supersedes(each, found.get(each.person_id)):
            found[each.person_id] = each
    return found


@given(st.lists(STATEMENTS, unique_by=lambda each: each.order), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(statements: list[Statement], random: object) -> None:
    shuffled = list(statements)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert kept(statements) == kept(shuffled)


@given(st.lists(STATEMENTS, unique_by=lambda each: each.order))
def test_a_merge_gives_what_stating_everything_of_one_id_gives(statements: list[Statement]) -> None:
    merged = latest(kept(statements).values())
    at_one = latest(statements)
    assert merged == at_one


@given(st.lists(STATEMENTS, unique_by=lambda each: each.order), st.integers(0, 9).map(at))
def test_undoing_a_merge_gives_each_its_own_again(statements: list[Statement], now: dt.datetime) -> None:
    found = kept(statements)
    for person in found:
        own = latest(each for each in statements if each.person_id == person)
        assert own is not None
        assert found[person].standing(now) == own.standing(now)


def test_what_has_lapsed_stands_above_what_is_earlier() -> None:
    early, late = Statement(1, 10, at(0)), Statement(2, 20, at(1), expires_at=at(5))
    found = latest([early, late])
    assert found is late
    assert [found.standing(at(hours)) for hours in (4, 5)] == [20, None]
