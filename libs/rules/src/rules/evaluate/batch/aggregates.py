"""Aggregates of a batch of persons: one pass over arrays instead of one over each person's events."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rules.errors import NumberOverflow
from rules.evaluate.meaning import Value
from rules.evaluate.person.aggregates import aggregate
from rules.evaluate.person.facts import Person, ReferenceRows
from rules.evaluate.reversal import reversals
from rules.schema import EventType
from rules.tree import Aggregate, Condition, Function
from rules.values import SCALE, divide_half_even, in_range

from .rows import Ints, RowReader, Rows

DAY_US = 86_400_000_000


class Overflowed:
    """Stands for a value that does not fit."""


OVERFLOWED = Overflowed()
Found = Value | None | Overflowed


def aggregated(
    node: Aggregate, reader: RowReader, persons: Sequence[Person], tables: ReferenceRows
) -> list[Found]:
    """The aggregate's value of each person."""
    type_ = reader.event_type(node.event)
    if node.function is Function.STREAK:
        return [_by_referee(node, each, reader, tables) for each in persons]
    count = len(persons)
    if node.function in (Function.COUNT, Function.DAYS, Function.GAP) and node.property is None:
        rows = reader.of_events(type_, node.window, node.where)
        found = _of_events(node.function, rows, reader, count)
    else:
        rows = _valued(node, type_, node.where, reader)
        if node.net:
            found, rows = _net(node, rows, reader, count)
        else:
            found = _of_values(node, rows, count)
    for slot in rows.failed:
        found[slot] = OVERFLOWED
    return found


def _by_referee(node: Aggregate, person: Person, reader: RowReader, tables: ReferenceRows) -> Found:
    try:
        return aggregate(node, person.events, tables, reader.setting).value
    except NumberOverflow:
        return OVERFLOWED


def _valued(node: Aggregate, type_: EventType, where: Condition | None, reader: RowReader) -> Rows:
    path = node.property.path if node.property else ("time",)
    first = type_.property(path[0])
    if first is not None and first.fields and len(path) > 1:
        return reader.of_lines(type_, node.window, where, path)
    return reader.of_property(type_, node.window, where, path)


def _of_events(function: Function, rows: Rows, reader: RowReader, count: int) -> list[Found]:
    if function is Function.COUNT:
        return _scaled(np.bincount(rows.owners, minlength=count))
    if function is Function.DAYS:
        pairs = {
            (owner, reader.day(place))
            for owner, place in zip(rows.owners.tolist(), rows.places.tolist(), strict=True)
        }
        return _scaled(np.bincount(np.array([owner for owner, _ in pairs], np.int64), minlength=count))
    found: list[Found] = [None] * count
    times = reader.rows.times[rows.places]
    for owner, start, end in _runs(rows.owners):
        if end - start > 1:
            elapsed = int(times[end - 1] - times[start])
            found[owner] = divide_half_even(elapsed * SCALE, (end - start - 1) * DAY_US)
    return found


def _of_values(node: Aggregate, rows: Rows, count: int) -> list[Found]:
    values = rows.values
    match node.function:
        case Function.SUM:
            return _fitting(_sums(rows, count))
        case Function.DISTINCT:
            pairs = set(zip(rows.owners.tolist(), values, strict=True))
            return _scaled(np.bincount(np.array([owner for owner, _ in pairs], np.int64), minlength=count))
    found: list[Found] = [None] * count
    for owner, start, end in _runs(rows.owners):
        match node.function:
            case Function.FIRST:
                found[owner] = values[start]
            case Function.LAST:
                found[owner] = values[end - 1]
            case Function.NTH:
                place = start + (node.index or 1) - 1
                found[owner] = values[place] if place < end else None
            case Function.MIN:
                found[owner] = min(values[start:end])
            case Function.MAX:
                found[owner] = max(values[start:end])
            case Function.AVG:
                average = divide_half_even(sum(values[start:end]), end - start)
                found[owner] = _fitting([average])[0]
            case _:
                raise AssertionError(f"{node.function} reads no value")
    return found


def _net(node: Aggregate, paid: Rows, reader: RowReader, count: int) -> tuple[list[Found], Rows]:
    """SUM minus what reverses it; the rows with everybody who failed in either."""
    sums, failed = _sums(paid, count), paid.failed
    for type_, where in reversals(node, reader.setting.schema):
        back = _valued(node, type_, where, reader)
        failed |= back.failed
        sums = [each - other for each, other in zip(sums, _sums(back, count), strict=True)]
    return _fitting(sums), Rows(paid.places, paid.owners, paid.values, failed)


def _sums(rows: Rows, count: int) -> list[int]:
    """Exact, whatever their size."""
    sums = [0] * count
    for owner, value in zip(rows.owners.tolist(), rows.values, strict=True):
        sums[owner] += value
    return sums


def _fitting(numbers: Sequence[int]) -> list[Found]:
    found: list[Found] = []
    for each in numbers:
        try:
            found.append(in_range(each))
        except NumberOverflow:
            found.append(OVERFLOWED)
    return found


def _scaled(counts: Any) -> list[Found]:
    found: list[Found] = (counts * SCALE).tolist()
    return found


def _runs(owners: Ints) -> list[tuple[int, int, int]]:
    """(owner, start, end) of the rows of each person that has any; rows of one person stand together."""
    if not len(owners):
        return []
    starts = np.flatnonzero(np.concatenate((np.ones(1, np.bool_), owners[1:] != owners[:-1])))
    ends = np.append(starts[1:], len(owners))
    return list(zip(owners[starts].tolist(), starts.tolist(), ends.tolist(), strict=True))
