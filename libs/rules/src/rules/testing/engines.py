"""Puts a world into the form that each evaluator reads."""

from collections.abc import Mapping
from typing import Any

import duckdb
import ibis
import pyarrow as pa
from pyroaring import BitMap

from rules.check import Population, type_of
from rules.evaluate.bitmaps import MemoryBitmaps, column_of
from rules.evaluate.meaning import Value
from rules.evaluate.person import Event, value_of
from rules.evaluate.tables import event_columns, reference_columns, tag_columns
from rules.testing.people import World
from rules.tree import Expression
from rules.values import ValueType


def register(world: World, connection: duckdb.DuckDBPyConnection) -> None:
    """Registers the world's relations under the names that `NamedRelations` reads."""
    schema = world.setting.schema
    for population in Population:
        ids = [{"person_id": each} for each in sorted(world.population(population))]
        _put(connection, f"persons.{population.value}", {"person_id": "int64"}, ids)
    for tag in map(schema.tag, schema.names("tag")):
        assert tag is not None
        values = [
            {"person_id": person_id, "value": person.tags[tag.name]}
            for person_id, person in world.persons.items()
            if tag.name in person.tags
        ]
        _put(connection, f"tag.{tag.name}", tag_columns(tag), values)
    for name in schema.names("segment"):
        ids = [{"person_id": each} for each, person in world.persons.items() if name in person.segments]
        _put(connection, f"segment.{name}", {"person_id": "int64"}, ids)
    for type_ in map(schema.event, schema.names("event")):
        assert type_ is not None
        events = [
            _event_row(person_id, event)
            for person_id, person in world.persons.items()
            for event in person.events
            if event.type == type_.name
        ]
        _put(connection, f"events.{type_.name}", event_columns(type_), events)
    for table in map(schema.table, schema.names("table")):
        assert table is not None
        rows = [{"key": key, **row} for key, row in world.tables.get(table.name, {}).items()]
        _put(connection, f"reference.{table.name}", reference_columns(table), rows)


def _event_row(person_id: int, event: Event) -> dict[str, Any]:
    carried = {"person_id": person_id, "time": event.time, "ingest_seq": event.ingest_seq}
    return {**event.properties, **carried}


def _put(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, Any], rows: list[dict[str, Any]]
) -> None:
    schema = ibis.schema(dict(columns)).to_pyarrow()
    connection.register(name, pa.Table.from_pylist(rows, schema=schema))


def bitmaps_of(world: World, features: Mapping[str, Expression]) -> MemoryBitmaps:
    """The world's tags, and its behaviour as features by form, computed by the one-person evaluator."""
    schema = world.setting.schema
    index = MemoryBitmaps(
        universes={each: BitMap(world.population(each)) for each in Population},
        tags={},
        features={},
        segments={
            name: BitMap(each for each, person in world.persons.items() if name in person.segments)
            for name in schema.names("segment")
        },
    )
    tags, computed = dict(index.tags), dict(index.features)
    for tag in map(schema.tag, schema.names("tag")):
        assert tag is not None
        tags[tag.name] = column_of(tag.type)
        tags[tag.name].apply({each: person.tags.get(tag.name) for each, person in world.persons.items()})
    for form, expression in features.items():
        computed[form] = column_of(_type(expression, world))
        computed[form].apply(_values(expression, world))
    return MemoryBitmaps(index.universes, tags, computed, index.segments)


def _type(expression: Expression, world: World) -> ValueType:
    return type_of(expression, world.setting.schema)


def _values(expression: Expression, world: World) -> dict[int, Value | None]:
    return {
        each: value_of(expression, person, world.setting, world.tables)
        for each, person in world.persons.items()
    }
