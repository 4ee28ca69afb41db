"""Aggregates of everybody: rows that stand together by person become one value each."""

from collections.abc import Callable

import numpy as np

from rules.evaluate.reversal import reversals
from rules.evaluate.setting import Setting
from rules.schema import EventType
from rules.tree import Aggregate, Condition, Function, Property, Unit
from rules.values import SCALE, Kind

from .columns import Column, EventTable, Ints, Numbers, code_ranks
from .exact import fitting, half_even, run_flags, run_starts, sums
from .local_days import DAY_US, local_days
from .passes import passed_over
from .rows import RowReader, Rows, walked_list

_OF_EVENTS = {Function.COUNT, Function.DAYS, Function.GAP, Function.STREAK}
Reader = Callable[[EventType], RowReader]
Table = Callable[[EventType], EventTable]


def aggregated(
    node: Aggregate, type_: EventType, reader: Reader, table: Table, setting: Setting, count: int
) -> Column:
    """The aggregate's value of each slot. Raises NumberOverflow, UnsupportedNode."""
    found = passed_over(node, table(type_), reader(type_), setting, count)
    if found is not None:
        return found
    if node.function in _OF_EVENTS and node.property is None:
        rows = reader(type_).rows(node.window, node.where)
        return _of_events(node, rows, table(type_).times, setting, count)
    if node.function is Function.SUM:
        total = _summed(_valued(node, type_, node.where, reader), count)
        for reversal, where in reversals(node, setting.schema):
            total = total.astype(object) - _summed(_valued(node, reversal, where, reader), count)
        return Column(Kind.NUMBER, np.ones(count, np.bool_), fitting(total))
    rows = _valued(node, type_, node.where, reader)
    return _of_values(node, rows.owners, rows.values[0], count)


def _valued(node: Aggregate, type_: EventType, where: Condition | None, reader: Reader) -> Rows:
    path = node.property.path if node.property else ("time",)
    walked = walked_list(type_, path)
    return reader(type_).rows(node.window, where, walked, [Property(path[1:] if walked else path)])


def _summed(rows: Rows, count: int) -> Numbers:
    return sums(rows.owners, rows.values[0].data, count)


def _of_events(node: Aggregate, rows: Rows, times: Ints, setting: Setting, count: int) -> Column:
    """What counts the events themselves."""
    owners = rows.owners
    match node.function:
        case Function.COUNT:
            return _counted(np.bincount(owners, minlength=count))
        case Function.DAYS:
            return _counted(_distinct(owners, local_days(times[rows.places], setting), count))
        case Function.GAP:
            return _gaps(owners, times[rows.places], count)
    stretches = _stretches(local_days(times[rows.places], setting), node.unit, setting)
    return _counted(_longest(owners, stretches, count))


def _counted(counts: Numbers) -> Column:
    return Column(Kind.NUMBER, np.ones(len(counts), np.bool_), counts.astype(np.int64) * SCALE)


def _distinct(owners: Numbers, values: Ints, count: int) -> Numbers:
    """How many distinct values each person has."""
    owners, values = _in_order(owners, values)
    if not len(owners):
        return np.zeros(count, np.int64)
    return np.bincount(owners[run_flags(owners) | run_flags(values)], minlength=count)


def _in_order(owners: Numbers, values: Ints) -> tuple[Numbers, Ints]:
    """By person, then by value. Values that are in order already cost one look."""
    if len(owners) > 1 and bool(np.any((values[1:] < values[:-1]) & (owners[1:] == owners[:-1]))):
        order = np.lexsort((values, owners))
        return owners[order], values[order]
    return owners, values


def _gaps(owners: Numbers, times: Ints, count: int) -> Column:
    """Mean days of 24 hours from one event to the next, half to even; unknown of fewer than two."""
    known, found = np.zeros(count, np.bool_), np.zeros(count, np.int64)
    if len(owners):
        starts = run_starts(owners)
        ends = np.append(starts[1:], len(owners))
        several = ends - starts > 1
        slots, starts, ends = owners[starts[several]], starts[several], ends[several]
        elapsed = times[ends - 1] - times[starts]
        wide = (
            elapsed
            if len(elapsed) == 0 or int(elapsed.max()) < 2**62 // (2 * SCALE)
            else elapsed.astype(object)
        )
        known[slots] = True
        found[slots] = fitting(half_even(wide * SCALE, (ends - starts - 1) * DAY_US))
    return Column(Kind.NUMBER, known, found)


def _stretches(days: Ints, unit: Unit | None, setting: Setting) -> Ints:
    """The number of the day, of the tenant's week or of the month: those that follow each other differ by 1."""
    match unit:
        case Unit.WEEK:  # 1970-01-01 was a Thursday
            return (days + 4 - setting.calendar.week_start) // 7
        case Unit.MONTH:
            return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return days


def _longest(owners: Numbers, numbers: Ints, count: int) -> Numbers:
    """How many whole numbers of each person follow each other, at most."""
    found = np.zeros(count, np.int64)
    owners, numbers = _in_order(owners, numbers)
    if len(owners):
        first = run_flags(owners) | run_flags(numbers)
        owners, numbers = owners[first], numbers[first]
        begins = run_flags(owners)
        begins[1:] |= numbers[1:] != numbers[:-1] + 1
        starts = np.flatnonzero(begins)
        np.maximum.at(found, owners[starts], np.diff(np.append(starts, len(owners))))
    return found


def _of_values(node: Aggregate, owners: Numbers, values: Column, count: int) -> Column:
    """What reads the events' property or time; the values are known."""
    if node.function is Function.DISTINCT:
        return _counted(_distinct(owners, values.data.astype(np.int64), count))
    if node.function is Function.AVG:
        return _averages(owners, values.data, count)
    known = np.zeros(count, np.bool_)
    found = np.zeros(count, np.int64)
    if len(owners):
        starts = run_starts(owners)
        ends = np.append(starts[1:], len(owners))
        places = _deciding(node, values, starts, ends)
        has = (places >= starts) & (places < ends)
        slots = owners[starts[has]]
        known[slots] = True
        found[slots] = values.data[places[has]]
    return Column(values.kind, known, found, values.texts)


def _deciding(node: Aggregate, values: Column, starts: Ints, ends: Ints) -> Ints:
    """The row that decides for each person; beyond the end when there is none."""
    match node.function:
        case Function.FIRST:
            return starts
        case Function.LAST:
            return ends - 1
        case Function.NTH:
            return starts + (node.index or 1) - 1
    ranks, _ = code_ranks(values, values)
    owners = np.repeat(np.arange(len(starts)), ends - starts)
    order = np.lexsort((ranks, owners))
    found: Ints = order[starts if node.function is Function.MIN else ends - 1]
    return found


def _averages(owners: Numbers, values: Numbers, count: int) -> Column:
    """Half to even; unknown without values."""
    counts = np.bincount(owners, minlength=count)
    known = counts > 0
    totals = sums(owners, values, count)
    if totals.dtype != object and len(totals) and int(np.abs(totals).max()) > 2**61:
        totals = totals.astype(object)
    return Column(Kind.NUMBER, known, fitting(half_even(totals, np.maximum(counts, 1))))
