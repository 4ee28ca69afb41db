"""Puts a world into the form that each evaluator reads."""

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import ibis
import pyarrow as pa
from pyroaring import BitMap

from rules.check import Population, check_form
from rules.evaluate.bitmaps import MemoryBitmaps, column_of
from rules.evaluate.bitmaps.columns import MemoryColumn
from rules.evaluate.person import Event, value_of
from rules.evaluate.tables import event_columns, reference_columns, tag_columns
from rules.features import FeatureForm
from rules.schema import TagType
from rules.testing.people import World


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


def bitmaps_of(world: World, features: Iterable[FeatureForm]) -> MemoryBitmaps:
    """The world's tags, and its behaviour as features computed by the one-person evaluator."""
    schema = world.setting.schema
    tags = {name: schema.tag(name) for name in schema.names("tag")}
    return MemoryBitmaps(
        universes={each: BitMap(world.population(each)) for each in Population},
        tags={name: _tag_column(world, tag) for name, tag in tags.items() if tag is not None},
        features={each.text: _feature_column(world, each) for each in features},
        segments={
            name: BitMap(each for each, person in world.persons.items() if name in person.segments)
            for name in schema.names("segment")
        },
    )


def _tag_column(world: World, tag: TagType) -> MemoryColumn:
    column = column_of(tag.type)
    column.apply({each: person.tags.get(tag.name) for each, person in world.persons.items()})
    return column


def _feature_column(world: World, feature: FeatureForm) -> MemoryColumn:
    form = check_form(feature.text, world.setting.schema).form
    column = column_of(feature.type)
    column.apply(
        {each: value_of(form, person, world.setting, world.tables) for each, person in world.persons.items()}
    )
    return column
