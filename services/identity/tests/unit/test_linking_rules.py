"""Properties of linking with times, verification, human verdicts, matches and blocked values in play."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity.domain.evidence import DAY_US, LinkKind
from identity.domain.groups import Reason
from identity.domain.linking import Linking, Standing
from identity.domain.policy import Grade, Policy, parse_policy
from identity.domain.verdicts import VerdictKind
from linking_world import DOCUMENT, KEYS, MATCHES, POLICY, RECORDS, SIDES, VERDICTS, Name, Said, World, world

ORDER = st.randoms(use_true_random=False)


@given(RECORDS, VERDICTS, MATCHES, ORDER)
def test_no_order_of_anything_changes_the_partition(
    records: list[Said], verdicts: Any, matches: Any, order: random.Random
) -> None:
    one = world(records, verdicts, matches, random.Random(0))
    other = world(records, verdicts, order.sample(matches, len(matches)), order)
    first, second = one.link(), other.link()
    assert one.named(first) == other.named(second)
    standing = {name: first.standing[key_id] for name, key_id in one.ids.items()}
    assert standing == {name: second.standing[key_id] for name, key_id in other.ids.items()}
    assert _named_conflicts(one, first) == _named_conflicts(other, second)


def _named_conflicts(world: World, linking: Linking) -> set[tuple[Name, Name, Reason]]:
    name_of = {key_id: name for name, key_id in world.ids.items()}
    return {(name_of[one], name_of[other], reason) for one, other, reason in linking.conflicts}


@given(RECORDS, VERDICTS, MATCHES)
def test_no_constraint_is_ever_broken(records: list[Said], verdicts: Any, matches: Any) -> None:
    made = world(records, verdicts, matches, random.Random(0))
    linking = made.link()
    assert sorted(key_id for group in linking.groups for key_id in group) == sorted(made.keys)
    for group in linking.groups:
        assert len(group) <= POLICY.max_person_keys
        unique = [made.keys[k].namespace for k in group if POLICY.namespaces[made.keys[k].namespace].unique]
        assert len(unique) == len(set(unique))
        for verdict in made.verdicts:
            if verdict.kind is VerdictKind.CANNOT:
                assert not (group & verdict.sides[0] and group & verdict.sides[1])
        seen = sorted(
            max((e.last_us for e in made.evidence.get(k, {}).values() if e.active), default=0) // DAY_US
            for k in group
            if made.keys[k].namespace == "device_id"
        )
        assert all(third - first > 10 for first, third in zip(seen, seen[2:], strict=False))


@given(RECORDS, VERDICTS, MATCHES)
def test_every_conflict_is_between_two_persons(records: list[Said], verdicts: Any, matches: Any) -> None:
    linking = world(records, verdicts, matches, random.Random(0)).link()
    group_of = {key_id: group for group in linking.groups for key_id in group}
    for conflict in linking.conflicts:
        assert group_of[conflict.key_id] != group_of[conflict.other_key_id]
    assert list(linking.conflicts) == sorted(set(linking.conflicts))


@given(RECORDS, VERDICTS, MATCHES)
def test_every_pair_seen_together_is_linked_or_explained(
    records: list[Said], verdicts: Any, matches: Any
) -> None:
    made = world(records, verdicts, matches, random.Random(0))
    linking = made.link()
    group_of = {key_id: group for group in linking.groups for key_id in group}
    explained = {frozenset(conflict[:2]) for conflict in linking.conflicts}
    for key_id, star in made.evidence.items():
        for other, seen in star.items():
            mail = "email" in (made.keys[key_id].namespace, made.keys[other].namespace)
            if seen.active and (seen.verified or not mail) and group_of[key_id] != group_of[other]:
                assert frozenset((key_id, other)) in explained


@given(RECORDS, VERDICTS, MATCHES, st.frozensets(KEYS, min_size=1, max_size=3))
def test_blocking_a_value_never_merges_more(
    records: list[Said], verdicts: Any, matches: Any, blocked: frozenset[Name]
) -> None:
    made = world(records, verdicts, matches, random.Random(0))
    before = made.link()
    after = made.link(blocked=blocked)
    group_of = {key_id: group for group in before.groups for key_id in group}
    for group in after.groups:
        assert group <= group_of[min(group)]
    for name in blocked & made.ids.keys():
        assert frozenset((made.ids[name],)) in after.groups
        assert after.standing[made.ids[name]] in (Standing.BLOCKED, Standing.SHARED)


@given(RECORDS, VERDICTS, MATCHES)
def test_what_humans_decided_can_be_taken_back(records: list[Said], verdicts: Any, matches: Any) -> None:
    with_verdicts = world(records, verdicts, matches, random.Random(0))
    without = world(records, (), matches, random.Random(0))
    assert replace(with_verdicts, verdicts=()).link() == without.link()


@given(RECORDS, SIDES)
def test_a_bind_holds_unless_a_constraint_says_why_not(
    records: list[Said], sides: tuple[frozenset[Name], frozenset[Name]]
) -> None:
    made = world(records, [(VerdictKind.MUST, sides)], (), random.Random(0))
    linking = made.link()
    known = made.verdicts[0].key_ids
    apart = {group & known for group in linking.groups if group & known}
    assert len(apart) <= 1 or any({c.key_id, c.other_key_id} <= known for c in linking.conflicts)


def policy_of(**changes: Any) -> Policy:
    """The policy of this module with changes by namespace."""
    document = dict(DOCUMENT, max_person_keys=200, max_component_keys=2_000)
    document["namespaces"] = [item | changes.get(item["name"], {}) for item in DOCUMENT["namespaces"]]
    return parse_policy(document)


def made_of(*records: Said, verdicts: Any = ()) -> World:
    return world(records, verdicts, (), random.Random(0))


def together(*names: Name, day: int = 0, verified: bool = False) -> Said:
    return Said(names, LinkKind.CO_OCCURRENCE, day, verified)


M1, M2, P1, P2, D1 = ("member_id", 1), ("member_id", 2), ("phone", 1), ("phone", 2), ("device_id", 1)


def test_a_recycled_phone_goes_to_its_new_holder() -> None:
    made = made_of(together(M1, P1, day=0), together(M2, P1, day=40))
    linking = made.link(policy_of())
    assert made.named(linking) == {frozenset({M1}), frozenset({M2, P1})}
    assert _named_conflicts(made, linking) == {(P1, M1, Reason.EXPIRED)}
    late = made_of(together(M1, P1, day=0), together(M2, P1, day=40), together(M1, P1, day=20))
    strict = policy_of(member_id={"limits": {"strong": 1}})
    assert late.named(late.link(strict)) == {frozenset({M1}), frozenset({M2}), frozenset({P1})}


def test_an_unverified_mailbox_links_nothing_until_it_is_verified() -> None:
    mail = ("email", 1)
    unverified, verified = together(M1, mail), together(M1, mail, verified=True)
    apart, joined = made_of(unverified), made_of(unverified, verified)
    assert apart.named(apart.link()) == {frozenset({M1}), frozenset({mail})}
    assert joined.named(joined.link()) == {frozenset({M1, mail})}


def test_an_unbind_parts_until_they_are_seen_on_a_later_day_or_bound_again() -> None:
    unbind = Said((M1, P1), LinkKind.UNBIND, 10, False)
    apart = {frozenset({M1}), frozenset({P1})}
    cases = [
        ([together(M1, P1, day=9), unbind], apart),
        ([together(M1, P1, day=10), unbind], apart),
        ([together(M1, P1, day=9), unbind, together(M1, P1, day=11)], {frozenset({M1, P1})}),
        ([unbind, Said((M1, P1), LinkKind.BIND, 10, False)], apart),
        ([unbind, Said((M1, P1), LinkKind.BIND, 11, False)], {frozenset({M1, P1})}),
    ]
    for records, expected in cases:
        made = made_of(*records)
        assert made.named(made.link()) == expected


def test_a_parted_phone_stays_with_whom_it_was_not_parted_from() -> None:
    made = made_of(
        together(M1, P1),
        together(M2, P1),
        verdicts=[(VerdictKind.CANNOT, (frozenset({P1}), frozenset({M1})))],
    )
    linking = made.link(policy_of())
    assert made.named(linking) == {frozenset({M1}), frozenset({M2, P1})}
    assert (P1, M1, Reason.CANNOT_LINK) in _named_conflicts(made, linking)


def test_a_third_device_within_the_window_is_over_the_limit() -> None:
    devices = [("device_id", n) for n in range(3)]
    near = made_of(*(together(M1, device, day=n) for n, device in enumerate(devices)))
    assert list(near.link().standing.values()).count(Standing.CONTESTED) == 1
    assert {conflict.reason for conflict in near.link().conflicts} == {Reason.LIMIT}
    far = made_of(*(together(M1, device, day=6 * n) for n, device in enumerate(devices)))
    assert len(far.link().groups) == 1


def test_too_much_that_hangs_together_is_quarantined_but_for_unique_keys() -> None:
    chain = [together(("phone", n), ("email", n), verified=True) for n in range(5)]
    chain += [together(("phone", n), ("email", n + 1), verified=True) for n in range(4)]
    made = made_of(*chain, together(M1, ("crm_id", 1)), together(M1, P1))
    linking = made.link()
    assert frozenset({M1, ("crm_id", 1)}) in made.named(linking)
    assert len(linking.groups) == len(made.keys) - 1
    assert {conflict.reason for conflict in linking.conflicts} == {Reason.QUARANTINED}
    weak = [key_id for key_id, key in made.keys.items() if not POLICY.namespaces[key.namespace].unique]
    assert {linking.standing[key_id] for key_id in weak} == {Standing.QUARANTINED}


def test_a_person_split_by_a_human_keeps_what_belongs_to_each_side() -> None:
    sides = (frozenset({P1}), frozenset({P2, D1}))
    records = [together(P1, D1), together(P2, D1)]
    whole, split = made_of(*records), made_of(*records, verdicts=[(VerdictKind.CANNOT, sides)])
    assert whole.named(whole.link()) == {frozenset({P1, P2, D1})}
    assert split.named(split.link()) == {frozenset({P1}), frozenset({P2, D1})}


@pytest.mark.parametrize("grade", list(Grade))
def test_a_person_limit_counts_within_any_window_only(grade: Grade) -> None:
    policy = policy_of(device_id={"grade": grade.value, "person_limit": {"count": 1, "window_days": 1}})
    made = made_of(together(M1, D1, day=1), together(M1, ("device_id", 2), day=3))
    assert len(made.link(policy).groups) == 1
