"""One pass over the events of one type for many aggregates: a GROUP BY person with filtered aggregates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from rules.evaluate.reversal import reversals
from rules.evaluate.setting import Setting
from rules.schema import EventType
from rules.tree import Aggregate, Condition, Function, Property, Unit
from rules.values import SCALE
from rules.windows import Interval, interval

from . import exact, local_time
from .compiler import balanced, truth
from .rows import LOCAL, EventColumns, EventRows, bounds, walked_list
from .source import TableSource

if TYPE_CHECKING:
    import ibis.expr.types as ir

MAX_TERMS = 200  # of one pass; beyond, planning costs more than a second pass


class Measure(Enum):
    ROWS = auto()
    DAYS = auto()
    KNOWN = auto()
    SUM = auto()
    MIN = auto()
    MAX = auto()
    DISTINCT = auto()
    FIRST = auto()
    LAST = auto()
    NTH = auto()
    STREAK = auto()


@dataclass(frozen=True, slots=True)
class Pass:
    """What is scanned: an event type, or the lines of its list of records `walked`."""

    event: str
    walked: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """One aggregate column of a pass: a measure of the rows that satisfy `where` in `within`.

    path: of the value, within the row; () is the event's time. index: of NTH; unit: of STREAK.
    """

    scan: Pass
    measure: Measure
    path: tuple[str, ...]
    where: Condition | None
    within: Interval
    index: int = 0
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an aggregate is made: its terms and what to do with their columns, given in the same order."""

    terms: tuple[Term, ...]
    combine: Any


def recipe(node: Aggregate, setting: Setting) -> Recipe:
    """The terms an aggregate needs. `combine` takes their columns (null where a person has no rows)."""
    type_ = _event_type(setting, node.event)
    within = interval(node.window, setting.as_of, setting.calendar)

    def term(measure: Measure) -> Term:
        path = node.property.path if node.property else ()
        walked = walked_list(type_, path)
        inner = path[1:] if walked else path
        return Term(Pass(type_.name, walked), measure, inner, node.where, within)

    match node.function:
        case Function.COUNT:
            return Recipe((term(Measure.ROWS),), lambda count: _or_zero(count) * SCALE)
        case Function.DAYS:
            return Recipe((term(Measure.DAYS),), lambda count: _or_zero(count) * SCALE)
        case Function.DISTINCT:
            return Recipe((term(Measure.DISTINCT),), lambda count: _or_zero(count) * SCALE)
        case Function.SUM:
            back = reversals(node, setting.schema)
            terms = [replace(term(Measure.SUM), scan=Pass(each.name), where=where) for each, where in back]
            return Recipe((term(Measure.SUM), *terms), _net)
        case Function.AVG:
            return Recipe((term(Measure.SUM), term(Measure.KNOWN)), exact.half_even)
        case Function.MIN | Function.MAX | Function.FIRST | Function.LAST:
            return Recipe((term(Measure[node.function.name]),), lambda found: found)
        case Function.NTH:
            return Recipe((replace(term(Measure.NTH), index=node.index or 1),), lambda found: found)
        case Function.STREAK:
            return Recipe(
                (replace(term(Measure.STREAK), unit=node.unit),), lambda count: _or_zero(count) * SCALE
            )
        case Function.GAP:
            return Recipe((term(Measure.MIN), term(Measure.MAX), term(Measure.ROWS)), _gap)


def _gap(first: Any, last: Any, count: Any) -> Any:
    """Mean days of 24 hours from one event to the next; unknown of fewer than two."""
    elapsed = exact.product_128(exact.microseconds(last) - exact.microseconds(first), SCALE)
    return exact.half_even(elapsed, (count - 1) * local_time.DAY_US)


def _or_zero(number: Any) -> Any:
    return number.fill_null(0)


def _net(gained: Any, *given_back: Any) -> Any:
    """In 128 bits until the end."""
    result = _or_zero(gained)
    for each in given_back:
        result = result - _or_zero(each)
    return exact.int64(result)


def _event_type(setting: Setting, name: str) -> EventType:
    found = setting.schema.event(name)
    if found is None:
        raise LookupError(f"no event type '{name}'; evaluate a rule checked against this schema")
    return found


def scan(source: TableSource, setting: Setting, terms: Sequence[Term], names: Sequence[str]) -> "ir.Table":
    """(person_id, one column per term): the persons with an event in any of the terms' windows.

    All terms are of one pass. Each WHERE, window and value is computed once however many terms share it.
    """
    first = terms[0].scan
    type_ = _event_type(setting, first.event)
    conditions = list(dict.fromkeys(each.where for each in terms if each.where is not None))
    paths = list(dict.fromkeys(each.path for each in terms))
    days = any(each.measure in (Measure.DAYS, Measure.STREAK) for each in terms)
    rows = EventRows(source, setting, type_, first.walked).columns(conditions, paths, _hull(terms), days=days)
    wheres = {each: f"$where.{number}" for number, each in enumerate(conditions)}
    windows = {each: f"$within.{n}" for n, each in enumerate(dict.fromkeys(t.within for t in terms))}
    values = {each: f"$value.{number}" for number, each in enumerate(paths)}
    flat = rows.rows.select(
        "person_id",
        "time",
        "ingest_seq",
        **({"$day": exact.floor_divide(rows.rows[LOCAL], local_time.DAY_US)} if days else {}),
        **{name: truth(each, rows) for each, name in wheres.items()},
        **{name: balanced(_and, bounds(rows.rows, each)) for each, name in windows.items()},
        **{name: _value(each, rows) for each, name in values.items()},
    )
    columns = {}
    for name, term in zip(names, terms, strict=True):
        chosen = [flat[windows[term.within]]] + ([flat[wheres[term.where]]] if term.where is not None else [])
        columns[name] = _column(term, flat, flat[values[term.path]], balanced(_and, chosen), setting)
    return flat.group_by("person_id").agg(**columns)


def _and(left: Any, right: Any) -> Any:
    return left & right


def _hull(terms: Sequence[Term]) -> Interval:
    starts = [each.within.start for each in terms]
    known = [each for each in starts if each is not None]
    start = min(known) if len(known) == len(starts) else None
    return Interval(start, max(each.within.end for each in terms))


def _value(path: tuple[str, ...], rows: EventColumns) -> Any:
    return rows.read(Property(path)) if path else rows.rows.time


def _column(term: Term, flat: "ir.Table", value: Any, chosen: Any, setting: Setting) -> Any:
    known = chosen & value.notnull()
    match term.measure:
        case Measure.ROWS:
            return flat.count(where=chosen)
        case Measure.DAYS:
            return flat["$day"].nunique(where=chosen)
        case Measure.KNOWN:
            return value.count(where=chosen)
        case Measure.SUM:
            return value.sum(where=chosen)
        case Measure.MIN:
            return value.min(where=chosen)
        case Measure.MAX:
            return value.max(where=chosen)
        case Measure.DISTINCT:
            return value.nunique(where=chosen)
        case Measure.FIRST:
            return value.argmin(_order(flat), where=known)
        case Measure.LAST:
            return value.argmax(_order(flat), where=known)
        case Measure.NTH:
            ordered = value.collect(where=known, order_by=[flat.time, flat.ingest_seq])
            return exact.element(ordered, term.index)
        case Measure.STREAK:
            return exact.longest_run(_stretch(flat["$day"], term.unit, setting).collect(where=chosen))


def _stretch(day: Any, unit: Unit | None, setting: Setting) -> Any:
    """As `meaning.stretch_of`, of days since 1970-01-01."""
    match unit:
        case Unit.WEEK:
            return exact.floor_divide(day + (4 - setting.calendar.week_start), 7)
        case Unit.MONTH:
            date = exact.day_of_number(day)
            return date.year().cast("int64") * 12 + date.month().cast("int64")
        case _:
            return day


def _order(flat: "ir.Table") -> Any:
    """(time, ingest_seq): a total order of the events."""
    import ibis

    return ibis.struct({"time": flat.time, "seq": flat.ingest_seq})
