"""Versions of columns of either kind: the next one by changes, and the same one anew."""

import sys
from typing import TypeVar, cast

from segments.engine.live.changes import Changes
from segments.engine.live.compaction import compacted_numbers, compacted_sets, slack_of
from segments.engine.live.numbers import changed_numbers
from segments.engine.live.rooms import Hold, NoRoom
from segments.engine.live.sets import changed_sets
from segments.engine.numbers import NumberColumn
from segments.engine.sets import SetColumn
from segments.engine.threads import Cancellation, Threads

Column = TypeVar("Column", bound=SetColumn | NumberColumn)


def changed(column: Column, changes: Changes, threads: Threads, values: int = 0) -> Column:
    """The version after the changes; the one before goes on to answer as it did.

    `values`  how many values a column of sets has from now on, 0: as many as before; of numbers it says nothing

    A column whose arena is used up, or has no room behind it, is built anew first. Raises Misfit when the changes are
    not of this column, ValueError when a later version was made and given up; nothing has changed then.
    """
    if len(changes) == 0 and values <= _values(column):
        return column
    if not isinstance(column.hold, Hold):
        column = compacted(column, threads)
    least = 0
    while True:
        try:
            return _changed(column, changes, values)
        except NoRoom:
            column = compacted(column, threads, least=least)
            least = 2 * max(least, slack_of(_arena_bytes(column) // 8))


def compacted(
    column: Column, threads: Threads, cancellation: Cancellation | None = None, least: int = 0
) -> Column:
    """The same values, each container in its smallest form, in an arena of its own with at least `least` words left.

    Raises Cancelled.
    """
    if isinstance(column, NumberColumn):
        return cast(Column, compacted_numbers(column, threads, cancellation, least))
    return cast(Column, compacted_sets(column, threads, cancellation, least))


def is_crowded(column: SetColumn | NumberColumn) -> bool:
    """Is more than half of the room behind the column used?"""
    rooms = [column.hold] + ([column.knowns.hold] if isinstance(column, NumberColumn) else [])
    return any(isinstance(each, Hold) and each.room.written > each.room.left for each in rooms)


def footprint(column: SetColumn | NumberColumn) -> int:
    """Bytes that a column takes at most, of memory or of a mapped file: without the room that no version ever used."""
    if isinstance(column, NumberColumn):
        return column.frames.nbytes + _arena_bytes(column) + footprint(column.knowns)
    codes = 0 if column.codes is None else column.codes.nbytes
    return column.entries.nbytes + codes + _arena_bytes(column)


def _arena_bytes(column: SetColumn | NumberColumn) -> int:
    if isinstance(column.hold, Hold):
        return 8 * (column.hold.room.base + column.hold.room.written)
    return column.words.nbytes


def _changed(column: Column, changes: Changes, values: int) -> Column:
    if isinstance(column, NumberColumn):
        return cast(Column, changed_numbers(column, changes))
    return cast(Column, changed_sets(column, changes, values))


def _values(column: SetColumn | NumberColumn) -> int:
    return column.values if isinstance(column, SetColumn) else sys.maxsize
