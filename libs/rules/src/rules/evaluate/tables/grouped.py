"""Groups of all persons at once: a GROUP BY person and key over the rows of one event type."""

from typing import TYPE_CHECKING, Any

from rules.evaluate.setting import Setting
from rules.grouping import reading, weights
from rules.tree import Function, Grouped
from rules.values import SCALE
from rules.windows import interval

from . import exact, local_time
from .compiler import truth
from .rows import LOCAL, EventRows
from .source import TableSource

if TYPE_CHECKING:
    import ibis.expr.types as ir

_KEYS = ("person_id", "key")


def groups(source: TableSource, setting: Setting, node: Grouped) -> "ir.Table":
    """(person_id, key, number, events) of everyone with an event in a group."""
    rows = _rows(source, setting, node)
    match node.aggregate.function:
        case Function.COUNT:
            once = rows.select(*_KEYS, "ingest_seq", "weight").distinct()
            return once.group_by(_KEYS).agg(number=exact.int64(once.weight.sum()), events=once.count())
        case Function.DAYS:
            days = rows.select(*_KEYS, "day", "weight").distinct()
            numbers = days.group_by(_KEYS).agg(number=exact.int64(days.weight.sum()))
            events = rows.group_by(_KEYS).agg(events=rows.ingest_seq.nunique())
            return numbers.inner_join(events, _KEYS).select(*_KEYS, "number", "events")
        case _:
            return rows.group_by(_KEYS).agg(number=_sum(node, rows), events=rows.ingest_seq.nunique())


def _sum(node: Grouped, rows: "ir.Table") -> Any:
    if node.half_life_days is None:
        return exact.int64(rows.value.sum())
    return exact.half_even(exact.product_128(rows.value, rows.weight).sum(), SCALE)


def _rows(source: TableSource, setting: Setting, node: Grouped) -> "ir.Table":
    """(person_id, ingest_seq, key, weight) of every row that counts, with the value of a SUM, and the tenant's day
    where it is read."""
    import ibis

    aggregate = node.aggregate
    type_ = setting.schema.event(aggregate.event)
    if type_ is None:
        raise LookupError(f"no event type '{aggregate.event}'; evaluate what was checked against this schema")
    read = reading(node, type_)
    within = interval(aggregate.window, setting.as_of, setting.calendar)
    conditions = [aggregate.where] if aggregate.where is not None else []
    paths = [read.by.path, *([read.value.path] if read.value else [])]
    dated = aggregate.function is Function.DAYS or node.half_life_days is not None
    columns = EventRows(source, setting, type_, read.walked).columns(conditions, paths, within, days=dated)
    picked: dict[str, Any] = {"key": columns.read(read.by), "weight": ibis.literal(SCALE, type="int64")}
    if read.value is not None:
        picked["value"] = columns.read(read.value)
    if dated:
        picked["day"] = exact.floor_divide(columns.rows[LOCAL], local_time.DAY_US)
    if node.half_life_days is not None:
        today = (setting.today - local_time.FIRST_DAY).days
        picked["weight"] = exact.weight(today - picked["day"], weights(node.half_life_days))
    counts = [truth(each, columns) for each in conditions]
    flat = columns.rows.select("person_id", "ingest_seq", counts=counts[0] if counts else True, **picked)
    kept = flat.filter(flat.counts, flat.key.notnull())
    return kept.filter(kept.value.notnull()) if read.value is not None else kept
