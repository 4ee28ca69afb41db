"""DictionaryStore on SQLite and PostgreSQL: one row of JSON."""

import json
from typing import Any

from rules.schema import EventType, PropertyType, ReferenceTable
from rules.values import Kind, ValueType
from segments.domain.dictionary import Dictionary, EventGrade
from servicekit.driver_sql import execute
from sqlalchemy import Connection


class SqlDictionaryStore:
    """Implements DictionaryStore."""

    def save(self, connection: Connection, dictionary: Dictionary) -> None:
        stored = {
            "events": [
                {
                    "name": event.name,
                    "properties": [_property(each) for each in event.properties],
                    "reversed_by": list(event.reversed_by),
                }
                for event in dictionary.events
            ],
            "tables": [
                {"name": table.name, "columns": [_property(each) for each in table.columns]}
                for table in dictionary.tables
            ],
            "grades": dictionary.grades,
        }
        execute(
            connection,
            "INSERT INTO event_dictionary (id, content) VALUES (1, ?) "
            "ON CONFLICT (id) DO UPDATE SET content = excluded.content",
            (json.dumps(stored, ensure_ascii=False),),
        )

    def load(self, connection: Connection) -> Dictionary:
        content = execute(
            connection, "SELECT content FROM event_dictionary WHERE id = 1"
        ).scalar_one_or_none()
        if content is None:
            return Dictionary()
        stored = json.loads(content)
        return Dictionary(
            events=tuple(
                EventType(
                    event["name"],
                    tuple(_property_type(each) for each in event["properties"]),
                    tuple(event["reversed_by"]),
                )
                for event in stored["events"]
            ),
            tables=tuple(
                ReferenceTable(table["name"], tuple(_property_type(each) for each in table["columns"]))
                for table in stored["tables"]
            ),
            grades=tuple(
                EventGrade(*each) for each in stored.get("grades", ())
            ),  # earlier releases kept none
        )


def _property(property_: PropertyType) -> dict[str, Any]:
    return {
        "name": property_.name,
        "kind": property_.type.kind.value,
        "element": property_.type.element.value if property_.type.element else None,
        "refers_to": property_.refers_to,
        "fields": [_property(each) for each in property_.fields],
    }


def _property_type(stored: dict[str, Any]) -> PropertyType:
    element = Kind(stored["element"]) if stored["element"] else None
    return PropertyType(
        stored["name"],
        ValueType(Kind(stored["kind"]), element),
        refers_to=stored["refers_to"],
        fields=tuple(_property_type(each) for each in stored["fields"]),
    )
