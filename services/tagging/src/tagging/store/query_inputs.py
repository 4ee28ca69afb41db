"""Copies what a query names into a database file of its own, as people read it: numbers are decimals."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from rules.evaluate.tables.source import VALIDITY
from rules.schema import CARRIED_PROPERTIES, PropertyType, Schema
from rules.values import Kind
from tagging.domain.moment import Moment
from tagging.domain.persons import PersonState
from tagging.domain.run_failures import ColumnFailed, FailureReason
from tagging.store.said_columns import MOMENT, arrow_type

SCHEMAS = ("events", "tags", "reference")
_PERSON = ("person_id", pa.int64())
Table = tuple[str, str]
"""(schema, name) in the file."""


def relations_of(inputs: Iterable[tuple[str, str]], schema: Schema) -> dict[str, pa.Schema]:
    """The relations that `copy_inputs` reads, with their columns; without inputs that there are not."""
    found = {"persons": pa.schema([_PERSON, ("state", pa.int8())])}
    moments = [(each, MOMENT) for each in VALIDITY]
    for kind, name in inputs:
        match kind:
            case "events" if event := schema.event(name):
                own = {each.name: each for each in (*CARRIED_PROPERTIES, *event.properties)}
                columns = [_PERSON, ("time", MOMENT), *_typed(own.values())]
                found[f"events.{name}"] = pa.schema(columns)
            case "tags" if tag := schema.tag(name):
                found[f"tag.{name}"] = pa.schema([_PERSON, *_typed([PropertyType("value", tag.type)])])
            case "reference" if table := schema.table(name):
                columns = [("key", pa.string()), *moments, *_typed(table.columns)]
                found[f"reference.{name}"] = pa.schema(columns)
    return found


def _typed(properties: Iterable[PropertyType]) -> list[tuple[str, Any]]:
    return [(each.name, arrow_type(each)) for each in properties]


def copy_inputs(
    duck: Any, path: str, inputs: Iterable[tuple[str, str]], schema: Schema, moment: Moment
) -> list[Table]:
    """Writes the file and answers the tables that it holds. Raises ColumnFailed for a name that there is not."""
    duck.execute(f"ATTACH {_text(path)} AS copied")
    try:
        for each in SCHEMAS:
            duck.execute(f"CREATE SCHEMA copied.{each}")
        _copy(duck, "main", "persons", f"SELECT person_id, {_state()} AS state FROM persons")  # noqa: S608
        duck.execute(
            "CREATE TABLE copied.main.moment AS SELECT CAST(? AS TIMESTAMPTZ) AS as_of, CAST(? AS DATE) AS day",
            [moment.as_of, moment.calendar.day_of(moment.as_of)],
        )
        found = [("main", "persons"), ("main", "moment")]
        for kind, name in inputs:
            _copy(duck, kind, name, _selected(kind, name, schema))
            found.append((kind, name))
        return found
    finally:
        duck.execute("DETACH copied")


def _copy(duck: Any, schema: str, name: str, select: str) -> None:
    duck.execute(f"CREATE TABLE copied.{schema}.{_quoted(name)} AS {select}")


def _selected(kind: str, name: str, schema: Schema) -> str:
    match kind:
        case "events":
            event = schema.event(name)
            if event is None:
                raise _unknown(f"event type '{name}'")
            own = {each.name: each for each in (*CARRIED_PROPERTIES, *event.properties)}
            columns = ["person_id", "time", *(_column(each) for each in own.values())]
        case "tags":
            tag = schema.tag(name)
            if tag is None:
                raise _unknown(f"tag '{name}'")
            return (
                f"SELECT person_id, {_column(PropertyType('value', tag.type))} FROM {_quoted(f'tag.{name}')}"  # noqa: S608
            )
        case _:
            table = schema.table(name)
            if table is None:
                raise _unknown(f"reference table '{name}'")
            columns = ["key", *VALIDITY, *(_column(each) for each in table.columns)]
    return f"SELECT {', '.join(columns)} FROM {_quoted(f'{kind}.{name}')}"  # noqa: S608


def _unknown(what: str) -> ColumnFailed:
    return ColumnFailed(FailureReason.SQL_INPUT_UNKNOWN, f"there is no {what}")


def _column(property_: PropertyType) -> str:
    return f"{_shown(_quoted(property_.name), property_)} AS {_quoted(property_.name)}"


def _shown(place: str, property_: PropertyType) -> str:
    """A value as people read it; `place` is where it stands."""
    type_ = property_.type
    if type_.kind is Kind.NUMBER:
        return _decimal(place)
    if type_.kind is Kind.LIST and type_.element is Kind.NUMBER:
        return f"[{_decimal('x')} FOR x IN {place}]"
    if type_.kind is Kind.RECORDS:
        fields = ", ".join(
            f"{_quoted(each.name)}: {_shown(f'x.{_quoted(each.name)}', each)}" for each in property_.fields
        )
        return f"[{{{fields}}} FOR x IN {place}]"
    return place


def _decimal(place: str) -> str:
    """Exact: 19 digits hold any 64-bit number."""
    return f"CAST(CAST({place} AS DECIMAL(19, 0)) * CAST(0.0001 AS DECIMAL(5, 4)) AS DECIMAL(19, 4))"


def _state() -> str:
    named = " ".join(
        f"WHEN {int(each)} THEN {_text(each.name.lower())}" for each in PersonState if each.is_living
    )
    return f"CASE state {named} END"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
