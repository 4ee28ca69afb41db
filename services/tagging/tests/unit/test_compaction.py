"""Which files are worth making one."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st
from tagging.domain import compaction
from tagging.domain.compaction import CLOSED_FILES, SETTLED_BYTES, TARGET_BYTES, TIER_FILES
from tagging.domain.lake import LakeFile

TODAY = dt.date(2026, 5, 2)
KIB, MIB = 1024, 1024**2


def files(*sizes: int, day: dt.date = TODAY) -> list[LakeFile]:
    return [LakeFile(f"t1/{day}/{number:04d}", day, 1, size) for number, size in enumerate(sizes)]


def test_files_of_a_size_go_together_when_there_are_enough() -> None:
    assert compaction.due(files(*[KIB] * (TIER_FILES - 1)), TODAY) == []
    (group,) = compaction.due(files(*[KIB] * TIER_FILES, 40 * MIB), TODAY)
    assert {file.size_bytes for file in group} == {KIB}, "the large one is not rewritten for small ones"


def test_a_day_that_is_over_is_not_left_in_pieces() -> None:
    over = files(KIB, 2 * KIB, MIB, 30 * MIB, day=TODAY - dt.timedelta(days=1))
    assert len(over) == CLOSED_FILES
    assert [len(group) for group in compaction.due(over, TODAY)] == [4]
    assert compaction.due(over[1:], TODAY) == []


def test_settled_files_are_left_alone() -> None:
    assert compaction.everything(files(SETTLED_BYTES, SETTLED_BYTES, KIB)) == []


def test_an_event_is_rewritten_once_per_tier_at_most() -> None:
    """4,096 flushes of 16 KiB, each followed by whatever is due: far less is written than flush by flush."""
    lake: list[LakeFile] = []
    written = 0
    for flush in range(4_096):
        lake.append(LakeFile(f"{flush:06d}", TODAY, 1, 16 * KIB))
        while groups := compaction.due(lake, TODAY):
            gone = set(groups[0])
            merged = sum(file.size_bytes for file in gone)
            written += merged
            lake = [file for file in lake if file not in gone]
            lake.append(LakeFile(f"{flush:06d}m{len(lake)}", TODAY, 1, merged))
    flushed = 4_096 * 16 * KIB
    assert written <= 5 * flushed
    assert len(lake) <= 5 * TIER_FILES


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 2 * SETTLED_BYTES)), max_size=40))
def test_groups_are_of_one_day_bounded_and_disjoint(said: list[tuple[int, int]]) -> None:
    lake = [
        LakeFile(f"{number}", TODAY - dt.timedelta(days=ago), 1, size)
        for number, (ago, size) in enumerate(said)
    ]
    for groups in (compaction.everything(lake), compaction.due(lake, TODAY)):
        named = [file.path for group in groups for file in group]
        assert len(named) == len(set(named))
        for group in groups:
            assert len(group) >= 2
            assert len({file.day for file in group}) == 1
            assert sum(file.size_bytes for file in group) <= TARGET_BYTES
            assert all(file.size_bytes < SETTLED_BYTES for file in group)
