"""Average linkage under constraints, beside the definition computed the slow way."""

from collections.abc import Sequence
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from identity.domain.matching.clustering import ClusterSettings, ScoredPair, cluster

ROWS = 8
OPEN = ClusterSettings(auto=0.0, mean=0.0, absent=-5.0, max_rows=100)
SETTINGS = st.builds(
    ClusterSettings,
    auto=st.sampled_from([-3.0, 0.0, 2.0]),
    mean=st.sampled_from([-4.0, 0.0, 3.0]),
    absent=st.just(-5.0),
    max_rows=st.integers(2, ROWS),
)


@st.composite
def scored(draw: st.DrawFn) -> list[ScoredPair]:
    """Pairs with weights that differ, so that no tie decides."""
    chosen = draw(st.lists(st.sampled_from(list(combinations(range(ROWS), 2))), unique=True, max_size=16))
    weights = draw(st.permutations([number / 2 + number**2 / 97 - 8 for number in range(20)]))
    return [ScoredPair(*pair, weight) for pair, weight in zip(chosen, weights, strict=False)]


def by_definition(pairs: Sequence[ScoredPair], settings: ClusterSettings) -> set[frozenset[int]]:
    """Unites the two groups with the highest mean again and again."""
    weight = {frozenset((pair.left, pair.right)): pair.weight for pair in pairs}
    groups = [frozenset((row,)) for row in range(ROWS)]
    while True:
        open_pairs = []
        for one, two in combinations(groups, 2):
            between = [frozenset((left, right)) for left in one for right in two]
            known = [weight[pair] for pair in between if pair in weight]
            mean = sum(weight.get(pair, settings.absent) for pair in between) / len(between)
            fits = len(one | two) <= settings.max_rows
            if known and max(known) >= settings.auto and mean >= settings.mean and fits:
                open_pairs.append((round(mean, 9), one, two))
        if not open_pairs:
            return set(groups)
        _, one, two = max(open_pairs, key=lambda item: (item[0], -min(item[1]), -min(item[2])))
        groups = [group for group in groups if group not in (one, two)] + [one | two]


def groups_of(group_of: dict[int, int]) -> set[frozenset[int]]:
    return {
        frozenset(row for row, other in group_of.items() if other == group) for group in group_of.values()
    }


@given(scored(), SETTINGS)
def test_groups_are_those_of_the_definition(pairs: list[ScoredPair], settings: ClusterSettings) -> None:
    found = cluster(range(ROWS), pairs, settings)
    assert groups_of(dict(found.group_of)) == by_definition(pairs, settings)
    assert len(found.links) == ROWS - len(set(found.group_of.values()))
    assert all(link.weight >= settings.auto for link in found.links)


@given(scored(), st.randoms(use_true_random=False))
def test_the_order_of_pairs_changes_nothing(pairs: list[ScoredPair], draw: object) -> None:
    shuffled = list(pairs)
    draw.shuffle(shuffled)  # type: ignore[attr-defined]
    assert cluster(range(ROWS), shuffled, OPEN) == cluster(range(ROWS), pairs, OPEN)


@given(scored(), st.lists(st.tuples(st.integers(0, ROWS - 1), st.sampled_from("ab")), max_size=ROWS))
def test_no_group_claims_two_values_of_one_place(
    pairs: list[ScoredPair], claimed: list[tuple[int, str]]
) -> None:
    claims = {row: {"crm_id": value} for row, value in claimed}
    found = cluster(range(ROWS), pairs, OPEN, claims=claims)
    for group in groups_of(dict(found.group_of)):
        assert len({claims[row]["crm_id"] for row in group if row in claims}) <= 1


def test_one_strong_pair_does_not_unite_groups_that_differ_otherwise() -> None:
    chain = [ScoredPair(0, 1, 9.0), ScoredPair(2, 3, 9.0), ScoredPair(1, 2, 6.0)]
    assert groups_of(dict(cluster(range(4), chain, OPEN).group_of)) == {frozenset((0, 1)), frozenset((2, 3))}
    known = [*chain, ScoredPair(0, 2, 5.0), ScoredPair(0, 3, 5.0), ScoredPair(1, 3, 5.0)]
    assert groups_of(dict(cluster(range(4), known, OPEN).group_of)) == {frozenset(range(4))}


def test_seeds_belong_together_from_the_start() -> None:
    found = cluster(range(4), [ScoredPair(1, 2, 3.0), ScoredPair(0, 2, 3.0)], OPEN, seeds=[(0, 1)])
    assert found.group_of == {0: 0, 1: 0, 2: 0, 3: 3}
    assert found.links == (ScoredPair(0, 2, 3.0),)
