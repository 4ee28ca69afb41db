"""Sequences of everybody: one ordered pass of window functions per step over the events that any step names.

For each event that may be a step, the chain up to it that begins last. Counting the forbidden events so far numbers the
stretches between them: an event goes on with a chain only if that ended in the stretch that the event follows, the
latest one. So the greatest (stretch, start) before it says all. An engine's own functions for sequences say something
else: they let forbidden events lie between, or take tied events in any order.
"""

from typing import TYPE_CHECKING, Any

from rules.evaluate.setting import Setting
from rules.schema import EventType, KeyPart, key_parts
from rules.tree import Condition, EventFilter, Property, Sequence
from rules.windows import TICK, Interval, interval, length_of

from . import exact
from .compiler import truth
from .rows import EventRows
from .source import TableSource

if TYPE_CHECKING:
    import ibis.expr.types as ir


def matching(source: TableSource, setting: Setting, node: Sequence) -> "ir.Table":
    """(person_id): those of whom the sequence is true."""
    import ibis

    within = interval(node.window, setting.as_of, setting.calendar)
    types = dict.fromkeys(each.event for step in node.steps for each in (step.match, *step.without))
    parts = [_events(source, setting, node, _event_type(setting, name), within) for name in types]
    rows = ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]
    rows = rows.mutate(**{_start(0): ibis.ifelse(rows[_match(0)], exact.microseconds(rows.time), None)})
    rows = rows.mutate(**_stretches(node, rows))
    for step in range(1, len(node.steps)):
        rows = rows.mutate(**{_start(step): _grown(node, step, rows)})
    found = rows.filter(rows[_start(len(node.steps) - 1)].notnull())
    return found.select("person_id").distinct()


def _event_type(setting: Setting, name: str) -> EventType:
    found = setting.schema.event(name)
    if found is None:
        raise LookupError(f"no event type '{name}'; evaluate a rule checked against this schema")
    return found


def _match(step: int) -> str:
    return f"$match.{step}"


def _forbidden(step: int) -> str:
    return f"$forbidden.{step}"


def _stretch(step: int) -> str:
    return f"$stretch.{step}"


def _start(step: int) -> str:
    return f"$start.{step}"


def _key(place: int) -> str:
    return f"$key.{place}"


def _order(node: Sequence, rows: "ir.Table") -> dict[str, Any]:
    """Of windows: the events of a person and key in their total order."""
    keys = [_key(place) for place in range(len(node.by))]
    return {"group_by": ["person_id", *keys], "order_by": [rows.time, rows.ingest_seq]}


def _stretches(node: Sequence, rows: "ir.Table") -> dict[str, Any]:
    """How many events forbidden before a step there have been, the event itself included."""
    import ibis

    so_far = ibis.window(preceding=None, following=0, **_order(node, rows))
    return {
        _stretch(step): rows[_forbidden(step)].cast("int64").sum().over(so_far)
        for step, each in enumerate(node.steps)
        if step and each.without
    }


def _grown(node: Sequence, step: int, rows: "ir.Table") -> Any:
    """When the chain that an event ends as this step began, the latest of them; null where there is none."""
    import ibis

    before = ibis.window(preceding=(None, 1), **_order(node, rows))
    starts = rows[_start(step - 1)]
    continues = rows[_match(step)]
    if node.steps[step].without:
        # The stretch that the event follows is its own, unless it begins one.
        follows = rows[_stretch(step)] - rows[_forbidden(step)].cast("int64")
        latest = exact.chain(rows[_stretch(step)], starts).max().over(before)
        start = exact.chain_start(latest)
        continues = continues & (exact.chain_stretch(latest) == follows)
    else:
        start = starts.max().over(before)
    if node.within is not None:
        continues = continues & (exact.microseconds(rows.time) - start <= length_of(node.within) // TICK)
    return ibis.ifelse(continues, start, None)


def _events(
    source: TableSource, setting: Setting, node: Sequence, type_: EventType, within: Interval
) -> "ir.Table":
    """(person_id, time, ingest_seq, what the event may be, keys): events of a type that take part, a row per key."""
    import ibis

    conditions = list(dict.fromkeys(_conditions(node, type_)))
    parts = key_parts(setting.schema, type_, [each.path for each in node.by])
    plain = [path for part in parts if not part.walked for path in part.paths]
    columns = EventRows(source, setting, type_).columns(conditions, plain, within, days=False)

    def passes(each: EventFilter) -> Any:
        if each.event != type_.name:
            return ibis.literal(False)
        return truth(each.where, columns) if each.where is not None else ibis.literal(True)

    flags = {_match(place): passes(step.match) for place, step in enumerate(node.steps)}
    for place, step in enumerate(node.steps):
        for each in step.without if place else ():
            known = flags.get(_forbidden(place))
            flags[_forbidden(place)] = passes(each) if known is None else known | passes(each)
    keys = {_key(part.places[0]): columns.read(Property(part.paths[0])) for part in parts if not part.walked}
    rows = columns.rows.select("person_id", "time", "ingest_seq", **flags, **keys)
    taken = [rows[name] for name in flags]
    takes_part = taken[0]
    for each in taken[1:]:
        takes_part = takes_part | each
    rows = rows.filter(takes_part)
    for part in parts:
        if part.walked:
            rows = rows.inner_join(_of_lines(source, setting, type_, part, within), "ingest_seq")
        elif rows[_key(part.places[0])].type().is_array():
            rows = rows.mutate(**{_key(part.places[0]): rows[_key(part.places[0])].unique()})
            rows = rows.unnest(_key(part.places[0]))
    rows = rows.filter(*(rows[_key(place)].notnull() for place in range(len(node.by)))) if node.by else rows
    return rows.select("person_id", "time", "ingest_seq", *flags, *map(_key, range(len(node.by))))


def _conditions(node: Sequence, type_: EventType) -> "list[Condition]":
    said = (each for step in node.steps for each in (step.match, *step.without))
    return [each.where for each in said if each.event == type_.name and each.where is not None]


def _of_lines(
    source: TableSource, setting: Setting, type_: EventType, part: KeyPart, within: Interval
) -> "ir.Table":
    """(ingest_seq, keys): what each line of an event says, once."""
    lines = EventRows(source, setting, type_, part.walked).columns([], part.paths, within, days=False)
    names = [_key(place) for place in part.places]
    read = [lines.read(Property(path)) for path in part.paths]
    said = lines.rows.select("ingest_seq", **dict(zip(names, read, strict=True)))
    for name in names:
        if said[name].type().is_array():
            said = said.unnest(name)
    return said.distinct()
