"""Survivorship: source rank, then latest time, then value order; never the order of arrival."""

import random

from hypothesis import given
from hypothesis import strategies as st
from identity.domain.attributes import AttributeStatement, later, survivors
from identity.standards.load import load_standards

DICTIONARY = load_standards().attributes
STATEMENTS = st.builds(
    AttributeStatement,
    st.sampled_from(["city", "gender"]),
    st.sampled_from(["crm", "shop", "somewhere", "elsewhere"]),
    st.integers(0, 3),
    st.sampled_from([b"a", b"b"]),
)


def test_a_better_source_wins_over_a_later_one() -> None:
    statements = [AttributeStatement("city", "shop", 9, b"new"), AttributeStatement("city", "crm", 1, b"old")]
    assert survivors(statements, DICTIONARY) == {"city": b"old"}


def test_the_latest_wins_among_sources_without_a_rank() -> None:
    statements = [AttributeStatement("city", "x", 9, b"new"), AttributeStatement("city", "y", 1, b"old")]
    assert survivors(statements, DICTIONARY) == {"city": b"new"}


@given(st.lists(STATEMENTS, max_size=10), st.randoms(use_true_random=False))
def test_order_changes_nothing(statements: list[AttributeStatement], order: random.Random) -> None:
    assert survivors(order.sample(statements, len(statements)), DICTIONARY) == survivors(
        statements, DICTIONARY
    )


@given(STATEMENTS, STATEMENTS)
def test_later_is_symmetric(one: AttributeStatement, other: AttributeStatement) -> None:
    assert later(one, other).value == later(other, one).value
