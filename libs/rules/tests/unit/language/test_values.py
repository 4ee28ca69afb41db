"""Fixed-point arithmetic against exact fractions, and the normal form of text."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules import values
from rules.errors import NumberOverflow

NUMBERS = st.integers(-(10**14), 10**14)


@given(left=NUMBERS, right=NUMBERS.filter(bool))
def test_divide_rounds_half_to_even(left: int, right: int) -> None:
    exact = Fraction(left * values.SCALE, right)
    if abs(exact) <= values.INT64_MAX - 1:
        assert values.divide(left, right) == round(exact)


@given(left=st.integers(-(10**9), 10**9), right=st.integers(-(10**9), 10**9))
def test_multiply_rounds_half_to_even(left: int, right: int) -> None:
    assert values.multiply(left, right) == round(Fraction(left * right, values.SCALE))


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (5, -2, -2), (1, 3, 0), (2, 3, 1), (-2, 3, -1)],
)
def test_ties_go_to_the_even_neighbour(numerator: int, denominator: int, rounded: int) -> None:
    assert values.divide_half_even(numerator, denominator) == rounded


def test_division_by_zero_is_unknown() -> None:
    assert values.divide(10_000, 0) is None


def test_an_average_of_nothing_is_unknown_and_otherwise_exact() -> None:
    assert values.average([]) is None
    assert values.average([1, 2]) == 2
    assert values.average([values.INT64_MAX, values.INT64_MAX]) == values.INT64_MAX


def test_a_sum_may_pass_beyond_int64_on_its_way_but_not_end_there() -> None:
    assert values.total([values.INT64_MAX, 1, -1]) == values.INT64_MAX
    with pytest.raises(NumberOverflow, match=r"922,337,203,685,477\.5807"):
        values.total([values.INT64_MAX, 1])


@pytest.mark.parametrize("operation", [values.add, values.multiply])
def test_a_result_beyond_int64_is_an_error(operation) -> None:
    with pytest.raises(NumberOverflow):
        operation(values.INT64_MAX, values.INT64_MAX)


@given(number=st.integers(values.INT64_MIN, values.INT64_MAX))
def test_decimal_text_reads_back(number: int) -> None:
    text = values.decimal_text(number)
    assert values.scaled(text) == number
    assert Decimal(text) * values.SCALE == Decimal(number).quantize(Decimal(1), ROUND_HALF_EVEN)


def test_more_than_four_decimals_are_refused_unless_they_are_zeros() -> None:
    assert values.scaled("1.50000") == 15_000
    with pytest.raises(ValueError, match="four decimals"):
        values.scaled("1.00001")


def test_text_is_nfkc_and_trimmed() -> None:
    assert values.normal_text("　ＡＢＣ１２ \t") == "ABC12"
