"""New versions of columns of numbers."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from segments.engine.arenas import address_of
from segments.engine.compiled import kernel
from segments.engine.containers import BLOCK_SIZE, CARDINALITY_MASK, CARDINALITY_SHIFT
from segments.engine.live.changes import Changes, flips_of
from segments.engine.live.frames import change_frames
from segments.engine.live.rooms import room_of
from segments.engine.live.sets import MOVE, failure, flipped, grown
from segments.engine.numbers import NUMBER_PAGES, NumberColumn, no_frames

Numbers = npt.NDArray[np.int64]


def changed_numbers(column: NumberColumn, changes: Changes) -> NumberColumn:
    """The version after the changes; the one before goes on to answer as it did.

    A number within a block's frame is written into copies of its pages; for any other the block's are all written anew.
    Raises Misfit when the changes are not of this column, NoRoom when its arena is used up; nothing has changed then.
    """
    room, hold = room_of(column.hold, column)
    blocks = max(changes.blocks, column.blocks)
    changed = _lasts(changes)
    knowns = flipped(column.knowns, flips_of(changes, 0, 0), 0, blocks)
    counts = (knowns.entries[0] >> CARDINALITY_SHIFT) & CARDINALITY_MASK
    before = no_frames(blocks)
    before[: column.blocks] = column.frames
    olds = grown(column.knowns.entries[0], blocks, 0)
    frames = before.copy()
    moves = np.empty((min(blocks, changed.shape[1]) * NUMBER_PAGES, MOVE), np.int64)
    spare = np.empty((4, BLOCK_SIZE), np.int64)
    with room.lock:
        room.begin(hold)
        status = change_frames(
            changed,
            before,
            frames,
            olds,
            address_of(column.knowns.words),
            counts,
            room.state,
            address_of(room.words),
            moves,
            spare,
        )
        if status:
            room.undo(moves)
            raise failure(status)
        return replace(column, frames=frames, knowns=knowns, hold=room.end(hold, moves))


def _lasts(changes: Changes) -> Numbers:
    """int64 [3, persons]: each person once, ascending; 1 for those who have a number at last; which."""
    order = np.argsort(changes.persons, kind="stable")
    counts = changes.after.counts
    lasts = np.empty((3, len(order)), np.int64)
    count = _last(order, changes.persons, counts, np.cumsum(counts) - counts, changes.after.codes, lasts)
    return np.ascontiguousarray(lasts[:, :count])


@kernel
def _last(
    order: Numbers, persons: Numbers, counts: Numbers, starts: Numbers, codes: Numbers, lasts: Numbers
) -> int:
    count = 0
    for place in range(len(order)):
        each = order[place]
        if place + 1 < len(order) and persons[order[place + 1]] == persons[each]:
            continue
        known = counts[each] > 0
        lasts[0, count], lasts[1, count] = persons[each], 1 if known else 0
        lasts[2, count] = codes[starts[each]] if known else 0
        count += 1
    return count
