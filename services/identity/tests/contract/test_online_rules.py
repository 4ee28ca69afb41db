"""After any history of records, decisions, undos and matching runs the store equals the full recompute."""

import random
from typing import Any

from huaxiang.identity.v1 import person_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity.app.hot_keys import HotKeys
from identity.domain.verdicts import OperationKind, standing_operations
from identity.main import Wiring
from linking_world import KEYS, MATCHES, RECORDS, SIDES, Said
from online_world import OnlineWorld
from servicekit.revision import Lane

KINDS = st.sampled_from([OperationKind.BIND, OperationKind.UNBIND, OperationKind.MERGE, OperationKind.SPLIT])
DECISIONS = st.lists(st.one_of(st.tuples(KINDS, SIDES), st.just("undo"), MATCHES), max_size=5)
BLOCKED = st.frozensets(KEYS, max_size=2)


def play(world: OnlineWorld, records: list[Said], decisions: list[Any], order: random.Random) -> None:
    """Sends the records in a random order and batches, decides in between; looks at the store after each step."""
    numbered = list(enumerate(records))
    order.shuffle(numbered)
    pending = list(decisions)
    while numbered or pending:
        if numbered and (not pending or order.random() < 0.6):
            batch = [numbered.pop() for _ in range(min(len(numbered), order.randint(1, 6)))]
            lane = order.choice([Lane.LIVE, Lane.BULK])
            world.send([said for _, said in batch], [number for number, _ in batch], lane)
        else:
            decide(world, pending.pop(), order)
        assert world.stored() == world.recomputed()


def decide(world: OnlineWorld, decision: Any, order: random.Random) -> None:
    if decision == "undo":
        standing = sorted(standing_operations(world.operations))
        if standing:
            world.undo(order.choice(standing))
    elif isinstance(decision, tuple):
        world.decide(*decision)
    else:
        world.match(decision)


def check_published(world: OnlineWorld) -> None:
    """Every key in exactly one living person; redirects are resolved; what is published is what is stored."""
    persons, rows = world.published(), world.rows()
    held: dict[int, set[int]] = {}
    for key_id, row in rows.items():
        held.setdefault(row.person_id, set()).add(key_id)
    assert 0 not in held
    living = {i for i, person in persons.items() if person.state != person_pb2.PERSON_STATE_REDIRECTED}
    assert living == held.keys()
    for person_id, person in persons.items():
        if person_id in living:
            assert {key.key_id for key in person.keys} == held[person_id]
        else:
            assert person.redirect_person_id in living


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(RECORDS, DECISIONS, BLOCKED, st.randoms(use_true_random=False), st.sampled_from([0, 5, 1_000]))
def test_any_history_equals_the_full_recompute(
    wiring: Wiring,
    secret: bytes,
    records: list[Said],
    decisions: list[Any],
    blocked: frozenset[Any],
    order: random.Random,
    hot_size: int,
) -> None:
    world = OnlineWorld(wiring, secret, HotKeys(hot_size, hot_size), blocked)
    play(world, records, decisions, order)
    check_published(world)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(RECORDS, KINDS, SIDES)
def test_an_undo_restores_persons_ids_and_what_is_published(
    wiring: Wiring, secret: bytes, records: list[Said], kind: OperationKind, sides: Any
) -> None:
    world = OnlineWorld(wiring, secret, HotKeys())
    if records:
        world.send(records, range(len(records)))
    before = world.published(), world.stored()
    done = world.decide(kind, sides)
    if done is None:
        return
    after = world.published(), world.stored()
    undone = world.undo(1)
    published, stored = world.published(), world.stored()
    assert stored == before[1]
    assert {i: p for i, p in published.items() if i in before[0]} == before[0]
    assert undone.effect.persons_changed >= done.effect.persons_changed - done.effect.persons_created
    world.undo(2)
    assert (world.published(), world.stored()) == after
