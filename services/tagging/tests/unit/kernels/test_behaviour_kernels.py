"""Kernels answer what the arrays' way answers: with ties, whoever has many events or none, over several blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tagging.domain.behaviour.engine import ArrayBehaviour
from tagging.domain.behaviour.funnel import Funnel
from tagging.domain.behaviour.paths import Walking
from tagging.domain.behaviour.retention import Retention
from tagging.domain.behaviour.tracks import Track

PERSONS = 3 * 4_096
PLAIN = ArrayBehaviour()


def tracks_of(seed: int, filters: int, *, apart: bool) -> list[Track]:
    """Some events of a few persons here and there, at few moments. `apart`: filter i lets pass events of track i
    alone."""
    draw = np.random.default_rng(seed)
    count = int(draw.integers(0, 400))
    people = draw.choice([0, 1, 2, 77, 4_095, 4_096, 9_000, PERSONS - 1], count)
    times = draw.integers(0, draw.integers(2, 40), count)
    kinds = draw.integers(0, draw.integers(1, 5), count)
    flags = draw.integers(0, 2**filters, count)
    found = []
    for kind in range(4):
        rows = np.flatnonzero(kinds == kind)
        rows = rows[np.lexsort((rows, times[rows], people[rows]))]
        passed = flags[rows] & (1 << kind if apart else -1)
        found.append(Track(people[rows].astype(np.int32), times[rows], rows, passed.astype(np.uint16)))
    return found


@pytest.fixture(scope="module")
def kernels(threads):
    from tagging.kernels.behaviour import KernelBehaviour

    return KernelBehaviour(threads)


seeds = st.integers(0, 2**32)


@given(seeds, st.integers(1, 4), st.integers(0, 20), st.booleans(), st.booleans(), st.integers(0, 10))
def test_funnels_are_those_of_arrays(kernels, seed, steps, within, strict, apart, start):
    tracks = tracks_of(seed, steps, apart=apart)
    asked = Funnel(steps, within, strict, start, start + 15)
    found = kernels.reached(tracks, asked, PERSONS)
    np.testing.assert_array_equal(found, PLAIN.reached(tracks, asked, PERSONS))


@given(seeds, st.integers(1, 6), st.integers(1, 6), st.integers(1, 5))
def test_retention_is_that_of_arrays(kernels, seed, cohorts, periods, width):
    tracks = tracks_of(seed, 2, apart=False)
    asked = Retention(tuple(2 + width * each for each in range(cohorts + periods)), cohorts, periods)
    found, wanted = kernels.returns(tracks, asked, PERSONS), PLAIN.returns(tracks, asked, PERSONS)
    for ours, plain in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(ours, plain)
    assert kernels.matrix(*found, asked) == PLAIN.matrix(*wanted, asked)


@given(seeds, st.integers(1, 6), st.integers(0, 20), st.booleans(), st.booleans(), st.integers(0, 10))
def test_walks_are_those_of_arrays(kernels, seed, depth, within, backwards, collapse, start):
    tracks = tracks_of(seed, 2, apart=False)
    asked = Walking(depth, within, backwards, collapse, start, start + 15)
    for ours, plain in zip(
        kernels.walks(tracks, asked, PERSONS), PLAIN.walks(tracks, asked, PERSONS), strict=True
    ):
        np.testing.assert_array_equal(ours, plain)
