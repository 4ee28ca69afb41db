"""Which human decisions are in force."""

import random

from hypothesis import given
from hypothesis import strategies as st
from identity.domain.verdicts import (
    Operation,
    OperationKind,
    Verdict,
    in_force,
    opposing,
    standing_operations,
)

KINDS = st.sampled_from([OperationKind.BIND, OperationKind.UNBIND, OperationKind.MERGE, OperationKind.SPLIT])
KEYS = st.frozensets(st.integers(1, 4), min_size=1, max_size=2)


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """Operations as they may be taken: what is undone is in force at that time."""
    history: list[Operation] = []
    for operation_id in range(1, draw(st.integers(0, 10)) + 1):
        standing = sorted(standing_operations(history))
        if standing and draw(st.booleans()):
            undone = draw(st.sampled_from(standing))
            history.append(Operation(operation_id, OperationKind.UNDO, undoes=undone))
        else:
            left = draw(KEYS)
            right = draw(KEYS.map(lambda keys: keys - left).filter(bool))  # noqa: B023  # drawn at once
            history.append(Operation(operation_id, draw(KINDS), (left, right)))
    return history


@given(histories(), st.data())
def test_an_undo_restores_what_was_before_and_its_undo_what_was_after(
    history: list[Operation], data: st.DataObject
) -> None:
    left = data.draw(KEYS)
    right = data.draw(KEYS.map(lambda keys: keys - left).filter(bool))
    number = len(history) + 1
    done = Operation(number, data.draw(KINDS), (left, right))
    undo = Operation(number + 1, OperationKind.UNDO, undoes=number)
    redo = Operation(number + 2, OperationKind.UNDO, undoes=number + 1)
    again = Operation(number + 3, OperationKind.UNDO, undoes=number + 2)
    before, after = in_force(history), in_force([*history, done])
    assert in_force([*history, done, undo]) == before
    assert in_force([*history, done, undo, redo]) == after
    assert in_force([*history, done, undo, redo, again]) == before
    assert standing_operations([*history, done, undo, redo]) >= {number, number + 2}


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_in_which_operations_are_read_does_not_matter(
    history: list[Operation], order: random.Random
) -> None:
    assert in_force(order.sample(history, len(history))) == in_force(history)


def pair(operation_id: int, kind: OperationKind, one: int = 1, other: int = 2) -> Operation:
    return Operation(operation_id, kind, (frozenset({one}), frozenset({other})))


def verdict_ids(*operations: Operation) -> list[int]:
    return [verdict.operation_id for verdict in in_force(operations)]


def test_the_latest_word_on_two_single_keys_holds_whichever_side_they_are_on() -> None:
    bind, unbind = pair(1, OperationKind.BIND), pair(2, OperationKind.UNBIND, 2, 1)
    assert verdict_ids(bind, unbind) == [2]
    assert verdict_ids(bind, unbind, pair(3, OperationKind.BIND)) == [3]
    assert verdict_ids(bind, unbind, Operation(3, OperationKind.UNDO, undoes=2)) == [1]


def test_a_larger_split_is_not_superseded_by_a_bind_across_it() -> None:
    split = Operation(1, OperationKind.SPLIT, (frozenset({1, 3}), frozenset({2})))
    bind = pair(2, OperationKind.BIND)
    assert verdict_ids(split, bind) == [1, 2]
    verdicts: tuple[Verdict, ...] = in_force([split])
    assert opposing(verdicts, frozenset({1}), frozenset({2})) == 1
    assert opposing(verdicts, frozenset({1}), frozenset({3})) == 0
    assert opposing(in_force([pair(1, OperationKind.UNBIND)]), frozenset({1}), frozenset({2})) == 0
    assert opposing(in_force([pair(1, OperationKind.UNBIND)]), frozenset({1, 5}), frozenset({2})) == 1
