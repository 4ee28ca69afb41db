"""Columns are exact, identifiers never collide, and every way of writing a phone is what it claims to be."""

from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from simulator import phones
from simulator.catalogue import Shelf, retail_items
from simulator.columns import decimals, hex_tokens, padded, tokens
from simulator.season import FIRST_YEAR, LAST_YEAR, Season
from simulator.seeding import generator, hashed

INT64_UNDER_18_DIGITS = st.integers(-(10**17), 10**17)


@given(st.lists(INT64_UNDER_18_DIGITS, max_size=20))
def test_scaled_amounts_become_exact_decimals(scaled: list[int]):
    column = decimals(np.array(scaled, dtype=np.int64))
    assert column.to_pylist() == [Decimal(value).scaleb(-4) for value in scaled]


@given(st.lists(st.integers(0, 5_000_000), unique=True, max_size=50), st.integers(0, 2**32 - 1))
def test_different_indexes_have_different_valid_numbers(indexes: list[int], seed: int):
    numbers = phones.numbers(seed, np.array(indexes, dtype=np.int64))
    assert len(set(numbers.tolist())) == len(indexes)
    assert all(13_000_000_000 <= number < 20_000_000_000 for number in numbers)


@given(
    st.lists(st.integers(13_000_000_000, 19_999_999_999), min_size=1, max_size=20),
    st.sampled_from(phones.STYLES),
)
def test_a_usable_style_keeps_the_number_and_no_other_does(normal_phone, numbers: list[int], style: str):
    codes = np.full(len(numbers), phones.STYLES.index(style))
    written = phones.written(np.array(numbers, dtype=np.int64), codes).to_pylist()
    read = [text and normal_phone(text) for text in written]
    expected = [None if style in phones.UNUSABLE else str(number) for number in numbers]
    assert read == expected
    if style != "plain":
        assert all(text != str(number) for text, number in zip(written, numbers, strict=True))


def test_shares_above_one_are_refused():
    with pytest.raises(ValueError, match="more than 1"):
        phones.drawn_styles(generator(1, "x"), 5, phones.Handwriting(masked=0.6, excel=0.6))


@given(st_numpy.arrays(np.int64, st.integers(0, 30), elements=st.integers(0, 2**40), unique=True))
def test_identifiers_depend_on_the_index_alone_and_do_not_collide(index: np.ndarray):
    text = tokens(hashed(9, "openid", index, 3), 25).to_pylist()
    assert len(set(text)) == len(index)
    alone = [tokens(hashed(9, "openid", index[n : n + 1], 3), 25)[0].as_py() for n in range(len(index))]
    assert text == alone
    assert all(len(value) == 25 for value in text)
    assert hex_tokens(hashed(9, "a", index), 16) != hex_tokens(hashed(9, "b", index), 16) or not len(index)


def test_too_few_words_for_a_token_are_refused():
    with pytest.raises(ValueError, match="hold 10 characters, not 25"):
        tokens(hashed(1, "x", np.arange(2), 1), 25)


def test_padding_keeps_zeros():
    assert padded(np.array([7, 1234]), 4) == pa.array(["0007", "1234"])


def test_the_shelf_draws_within_the_group_and_by_popularity():
    items = retail_items(5, 20_000)
    shelf, rng = Shelf(5, items), generator(5, "draws")
    category = rng.integers(0, len(items.category_names), 20_000)
    drawn = shelf.of_category(rng, category)
    assert (items.category[drawn] == category).all()
    brand = items.brand[drawn]
    again = shelf.of_brand(rng, category, brand)
    assert ((items.category[again] == category) & (items.brand[again] == brand)).all()
    counts = np.bincount(drawn, minlength=len(items.price))
    assert (counts > 0).sum() > 0.95 * len(counts)
    assert counts.max() > 4 * np.median(counts)


@given(st.integers(FIRST_YEAR, LAST_YEAR), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_trade_clock_runs_forward_and_back(year: int, shares: list[float]):
    season = Season.between(date(year, 1, 1), date(year, 12, 31))
    trade = np.array(sorted(shares)) * season.passed[-1]
    wall = season.wall_time(trade)
    assert (np.diff(wall) >= 0).all()
    assert ((wall >= season.start) & (wall < season.end)).all()
    assert season.trade_time(wall) == pytest.approx(trade, abs=0.01)
