"""Rows are found by the spans that they are in, with one pass."""

import random

import numpy as np
import pytest
from tagging.store import span_rows
from tagging.store.span_rows import SpanRows


def test_rows_are_found_by_all_spans_they_are_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of sets that overlap, share spans, are empty; in slices of rows."""
    monkeypatch.setattr(span_rows, "SLICE", 16)
    draw = random.Random(3)
    sets = [
        {(start, start + draw.randrange(1, 9)) for start in draw.sample(range(-20, 40), draw.randrange(4))}
        for _ in range(7)
    ]
    times = np.array([draw.randrange(-30, 50) for _ in range(100)])
    found: dict[int, list[int]] = {number: [] for number in range(len(sets))}
    for numbers, rows in SpanRows(sets).of(times):
        for number in numbers:
            found[number] += rows.tolist()
    assert {number: sorted(rows) for number, rows in found.items()} == {
        number: [
            row for row, time in enumerate(times.tolist()) if any(start <= time < end for start, end in spans)
        ]
        for number, spans in enumerate(sets)
    }


def test_without_spans_no_row_is_found() -> None:
    assert list(SpanRows([set(), set()]).of(np.arange(5))) == []
