"""Puts a world into the form that each evaluator reads."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import duckdb
import ibis
import numpy as np
import pyarrow as pa
from pyroaring import BitMap

from rules.check import Population, check_form
from rules.errors import UnsupportedNode
from rules.evaluate.bitmaps import MemoryBitmaps, column_of
from rules.evaluate.bitmaps.columns import MemoryColumn
from rules.evaluate.events import Column, EventTable, Lines
from rules.evaluate.events.columns import MemoryEventTable, epoch_us
from rules.evaluate.person import Event, value_of
from rules.evaluate.tables import event_columns, reference_columns, tag_columns
from rules.features import FeatureForm
from rules.schema import EventType, PropertyType, TagType
from rules.testing.people import World
from rules.values import Kind


def register(world: World, connection: duckdb.DuckDBPyConnection) -> None:
    """Registers the world's relations under the names that `NamedRelations` reads."""
    schema = world.setting.schema
    for population in Population:
        ids = [{"person_id": each} for each in sorted(world.population(population))]
        _put(connection, f"persons.{population.value}", {"person_id": "int64"}, ids)
    hashes = [{"person_id": each, "birth_hash": person.birth_hash} for each, person in world.persons.items()]
    _put(connection, "persons.birth_hash", {"person_id": "int64", "birth_hash": "uint64"}, hashes)
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
        rows = [
            {"key": key, "in_force_from": start, "in_force_until": end, **row}
            for key, history in world.tables.get(table.name, {}).items()
            for start, end, row in history.stretches()
        ]
        _put(connection, f"reference.{table.name}", reference_columns(table), rows)


def _event_row(person_id: int, event: Event) -> dict[str, Any]:
    carried = {"person_id": person_id, "time": event.time, "ingest_seq": event.ingest_seq}
    return {**event.properties, **carried}


def _put(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, Any], rows: list[dict[str, Any]]
) -> None:
    connection.register(name, pa.Table.from_pylist(rows, schema=_arrow_schema(tuple(columns.items()))))


@cache
def _arrow_schema(columns: tuple[tuple[str, Any], ...]) -> pa.Schema:
    return ibis.schema(dict(columns)).to_pyarrow()


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
        hashes={each: person.birth_hash or 0 for each, person in world.persons.items()},
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


class WorldEvents:
    """A world as the evaluator over columns of events reads it: persons in order of their ids."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ids = sorted(world.persons)

    @property
    def persons(self) -> int:
        """How many there are."""
        return len(self._ids)

    def events(self, type_: EventType) -> EventTable:
        """The type's events with all their properties, lists of scalars left out."""
        rows = [
            (slot, event)
            for slot, person in enumerate(self._ids)
            for event in self._world.persons[person].events
            if event.type == type_.name
        ]
        said = [event.properties for _, event in rows]
        stored = [each for each in map(type_.property, type_.property_names()) if each is not None]
        return MemoryEventTable(
            np.array([slot for slot, _ in rows], np.int64),
            np.array([epoch_us(event.time) for _, event in rows], np.int64),
            np.array([event.ingest_seq for _, event in rows], np.int64),
            {
                each.name: scalar_column(each.type.kind, [values.get(each.name) for values in said])
                for each in stored
                if each.type.kind not in (Kind.LIST, Kind.RECORDS)
            },
            {each.name: _lines(each, said) for each in stored if each.fields},
        )

    def tag(self, name: str) -> Column:
        """A scalar tag."""
        tag = self._world.setting.schema.tag(name)
        assert tag is not None
        if tag.type.kind is Kind.LIST:
            raise UnsupportedNode("a list", "events")
        values = [self._world.persons[each].tags.get(name) for each in self._ids]
        return scalar_column(tag.type.kind, values)


def _lines(list_: PropertyType, said: list[Mapping[str, Any]]) -> Lines:
    lines = [(place, line) for place, values in enumerate(said) for line in values.get(list_.name) or ()]
    kinds = {each.name: each.type.kind for each in list_.fields}
    return Lines(
        np.array([place for place, _ in lines], np.int64),
        lambda name: scalar_column(kinds[name], [line.get(name) for _, line in lines]),
    )


def scalar_column(kind: Kind, values: list[Any]) -> Column:
    """Scalars, None where unknown."""
    texts = sorted({each for each in values if isinstance(each, str)})
    places = {text: place for place, text in enumerate(texts)}
    codes = [
        0 if each is None else places[each] if kind is Kind.TEXT else int(Column.of(each).data[0])
        for each in values
    ]
    return Column(
        kind, np.array([each is not None for each in values], np.bool_), np.array(codes, np.int64), texts
    )
