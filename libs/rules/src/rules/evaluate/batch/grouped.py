"""Grouped aggregates of a batch of persons: a number for every value of a property, in one pass over the rows."""

from collections.abc import Iterator
from typing import Any

from rules.errors import NumberOverflow
from rules.evaluate.meaning import Scalar
from rules.evaluate.person.interpreter import truth
from rules.grouping import Reading, reading, weights
from rules.schema import EventType
from rules.tree import Function, Grouped, Property
from rules.values import SCALE, divide_half_even, in_range

from .rows import RowReader

Group = tuple[Scalar, int, int]
"""key, number (scaled), how many distinct events made it."""


class _Gathered:
    """The rows of one person and key: day by event, values beside days."""

    __slots__ = ("days", "values")

    def __init__(self) -> None:
        self.days: dict[int, int] = {}
        self.values: list[tuple[int, int]] = []


def groups_of(node: Grouped, reader: RowReader, count: int) -> tuple[list[list[Group]], frozenset[int]]:
    """Each person's groups in order of the key, and the slots of persons whose numbers overflowed."""
    if (counted := _counted(node, reader, count)) is not None:
        return counted, frozenset()
    gathered: list[dict[Any, _Gathered]] = [{} for _ in range(count)]
    failed: set[int] = set()
    for slot, place, key, value in _rows(node, reader, failed):
        of_key = gathered[slot].get(key)
        if of_key is None:
            of_key = gathered[slot][key] = _Gathered()
        day = reader.day(place)
        of_key.days[place] = day
        of_key.values.append((day, value))
    found: list[list[Group]] = []
    for slot, by_key in enumerate(gathered):
        try:
            found.append(
                [(key, _number(node, by_key[key], reader), len(by_key[key].days)) for key in sorted(by_key)]
            )
        except NumberOverflow:
            failed.add(slot)
            found.append([])
    return found, frozenset(failed)


def _counted(node: Grouped, reader: RowReader, count: int) -> list[list[Group]] | None:
    """As `groups_of`, of a COUNT by what stands in the event itself: each event is one row. None for all others."""
    aggregate = node.aggregate
    type_ = reader.event_type(aggregate.event)
    read = reading(node, type_)
    is_plain = not read.walked and aggregate.where is None and read.value is None
    if aggregate.function is not Function.COUNT or not is_plain or not reader.is_plain(type_, read.by.path):
        return None
    half_life, name, events = node.half_life_days, read.by.path[0], reader.rows.events
    places = reader.within(type_, aggregate.window)
    found: list[dict[Any, list[int]]] = [{} for _ in range(count)]
    for slot, place in zip(reader.rows.owners[places].tolist(), places.tolist(), strict=True):
        key = events[place].properties.get(name)
        if key is None:
            continue
        weight = SCALE if half_life is None else _weight(half_life, reader.day(place), reader)
        of_key = found[slot].get(key)
        if of_key is None:
            found[slot][key] = [weight, 1]
        else:
            of_key[0] += weight
            of_key[1] += 1
    return [[(key, *by_key[key]) for key in sorted(by_key)] for by_key in found]


def _rows(node: Grouped, reader: RowReader, failed: set[int]) -> Iterator[tuple[int, int, Any, int]]:
    """(slot, place, key, value) of every row that counts; the value of COUNT and DAYS is 0."""
    aggregate = node.aggregate
    type_ = reader.event_type(aggregate.event)
    read = reading(node, type_)
    is_plain = not read.walked and aggregate.where is None and reader.is_plain(type_, read.by.path)
    owners, events = reader.rows.owners, reader.rows.events
    for place in reader.within(type_, aggregate.window).tolist():
        slot = int(owners[place])
        if is_plain and read.value is None:
            key = events[place].properties.get(read.by.path[0])
            if key is not None:
                yield slot, place, key, 0
            continue
        try:
            yield from _of_event(node, read, type_, reader, slot, place)
        except NumberOverflow:
            failed.add(slot)


def _of_event(
    node: Grouped, read: Reading, type_: EventType, reader: RowReader, slot: int, place: int
) -> Iterator[tuple[int, int, Any, int]]:
    scope, where, by = reader.scope(type_, place), node.aggregate.where, read.by
    value: Property | None = read.value
    for row in scope.each_line(read.walked) if read.walked else [scope]:
        if where is not None and not truth(where, row):
            continue
        key = row.read(by)
        number: Any = row.read(value) if value is not None else 0
        if key is not None and number is not None:
            yield slot, place, key, number


def _number(node: Grouped, rows: _Gathered, reader: RowReader) -> int:
    """Raises NumberOverflow."""
    half_life = node.half_life_days
    match node.aggregate.function:
        case Function.COUNT:
            number = sum(_weight(half_life, day, reader) for day in rows.days.values())
        case Function.DAYS:
            number = sum(_weight(half_life, day, reader) for day in set(rows.days.values()))
        case _ if half_life is None:
            number = sum(value for _, value in rows.values)
        case _:
            weighted = sum(value * _weight(half_life, day, reader) for day, value in rows.values)
            number = divide_half_even(weighted, SCALE)
    return in_range(number)


def _weight(half_life_days: int | None, day: int, reader: RowReader) -> int:
    """Scaled; a day in the future counts as today."""
    if half_life_days is None:
        return SCALE
    by_age = weights(half_life_days)
    age = max(reader.today - day, 0)
    return by_age[age] if age < len(by_age) else 0
