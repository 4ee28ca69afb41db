"""Properties of the linking function over random evidence."""

import random
from collections import defaultdict
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity.domain.evidence import Evidence, LinkKind, sighting
from identity.domain.groups import LinkKey
from identity.domain.linking import Linking, Standing, is_shared, link
from identity.domain.partition import partition
from identity.domain.policy import Policy
from identity.standards.load import load_standards

NAMESPACES = ("member_id", "crm_id", "phone", "wechat_openid", "device_id")
KEYS = st.tuples(st.sampled_from(NAMESPACES), st.integers(0, 5))
RECORDS = st.lists(st.lists(KEYS, min_size=1, max_size=4, unique=True), max_size=30)
Name = tuple[str, int]


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_standards().policy


def evidence(
    records: list[list[Name]],
) -> tuple[dict[int, LinkKey], dict[int, dict[int, Evidence]], dict[int, Name]]:
    """Keys numbered in order of arrival, as the ledger does; hashes depend on the identifier alone."""
    ids: dict[Name, int] = {}
    neighbours: dict[int, dict[int, Evidence]] = defaultdict(dict)
    seen = sighting(LinkKind.CO_OCCURRENCE, 1, False, "shop")
    for record in records:
        for name in record:
            ids.setdefault(name, len(ids) + 1)
        for one, other in combinations(record, 2):
            neighbours[ids[one]][ids[other]] = neighbours[ids[other]][ids[one]] = seen
    keys = {
        key_id: LinkKey(key_id, name[0], "", random.Random(repr(name)).randbytes(16))
        for name, key_id in ids.items()
    }
    return keys, neighbours, {key_id: name for name, key_id in ids.items()}


def named(linking: Linking, names: dict[int, Name]) -> set[frozenset[Name]]:
    return {frozenset(names[key_id] for key_id in group) for group in linking.groups}


def solve(records: list[list[Name]], policy: Policy) -> set[frozenset[Name]]:
    keys, neighbours, names = evidence(records)
    return named(partition(keys, neighbours, policy), names)


@given(records=RECORDS, order=st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(
    records: list[list[Name]], order: random.Random, policy: Policy
) -> None:
    shuffled = [order.sample(record, len(record)) for record in order.sample(records, len(records))]
    assert solve(records, policy) == solve(shuffled, policy)


@given(records=RECORDS)
def test_repeats_change_nothing(records: list[list[Name]], policy: Policy) -> None:
    assert solve(records, policy) == solve([*records, *records], policy)


@given(records=RECORDS)
def test_no_person_has_two_values_of_a_unique_namespace(records: list[list[Name]], policy: Policy) -> None:
    for group in solve(records, policy):
        held = [namespace for namespace, _ in group if policy.namespaces[namespace].unique]
        assert len(held) == len(set(held))


@given(records=RECORDS)
def test_every_key_is_in_exactly_one_group_and_idle_keys_are_alone(
    records: list[list[Name]], policy: Policy
) -> None:
    keys, neighbours, _ = evidence(records)
    linking = partition(keys, neighbours, policy)
    assert sorted(key_id for group in linking.groups for key_id in group) == sorted(keys)
    group_of = {key_id: group for group in linking.groups for key_id in group}
    for key_id, standing in linking.standing.items():
        assert standing is Standing.LINKING or group_of[key_id] == {key_id}


@given(records=RECORDS)
def test_each_component_alone_gives_the_same_as_all_together(
    records: list[list[Name]], policy: Policy
) -> None:
    keys, neighbours, names = evidence(records)
    shared = {
        key_id
        for key_id, key in keys.items()
        if is_shared(key, [keys[other] for other in neighbours[key_id]], policy)
    }
    piecewise: set[frozenset[Name]] = set()
    left = set(keys)
    while left:
        component, frontier = set(), [min(left)]
        while frontier:
            key_id = frontier.pop()
            if key_id in component:
                continue
            component.add(key_id)
            if key_id not in shared:
                frontier += [other for other in neighbours[key_id] if other not in shared]
        left -= component
        part = link({key_id: keys[key_id] for key_id in component}, neighbours, shared, policy)
        piecewise |= named(part, names)
    assert piecewise == named(partition(keys, neighbours, policy), names)


def test_a_family_phone_links_neither_of_two_members(policy: Policy) -> None:
    groups = solve(
        [
            [("member_id", 1), ("phone", 1)],
            [("member_id", 2), ("phone", 1)],
            [("member_id", 1), ("crm_id", 1)],
        ],
        policy,
    )
    assert groups == {
        frozenset({("member_id", 1), ("crm_id", 1)}),
        frozenset({("member_id", 2)}),
        frozenset({("phone", 1)}),
    }


def test_a_shared_tablet_links_nobody_but_its_people_stay_whole(policy: Policy) -> None:
    records = [[("wechat_openid", n), ("phone", n), ("device_id", 9)] for n in range(3)]
    groups = solve(records, policy)
    assert frozenset({("device_id", 9)}) in groups
    assert {frozenset({("wechat_openid", n), ("phone", n)}) for n in range(3)} < groups


def test_a_key_between_two_members_by_way_of_others_is_contested(policy: Policy) -> None:
    records = [
        [("member_id", 1), ("phone", 1)],
        [("member_id", 2), ("phone", 2)],
        [("phone", 1), ("device_id", 1)],
        [("phone", 2), ("device_id", 1)],
    ]
    keys, neighbours, names = evidence(records)
    linking = partition(keys, neighbours, policy)
    standing = {names[key_id]: value for key_id, value in linking.standing.items()}
    assert standing["device_id", 1] is Standing.CONTESTED
    assert frozenset({("member_id", 1), ("phone", 1)}) in named(linking, names)


def test_a_person_never_outgrows_the_cap(policy: Policy) -> None:
    records = [[("member_id", 1), ("wechat_openid", n)] for n in range(policy.max_person_keys + 50)]
    keys, neighbours, _ = evidence(records)
    linking = partition(keys, neighbours, policy)
    assert max(map(len, linking.groups)) == policy.max_person_keys
    assert list(linking.standing.values()).count(Standing.OVERSIZED) == 51


def test_a_mailbox_of_two_phones_links_nobody_but_a_shop_account_may_have_many(policy: Policy) -> None:
    records = [[("email", 1), ("phone", 1)], [("email", 1), ("phone", 2)]]
    assert frozenset({("email", 1)}) in solve(records, policy)
    receivers = [[("taobao_id", 1), ("phone", n)] for n in range(4)]
    assert solve(receivers, policy) == {frozenset({("taobao_id", 1), *(("phone", n) for n in range(4))})}
