"""What was is found from what is and what changed, for any history of values."""

from hypothesis import given
from hypothesis import strategies as st
from tagging.domain.columns import Coded
from tagging.domain.history import Recorded, difference

PERSONS = range(1, 6)
CHANGES = st.lists(
    st.tuples(st.sampled_from(PERSONS), st.lists(st.integers(0, 3), max_size=2, unique=True)), max_size=30
)


def played(changes: list[tuple[int, list[int]]]) -> tuple[list[dict[int, tuple[int, ...]]], Recorded]:
    """The values after each change (two changes have one moment), and what is recorded of them."""
    values: dict[int, tuple[int, ...]] = dict.fromkeys(PERSONS, ())
    states, parts = [dict(values)], [Recorded.of(Coded.empty(), 0)]
    for number, (person, codes) in enumerate(changes):
        parts.append(Recorded.of(Coded.of({person: values[person]}), 1 + number // 2))
        values[person] = tuple(sorted(codes))
        if number % 2:
            states.append(dict(values))
    if len(changes) % 2:
        states.append(dict(values))
    return states, Recorded.joined(parts)


@given(CHANGES)
def test_the_values_at_any_moment_come_back(changes: list[tuple[int, list[int]]]) -> None:
    states, recorded = played(changes)
    present = Coded.of(states[-1])
    for time, state in enumerate(states):
        assert present.overlaid(recorded.before(time)).rows() == state


@given(CHANGES, st.data())
def test_the_difference_of_two_moments(changes: list[tuple[int, list[int]]], data: st.DataObject) -> None:
    states, recorded = played(changes)
    start = data.draw(st.integers(0, len(states) - 1))
    end = data.draw(st.integers(start, len(states) - 1))
    found = difference(Coded.of(states[-1]), recorded, start, end)
    wanted = {person for person in PERSONS if states[start][person] != states[end][person]}
    assert found.old.rows() == {person: states[start][person] for person in sorted(wanted)}
    assert found.new.rows() == {person: states[end][person] for person in sorted(wanted)}
    assert found.entered == sum(not states[start][person] for person in wanted)
    assert found.left == sum(not states[end][person] for person in wanted)
    assert found.entered + found.left + found.changed == len(wanted)
