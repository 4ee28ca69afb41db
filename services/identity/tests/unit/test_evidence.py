"""A summary of evidence depends on the set of records alone."""

import random
from functools import reduce
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from identity.domain.evidence import DAY_US, MAX_SOURCES, Evidence, LinkKind, expired, sighting

SIGHTINGS = st.lists(
    st.builds(
        sighting,
        st.sampled_from(list(LinkKind)),
        st.integers(0, 40 * DAY_US),
        st.booleans(),
        st.integers(0, 12).map(lambda n: f"source_{n:02}"),
    ),
    min_size=1,
    max_size=20,
)


@given(SIGHTINGS, st.randoms(use_true_random=False))
def test_merging_is_independent_of_order_and_repeats(seen: list[Evidence], order: random.Random) -> None:
    merged = reduce(Evidence.merged, seen)
    again = order.sample(seen * 2, 2 * len(seen))
    assert reduce(Evidence.merged, again) == merged
    half = len(seen) // 2
    if half:
        assert reduce(Evidence.merged, seen[:half]).merged(reduce(Evidence.merged, seen[half:])) == merged
    assert len(merged.sources) <= MAX_SOURCES


@given(SIGHTINGS)
def test_a_repeat_gives_back_the_same_object(seen: list[Evidence]) -> None:
    merged = reduce(Evidence.merged, seen)
    assert all(merged.merged(one) is merged for one in seen)


def test_a_busy_pair_changes_once_a_day() -> None:
    morning = sighting(LinkKind.CO_OCCURRENCE, 5 * DAY_US + 1, False, "shop")
    evening = sighting(LinkKind.CO_OCCURRENCE, 6 * DAY_US - 1, False, "shop")
    assert morning.merged(evening) is morning
    assert morning.merged(sighting(LinkKind.CO_OCCURRENCE, 6 * DAY_US, False, "shop")).last_us == 6 * DAY_US


def test_a_cycle_of_binds_and_unbinds_ends_as_the_last_says() -> None:
    said = [(LinkKind.BIND, 10), (LinkKind.UNBIND, 20), (LinkKind.BIND, 30), (LinkKind.UNBIND, 40)]
    evidence = [sighting(kind, time_us, False, "app") for kind, time_us in said]
    assert [reduce(Evidence.merged, evidence[:n]).active for n in range(1, 5)] == [True, False, True, False]


@given(
    st.dictionaries(st.integers(1, 9), st.tuples(st.integers(0, 90), st.integers(0, 20)), max_size=8),
    st.integers(2, 40),
)
def test_the_earlier_holders_of_a_key_are_those_before_its_last_silence(
    spans: dict[int, tuple[int, int]], validity_days: int
) -> None:
    star = {
        key_id: Evidence(first * DAY_US, (first + length) * DAY_US, 1)
        for key_id, (first, length) in spans.items()
    }
    found = expired(star, validity_days)
    days = {key_id: range(first, first + length + 1) for key_id, (first, length) in spans.items()}
    seen_days = sorted({day for covered in days.values() for day in covered})
    silences = [after for before, after in pairwise(seen_days) if after - before >= validity_days]
    start = silences[-1] if silences else 0
    assert found == {key_id for key_id, covered in days.items() if covered[-1] < start}
