"""The relations that the tables evaluator reads, and the exact columns of each.

    persons     person_id int64
    tag         person_id int64, value: at most one row per person; no row or a null is unknown
    segment     person_id int64: the members
    birth hashes    person_id int64, birth_hash uint64: at most one row per person; no row is 0
    events      one wide relation per event type:
                    person_id int64     the person of the event's anchor (rows without a person are left out)
                    time timestamp(us, UTC)
                    ingest_seq int64    unique within the type and among a person's events; breaks ties in time
                    source, channel, store_id text
                    and one column per further property of the type, null where the event has none
    reference   one row per version of a row:
                    key text
                    in_force_from, in_force_until timestamp(us, UTC): in force from the one until before the other;
                    the stretches of a key do not overlap (`rules.evaluate.row_history`)
                    and one column per column of the reference table

A value's column: bool boolean; number int64 scaled by 10^4; text text (NFKC, trimmed); date date;
datetime timestamp(us, UTC); list list of these; list of records list<struct> with a field per field.
hour, weekday and is_workday are derived from `time` and never stored.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from rules.check import Population
from rules.schema import CARRIED_PROPERTIES, EventType, PropertyType, ReferenceTable, TagType
from rules.values import Kind, ValueType

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt
    import ibis.expr.types as ir

MOMENT = "timestamp('UTC', 6)"
VALIDITY = ("in_force_from", "in_force_until")
"""What every reference relation has besides its key; no column of a table may have these names."""
_SCALAR = {
    Kind.BOOL: "boolean",
    Kind.NUMBER: "int64",
    Kind.TEXT: "string",
    Kind.DATE: "date",
    Kind.DATETIME: MOMENT,
}


class TableSource(Protocol):
    """Relations as Ibis tables, unbound (a name and its columns) or expressions over such.

    Every name asked for is one of the schema's. No method reads data.
    """

    def persons(self, population: Population) -> "ir.Table": ...

    def tag(self, tag: TagType) -> "ir.Table": ...

    def segment(self, name: str) -> "ir.Table": ...

    def events(self, event: EventType) -> "ir.Table": ...

    def reference(self, table: ReferenceTable) -> "ir.Table": ...


@runtime_checkable
class BirthHashSource(Protocol):
    """A source that knows the persons' birth hashes, as LIMIT and SAMPLE ask for them."""

    def birth_hashes(self) -> "ir.Table": ...


class NamedRelations:
    """A source of relations registered in the engine under fixed names, views included.

    `persons.known`, `persons.member`, `persons.all`, `persons.birth_hash`, `tag.<name>`, `segment.<name>`,
    `events.<type>`, `reference.<table>`: each is one name with a dot in it, not a schema and a table.
    """

    def persons(self, population: Population) -> "ir.Table":
        return _relation(f"persons.{population.value}", {"person_id": "int64"})

    def birth_hashes(self) -> "ir.Table":
        return _relation("persons.birth_hash", {"person_id": "int64", "birth_hash": "uint64"})

    def tag(self, tag: TagType) -> "ir.Table":
        return _relation(f"tag.{tag.name}", tag_columns(tag))

    def segment(self, name: str) -> "ir.Table":
        return _relation(f"segment.{name}", {"person_id": "int64"})

    def events(self, event: EventType) -> "ir.Table":
        return _relation(f"events.{event.name}", event_columns(event))

    def reference(self, table: ReferenceTable) -> "ir.Table":
        return _relation(f"reference.{table.name}", reference_columns(table))


def _relation(name: str, columns: "Mapping[str, str | dt.DataType]") -> "ir.Table":
    import ibis

    return ibis.table(dict(columns), name=name)


def column_type(type_: ValueType, fields: tuple[PropertyType, ...] = ()) -> "dt.DataType":
    """The Ibis type of a value's column; `fields` are those of a list of records."""
    import ibis.expr.datatypes as dt

    if type_.kind is Kind.RECORDS:
        return dt.Array(dt.Struct({each.name: column_type(each.type) for each in fields}))
    if type_.kind is Kind.LIST:
        assert type_.element is not None
        return dt.Array(dt.dtype(_SCALAR[type_.element]))
    return dt.dtype(_SCALAR[type_.kind])


def event_columns(event: EventType) -> "dict[str, dt.DataType]":
    """The columns of an event type's relation, in order."""
    import ibis.expr.datatypes as dt

    columns = {"person_id": dt.int64, "time": dt.dtype(MOMENT), "ingest_seq": dt.int64}
    for each in (*CARRIED_PROPERTIES, *event.properties):
        columns[each.name] = column_type(each.type, each.fields)
    return columns


def tag_columns(tag: TagType) -> "dict[str, dt.DataType]":
    import ibis.expr.datatypes as dt

    return {"person_id": dt.int64, "value": column_type(tag.type)}


def reference_columns(table: ReferenceTable) -> "dict[str, dt.DataType]":
    import ibis.expr.datatypes as dt

    moments = dict.fromkeys(VALIDITY, dt.dtype(MOMENT))
    return {"key": dt.string, **moments, **{each.name: column_type(each.type) for each in table.columns}}
