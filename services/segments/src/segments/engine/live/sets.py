"""New versions of columns of value sets."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from segments.engine.arenas import address_of, aligned
from segments.engine.containers import BLOCK_WORDS
from segments.engine.live.changes import Changes, Misfit, flips_of
from segments.engine.live.flips import flip_codes, flip_rows
from segments.engine.live.rooms import NO_ROOM, NoRoom, room_of
from segments.engine.sets import CODE_PAGES, NARROW_MOST, SetColumn

Numbers = npt.NDArray[np.int64]
MOVE = 4


def changed_sets(column: SetColumn, changes: Changes, values: int = 0) -> SetColumn:
    """The version after the changes; the one before goes on to answer as it did.

    `values`  how many values the column has from now on, at least those that it had; 0: as many as before

    Raises Misfit when the changes are not of this column, NoRoom when its arena is used up; nothing has changed then.
    """
    values = max(values, column.values)
    return flipped(column, flips_of(changes, values, values), values, max(changes.blocks, column.blocks))


def flipped(column: SetColumn, flips: Numbers, values: int, blocks: int) -> SetColumn:
    """The version after persons entered and left rows; see `flips_of`. Errors as of `changed_sets`."""
    room, hold = room_of(column.hold, column)
    codes = None
    if column.codes is not None and (column.wide or values <= NARROW_MOST):
        codes = grown(column.codes, blocks, -1)
    with room.lock:
        room.begin(hold)
        entries = grown_entries(column, values, blocks)
        pages = 0 if codes is None else min(blocks, len(flips)) * CODE_PAGES
        moves = np.empty((len(flips) + pages, MOVE), np.int64)
        arena, scratch = address_of(room.words), aligned(BLOCK_WORDS)
        status = flip_rows(flips, entries, room.state, arena, moves, address_of(scratch))
        if status == 0 and codes is not None:
            before = codes.copy()
            status = flip_codes(flips, values, column.wide, before, codes, room.state, arena, moves)
        if status:
            room.undo(moves)
            raise failure(status)
        return replace(column, entries=entries, codes=codes, hold=room.end(hold, moves))


def failure(status: int) -> Exception:
    """Of a kernel that did not return 0."""
    if status == NO_ROOM:
        return NoRoom("the arena of the column is used up")
    return Misfit("changes of persons who do not have the values that they are said to have had")


def grown(table: Numbers, blocks: int, missing: int) -> Numbers:
    """A copy with more rows, one for each block."""
    found = np.full((blocks, *table.shape[1:]), missing, np.int64)
    found[: len(table)] = table
    return found


def grown_entries(column: SetColumn, values: int, blocks: int) -> Numbers:
    """A copy of the entries with rows for so many values, and columns for so many blocks."""
    if values == column.values and blocks == column.blocks:
        return column.entries.copy()
    entries = np.zeros((values + 1, blocks), np.int64)
    entries[: column.values, : column.blocks] = column.entries[:-1]
    entries[values, : column.blocks] = column.entries[-1]
    return entries
