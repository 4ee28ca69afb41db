"""Grouped aggregates of everybody: a number for every person and value of a property."""

from dataclasses import dataclass

import numpy as np

from rules.evaluate.setting import Setting
from rules.grouping import reading, weights
from rules.schema import EventType
from rules.tree import Function, Grouped
from rules.values import SCALE

from .columns import EPOCH, Bools, Column, EventTable, Ints, Numbers
from .exact import fitting, half_even, run_flags
from .local_days import local_days
from .passes import passes_of
from .rows import RowReader, Rows

_SAFE = 2**62


@dataclass(frozen=True)
class GroupRows:
    """One row per person and key, in order of the person.

    owners  the slot of the person
    keys    the value that the group is of
    numbers scaled; events: how many distinct events made it
    """

    owners: Numbers
    keys: Column
    numbers: Ints
    events: Ints


def grouped(
    node: Grouped, type_: EventType, reader: RowReader, table: EventTable, setting: Setting
) -> GroupRows:
    """The groups of everybody. Raises NumberOverflow, UnsupportedNode."""
    aggregate = node.aggregate
    read = reading(node, type_)
    reads = [read.by] if read.value is None else [read.by, read.value]
    rows = reader.rows(aggregate.window, aggregate.where, read.walked, reads)
    keys = rows.values[0]
    if not len(rows.owners):
        nothing = np.zeros(0, np.int64)
        return GroupRows(rows.owners, keys, nothing, nothing)
    passes = passes_of(table)
    order = _by_key(rows.owners, keys.data) if passes is None else passes.by_code(rows.owners, keys.data)
    owners, codes, places = rows.owners, keys.data[order], rows.places[order]  # persons stay together
    begins = run_flags(owners) | run_flags(codes)
    starts = np.flatnonzero(begins)
    # Lines of one event stand together within a group: the order is stable.
    events = begins | run_flags(places)
    numbers = _numbers(node, rows, order, starts, events, table, setting)
    return GroupRows(
        owners[starts],
        Column(keys.kind, np.ones(len(starts), np.bool_), codes[starts], keys.texts),
        fitting(numbers),
        np.add.reduceat(events.astype(np.int64), starts),
    )


def _by_key(owners: Numbers, codes: Numbers) -> Ints:
    """The stable order by person and key."""
    low, high = int(codes.min()), int(codes.max())
    if (int(owners[-1]) + 1) * (high - low + 1) < _SAFE:
        both = owners.astype(np.int64) * (high - low + 1) + (codes.astype(np.int64) - low)
        return np.argsort(both, kind="stable")
    return np.lexsort((codes, owners))


def _numbers(
    node: Grouped,
    rows: Rows,
    order: Ints,
    starts: Ints,
    events: Bools,
    table: EventTable,
    setting: Setting,
) -> Numbers:
    """Each group's number."""
    dated = node.aggregate.function is Function.DAYS or node.half_life_days is not None
    days = local_days(table.times[rows.places[order]], setting) if dated else np.zeros(0, np.int64)
    weight: Numbers = _weights(node.half_life_days, days, setting)
    match node.aggregate.function:
        case Function.COUNT:
            return np.add.reduceat(np.where(events, weight, 0), starts)
        case Function.DAYS:
            return np.add.reduceat(np.where(_first_of_days(days, starts), weight, 0), starts)
    values = rows.values[1].data[order]
    largest = max(abs(int(values.max())), abs(int(values.min())), 1)
    longest = int(np.diff(np.append(starts, len(values))).max())
    wide = values if largest * SCALE * 2 * longest < _SAFE else values.astype(object)
    if node.half_life_days is None:
        return np.add.reduceat(wide, starts)
    return half_even(np.add.reduceat(wide * weight, starts), SCALE)


def _first_of_days(days: Ints, starts: Ints) -> Bools:
    """Of rows by group: which is the first of its day in its group. Events of a group are in order of time, but a
    tenant's clock may go back over midnight."""
    begins = np.zeros(len(days), np.bool_)
    begins[starts] = True
    if not bool(np.any((days[1:] < days[:-1]) & ~begins[1:])):
        return begins | run_flags(days)
    groups = np.cumsum(begins)
    order = np.lexsort((days, groups))
    first = run_flags(groups[order]) | run_flags(days[order])
    found = np.zeros(len(days), np.bool_)
    found[order[first]] = True
    return found


def _weights(half_life_days: int | None, days: Ints, setting: Setting) -> Numbers:
    """Of each row, scaled; a day in the future counts as today."""
    if half_life_days is None:
        return np.array([SCALE], np.int64)
    by_age = np.array([*weights(half_life_days), 0], np.int64)
    ages = np.maximum((setting.today - EPOCH.date()).days - days, 0)
    return by_age[np.minimum(ages, len(by_age) - 1)]
