"""Columns built anew in the background, brought up to the versions that were made of the old one meanwhile."""

import numpy as np
import numpy.typing as npt

from segments.engine.containers import BLOCK_BITS, BLOCK_SIZE
from segments.engine.live.changes import Codes
from segments.engine.live.holdings import changes_to, codes_held
from segments.engine.live.rooms import Hold
from segments.engine.live.sets import grown_entries
from segments.engine.live.versions import changed
from segments.engine.numbers import NumberColumn, no_frames
from segments.engine.sets import SetColumn
from segments.engine.threads import Threads

Blocks = npt.NDArray[np.int64]
Column = SetColumn | NumberColumn


def related(before: Column, after: Column) -> bool:
    """Whether one version was made of the other without a new arena: only then they can be compared by their blocks."""
    if type(before) is not type(after):
        return False
    rooms = [each.hold.room if isinstance(each.hold, Hold) else each for each in (before, after)]
    return rooms[0] is rooms[1]


def moved_blocks(before: Column, after: Column) -> Blocks:
    """The blocks, ascending, in which versions that are related may differ: whatever is the same is at the same place.

    Whoever compares them holds both, so nothing of either has been written over.
    """
    blocks = max(before.blocks, after.blocks)
    if isinstance(before, NumberColumn):
        assert isinstance(after, NumberColumn)
        moved = _differ(before.knowns, after.knowns, blocks)
        frames = [no_frames(blocks), no_frames(blocks)]
        for padded, column in zip(frames, (before, after), strict=True):
            padded[: column.blocks] = column.frames
        return np.flatnonzero(moved | (frames[0] != frames[1]).any(axis=1))
    assert isinstance(after, SetColumn)
    return np.flatnonzero(_differ(before, after, blocks))


def caught_up(settled: Column, before: Column, after: Column, threads: Threads) -> tuple[Column, Blocks]:
    """What `after` says, as a version of `settled`, which says what `before` did; with the blocks that moved."""
    moved = moved_blocks(before, after)
    values = after.values if isinstance(after, SetColumn) else 0
    for block in moved.tolist():
        persons = np.arange(BLOCK_SIZE, dtype=np.int64) + (block << BLOCK_BITS)
        changes = changes_to(settled, persons, codes_held(after, persons))
        settled = changed(settled, changes, threads, values)
    if len(moved) == 0 and values:
        nobody = np.zeros(0, np.int64)
        settled = changed(settled, changes_to(settled, nobody, Codes(nobody, nobody)), threads, values)
    return settled, moved


def _differ(before: SetColumn, after: SetColumn, blocks: int) -> npt.NDArray[np.bool_]:
    values = max(before.values, after.values)
    entries = [grown_entries(each, values, blocks) for each in (before, after)]
    return np.asarray((entries[0] != entries[1]).any(axis=0))
