"""Values as codes and bytes."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.values import Kind
from segments.domain.packing import Coded, code_of, damage_of, pack, recoded, scalar_of, unpack

BLOCKS = st.dictionaries(
    st.integers(0, 65_535), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3), max_size=20
)


def coded(rows: dict[int, list[int]], texts: dict[int, str] | None = None) -> Coded:
    offsets = sorted(rows)
    return Coded(
        np.asarray(offsets, np.uint16),
        np.asarray([len(rows[each]) for each in offsets], np.uint16),
        np.asarray([code for each in offsets for code in rows[each]], np.int64),
        texts or {},
    )


@given(BLOCKS)
def test_numbers_come_back(rows: dict[int, list[int]]) -> None:
    given_, found = coded(rows), unpack(pack(coded(rows)))
    assert found.offsets.tolist() == given_.offsets.tolist()
    assert found.counts.tolist() == given_.counts.tolist()
    assert found.codes.tolist() == given_.codes.tolist()


@given(st.lists(st.text(max_size=5), min_size=1, max_size=8))
def test_texts_come_back_whatever_their_codes(texts: list[str]) -> None:
    dictionary = {code * 1_000: text for code, text in enumerate(texts)}
    found = unpack(pack(coded({place: [place * 1_000] for place in range(len(texts))}, dictionary)))
    assert [found.texts[code] for code in found.codes.tolist()] == texts


def test_a_pack_carries_only_the_texts_that_it_uses() -> None:
    found = unpack(pack(coded({1: [7]}, {7: "used", 8: "not used"})))
    assert dict(found.texts) == {0: "used"}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.BOOL, True),
        (Kind.NUMBER, -123_400),
        (Kind.DATE, dt.date(1969, 12, 31)),
        (Kind.DATETIME, dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, dt.UTC)),
    ],
)
def test_a_scalar_is_its_code(kind: Kind, value: object) -> None:
    assert scalar_of(code_of(value), kind) == value  # type: ignore[arg-type]


def test_each_distinct_code_is_exchanged_once() -> None:
    asked: list[int] = []

    def exchange(code: int) -> int:
        asked.append(code)
        return code + 100

    assert recoded(np.asarray([3, 1, 3, 3], np.int64), exchange).tolist() == [103, 101, 103, 103]
    assert asked == [1, 3]


@pytest.mark.parametrize(
    ("offsets", "counts", "codes", "damage"),
    [
        ([1], [1, 1], [5, 5], "1 offsets with 2 counts"),
        ([1], [2], [5], "1 codes, the counts say 2"),
        ([2, 1], [1, 1], [5, 5], "offsets that do not ascend"),
        ([1, 2], [0, 1], [5], ""),
    ],
)
def test_what_does_not_fit_together_is_told(
    offsets: list[int], counts: list[int], codes: list[int], damage: str
) -> None:
    given_ = Coded(np.asarray(offsets, np.uint16), np.asarray(counts, np.uint16), np.asarray(codes, np.int64))
    assert damage_of(given_) == damage
