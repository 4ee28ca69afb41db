"""Kernels stand for arrays where there are many events, once compiled; tables of events are the same by both."""

from dataclasses import dataclass

import numpy as np
import pytest
from rules.schema import EventType
from servicekit.kernels.threads import Cancelled
from tagging.domain.behaviour.engine import ArrayBehaviour
from tagging.domain.behaviour.funnel import Funnel
from tagging.domain.behaviour.tracks import Track
from tagging.kernels.loading import Kernels
from tagging.store.event_columns import ColumnEvents, Counting, Slots

TYPE = EventType("order_paid", ())
NOTHING = np.zeros(0, np.int64)


@pytest.fixture(scope="module")
def kernels(threads):
    found = Kernels(many_events=100)
    assert found.wait(120)
    return found


def test_few_events_are_left_to_arrays(kernels):
    assert kernels.over(99) is None
    assert kernels.over(100) is not None
    assert isinstance(kernels.of(99, lambda: False), ArrayBehaviour)
    assert not isinstance(kernels.of(100, lambda: False), ArrayBehaviour)


def test_an_answer_nobody_waits_for_is_given_up(kernels):
    track = Track(np.zeros(100, np.int32), np.arange(100), np.arange(100), np.ones(100, np.uint16))
    with pytest.raises(Cancelled):
        kernels.of(100, lambda: True).reached([track], Funnel(1, 1, False, 0, 100), 1)


@dataclass
class Chunk:
    keys: np.ndarray
    times: np.ndarray
    sequences: np.ndarray

    def release(self) -> None:
        """As EventChunk says: there is nothing."""


@pytest.mark.parametrize("seed", range(5))
def test_tables_of_several_chunks_and_keys_are_those_of_arrays(kernels, seed):
    draw = np.random.default_rng(seed)
    sequences = draw.permutation(600)
    chunks = []
    for part in np.split(sequences, [300, 450]):
        keys, times = draw.integers(0, 40, len(part)), draw.integers(0, 50, len(part))
        order = np.lexsort((part, times, keys))
        chunks.append(Chunk(keys[order], times[order], part[order]))
    slots = Slots(draw.integers(-1, 20, 40).astype(np.int32), 20)
    counting = Counting(np.sort(sequences[:30]), from_us=5)
    ours = ColumnEvents(TYPE, chunks, slots, counting, kernels)
    plain = ColumnEvents(TYPE, chunks, slots, counting)
    assert ours.passes is not None
    assert plain.passes is None
    for name in ("owners", "times", "ingest_seqs"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(plain, name))
