"""Births, survivors, redirects and the blocks that ids come from."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity.domain.person_ids import BLOCK_IDS, IdBlocks, IdsExhausted, assign_ids

STRONG = frozenset(range(0, 40, 2))


class Ledger:
    """Keeps what a store keeps: ids by birth key, and the blocks."""

    def __init__(self) -> None:
        self.born: dict[int, int] = {}
        self.blocks = IdBlocks()

    def assign(self, *groups: set[int]) -> dict[int, int]:
        assignment = assign_ids(list(map(frozenset, groups)), STRONG.__contains__, self.born, self._new_id)
        self.born |= {birth.key_id: birth.person_id for birth in assignment.births}
        living = set(assignment.person_of.values())
        assert not living & assignment.redirects.keys()
        assert set(assignment.redirects.values()) <= living
        return dict(assignment.person_of)

    def _new_id(self, strong: bool) -> int:
        person_id, self.blocks = self.blocks.take(strong)
        return person_id


def test_an_anonymous_person_who_becomes_known_gets_the_id_born_with_the_strong_key() -> None:
    ledger = Ledger()
    anonymous = ledger.assign({1})[1]
    known = ledger.assign({1, 2})
    assert known[1] == known[2] != anonymous
    assert ledger.born == {1: anonymous, 2: known[1]}


def test_merge_keeps_the_smallest_id_and_a_split_restores_both() -> None:
    ledger = Ledger()
    first, second = ledger.assign({2})[2], ledger.assign({4})[4]
    assert ledger.assign({2, 4}) == {2: first, 4: first}
    assert ledger.assign({2}, {4}) == {2: first, 4: second}


def test_a_part_in_which_no_id_was_born_gets_a_new_one() -> None:
    ledger = Ledger()
    whole = ledger.assign({2, 4})
    parts = ledger.assign({2}, {4})
    assert parts[2] == whole[2]
    assert parts[4] not in whole.values()


@given(history=st.lists(st.lists(st.integers(0, 5), min_size=12, max_size=12), max_size=8))
def test_ids_are_never_reused_and_the_partition_is_that_of_the_groups(history: list[list[int]]) -> None:
    ledger = Ledger()
    for colours in history:
        groups = [{key for key, colour in enumerate(colours) if colour == wanted} for wanted in set(colours)]
        person_of = ledger.assign(*groups)
        assert len(set(person_of.values())) == len(groups)
        assert len(set(ledger.born.values())) == len(ledger.born)
        again = ledger.assign(*groups)
        assert again == person_of


def test_known_and_anonymous_ids_fill_blocks_of_their_own() -> None:
    known, blocks = IdBlocks().take(True)
    anonymous, blocks = blocks.take(False)
    assert (known, anonymous) == (1, BLOCK_IDS)
    for _ in range(BLOCK_IDS - 2):
        last, blocks = blocks.take(True)
    following, blocks = blocks.take(True)
    assert (last, following) == (BLOCK_IDS - 1, 2 * BLOCK_IDS)


@pytest.mark.parametrize(
    ("bring_up", "least"),
    [(lambda blocks: blocks.above(10), 11), (lambda blocks: blocks.above(7 * BLOCK_IDS + 5), 8 * BLOCK_IDS)],
)
def test_a_restored_store_hands_out_only_ids_above_those_seen(
    bring_up: Callable[[IdBlocks], IdBlocks], least: int
) -> None:
    blocks = bring_up(IdBlocks(next_block=2, next_known=5, next_anonymous=0))
    assert all(blocks.take(strong)[0] >= least for strong in (True, False))


def test_ids_end_below_2_to_the_32() -> None:
    with pytest.raises(IdsExhausted):
        IdBlocks(next_block=65_536).take(True)
