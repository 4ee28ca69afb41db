"""Every export has an order of its own, which a part of it shows, too."""

import datetime as dt

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from segments.domain.exports import Export, ExportState, has_order_of, in_order

SEEDS = st.integers(0, 2**63 - 1)
PERSONS = st.sets(st.integers(1, 2**32 - 1), min_size=2, max_size=50)
FEWEST_OF_TWO_PARTS = 14
"""2^14 / 14! is less than 1 / 10!."""
NOW = dt.datetime(2026, 3, 31, tzinfo=dt.UTC)


@given(PERSONS, SEEDS, st.data())
def test_an_export_goes_on_after_anybody_and_is_found_by_a_part(
    persons: set[int], seed: int, data: st.DataObject
) -> None:
    ids = np.asarray(sorted(persons), np.uint32)
    order = in_order(ids, seed).tolist()
    assert sorted(order) == sorted(persons)
    place = data.draw(st.integers(0, len(order) - 1))
    assert in_order(ids, seed, order[place]).tolist() == order[place + 1 :]
    without = np.asarray([each for each in ids.tolist() if each != order[place]], np.uint32)
    assert in_order(without, seed, order[place]).tolist() == order[place + 1 :], "who was erased since"
    part = [each for each in order if data.draw(st.booleans())]
    assert has_order_of(part, seed)
    assert not has_order_of(order[::-1], seed)
    assert has_order_of([*order, *order[place:]], seed), "some came twice"


@given(PERSONS, SEEDS, st.data())
def test_nobody_is_lost_who_was_merged_before_an_export_goes_on(
    persons: set[int], seed: int, data: st.DataObject
) -> None:
    order = in_order(_ids(persons), seed).tolist()
    sent = data.draw(st.integers(1, len(order)))
    heirs = {each: each for each in order}
    for each in data.draw(st.sets(st.sampled_from(order))):
        heirs[each] = data.draw(st.one_of(st.integers(1, 2**32 - 1), st.just(each)))
    heirs = {each: heirs.get(heir, heir) for each, heir in heirs.items()}
    living = set(heirs.values())
    rest = in_order(_ids(living), seed, order[sent - 1], _ids(living - persons)).tolist()
    assert {heirs[each] for each in order[sent:]} <= {*rest, *order[:sent]}
    told = [*order[:sent], *rest]
    assert has_order_of(told, seed) or len(set(told)) < FEWEST_OF_TWO_PARTS


def _ids(persons: set[int]) -> npt.NDArray[np.uint32]:
    return np.asarray(sorted(persons), np.uint32)


def test_an_order_is_of_one_export() -> None:
    ids = np.arange(1, 13, dtype=np.uint32)
    excerpt = in_order(ids, 77).tolist()
    assert [seed for seed in range(5_000) if has_order_of(excerpt, seed)] == [77]
    two_parts = [*in_order(np.arange(1, 31, dtype=np.uint32), 77)[::2].tolist(), *excerpt]
    assert [seed for seed in range(5_000) if has_order_of(two_parts, seed)] == [77]
    assert not has_order_of([*excerpt[6:], *excerpt[:6]], 77), "too few to tell in two parts"


def test_past_its_time_an_export_has_expired_unless_it_was_rejected() -> None:
    due = NOW + dt.timedelta(days=1)
    export = Export("e", "r", "d", "women", 2, (), "why", "who", "ann", NOW, due, 1)
    assert export.at(due - dt.timedelta(microseconds=1)).state is ExportState.REQUESTED
    assert export.at(due).state is ExportState.EXPIRED
