"""Replaying a policy over stored evidence equals having had it all along, and leads back; simulating tells it."""

import json
import random
from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity.app.operate import Decider
from identity.app.replay_policy import PolicyWish
from identity.domain.policy_effect import PolicyEffect
from identity.errors import ConfirmationNeeded
from identity.main import Wiring
from linking_world import DOCUMENT, RECORDS, Said
from policy_tenants import POLICIES, Tenant, changed
from servicekit.clock import ManualClock
from servicekit.errors import WrongState


def tenant_with(wiring: Wiring, secret: bytes, clock: ManualClock, document: dict[str, Any]) -> Tenant:
    """A new tenant with a policy of its own."""
    tenant = Tenant(wiring.database, secret, clock)
    tenant.replay(document)
    return tenant


def grades(document: dict[str, Any]) -> dict[str, str]:
    """Of each namespace: which keys make a group a known person."""
    return {each["name"]: each["grade"] for each in document["namespaces"]}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(RECORDS, POLICIES, POLICIES, st.randoms(use_true_random=False))
def test_a_replay_equals_having_had_the_policy_all_along_and_leads_back(
    wiring: Wiring,
    secret: bytes,
    clock: ManualClock,
    records: list[Said],
    first: dict[str, Any],
    second: dict[str, Any],
    order: random.Random,
) -> None:
    numbered = list(enumerate(records))
    cut = order.randint(0, len(numbered))
    moved, constant = (tenant_with(wiring, secret, clock, document) for document in (first, second))
    moved.send(numbered[:cut])
    before, published = moved.state(), moved.published()
    moved.replay(second)
    constant.send(numbered[:cut])
    assert moved.state() == constant.state()
    moved.replay(first)
    assert moved.state() == before
    lead = moved.leads(published)
    assert lead.keys() == published.keys()
    assert {*lead.values()} == moved.published().keys()
    if grades(first) == grades(second):  # else an id born with a key while that was strong stays its group's
        assert moved.published() == published
    moved.replay(second)
    for tenant in (moved, constant):
        tenant.send(numbered[cut:])
    assert moved.state() == constant.state()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(RECORDS, POLICIES, POLICIES)
def test_a_simulation_tells_what_a_replay_does_and_changes_nothing(
    wiring: Wiring,
    secret: bytes,
    clock: ManualClock,
    records: list[Said],
    first: dict[str, Any],
    second: dict[str, Any],
) -> None:
    tenant = tenant_with(wiring, secret, clock, first)
    tenant.send(list(enumerate(records)))
    state, head, before = tenant.state(), tenant.head(), tenant.rows()
    told = tenant.simulate(second)
    assert (tenant.state(), tenant.head()) == (state, head)
    done = tenant.replay(second)
    if first == second:
        version = 0 if first is DOCUMENT else 1
        assert (done.version, done.effect, tenant.head()) == (version, PolicyEffect(), head)
        return
    assert done.effect == told
    after = tenant.rows()
    groups_of: dict[int, set[int]] = defaultdict(set)
    persons_of: dict[int, set[int]] = defaultdict(set)
    for name, row in before.items():
        groups_of[row.person_id].add(after[name].person_id)
        persons_of[after[name].person_id].add(row.person_id)
    assert told.persons_before == len(groups_of)
    assert told.persons_after == len(persons_of)
    assert told.persons_split == sum(len(groups) > 1 for groups in groups_of.values())
    assert told.persons_merged == len({p for ps in persons_of.values() if len(ps) > 1 for p in ps})
    assert told.keys_moved == sum(row.person_id != after[name].person_id for name, row in before.items())
    assert (told.conflicts_before, told.conflicts_after) == (len(state[2]), len(tenant.state()[2]))
    sizes = Counter(row.person_id for row in after.values())
    expected = sorted(sizes.values(), reverse=True)[:20]
    assert [each.key_count for each in told.largest_after] == expected
    assert all(sizes[each.person_id] == each.key_count for each in told.largest_after if each.person_id)


def test_a_policy_that_splits_half_needs_the_simulated_number(
    wiring: Wiring, secret: bytes, clock: ManualClock
) -> None:
    tenant = tenant_with(wiring, secret, clock, DOCUMENT)
    said = Said((("member_id", 1), ("phone", 1)), 0, 1, False)  # type: ignore[arg-type]
    tenant.send([(1, said)])
    blocking = changed(phone={"blocked_values": ["phone-1"]})
    state, head = tenant.state(), tenant.head()
    told = tenant.simulate(blocking)
    assert (told.persons_split, told.persons_before) == (1, 1)
    for confirm in (0, 2):
        asked = PolicyWish(Decider(tenant.name, "tester", "a test"), json.dumps(blocking), confirm=confirm)
        with pytest.raises(ConfirmationNeeded) as refused:
            tenant.write(lambda stores, asked=asked: tenant.use_case(stores, asked))
        assert refused.value.metadata == {"persons_split": "1", "persons": "1"}
    assert (tenant.state(), tenant.head()) == (state, head)
    with pytest.raises(WrongState):
        tenant.replay(blocking, confirm=1, expected_version=7)
    assert tenant.replay(blocking, confirm=1, expected_version=0).version == 1
