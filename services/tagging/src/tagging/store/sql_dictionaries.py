"""Event dictionaries over the tables `declared_event_type` and `declaration_head`."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from threading import Lock
from typing import Any

from rules.windows import CalendarSettings
from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.domain.declared_events import DeclaredEventType, DeclaredProperty, extended
from tagging.domain.definition import Grade
from tagging.domain.dictionary import Dictionary, Text
from tagging.domain.event_grades import Grading
from tagging.domain.tenants import TenantSettings
from tagging.store.sql_tenants import settings_of

Stamp = tuple[int, CalendarSettings]
"""How often declarations changed, and the calendar."""


class SqlEventDictionaries:
    """EventDictionaries."""

    def __init__(self, standard: Dictionary) -> None:
        self._standard = standard
        self._kept: dict[str, tuple[Stamp, Dictionary]] = {}
        self._lock = Lock()

    def of(self, connection: Connection, tenant: str) -> Dictionary:
        stamp = self.stamp(connection, tenant)
        declarations, calendar = stamp
        if not declarations and calendar == self._standard.calendar:
            return self._standard
        with self._lock:
            kept = self._kept.get(tenant)
        if kept is None or kept[0] != stamp:
            own = extended(self._standard, self.declared(connection, tenant).values())
            kept = stamp, replace(own, calendar=calendar)
            with self._lock:
                self._kept[tenant] = kept
        return kept[1]

    def stamp(self, connection: Connection, tenant: str) -> "Stamp":
        row = execute(
            connection,
            "SELECT (SELECT version FROM declaration_head WHERE tenant = ?), "
            "(SELECT settings FROM tenant WHERE tenant = ?)",
            (tenant, tenant),
        ).one()
        return int(row[0] or 0), _calendar(row[1])

    def undeclared(self, connection: Connection, tenant: str) -> dict[str, frozenset[str]]:
        dictionary = self.of(connection, tenant)
        found: dict[str, set[str]] = {}
        for type_, name in execute(
            connection, "SELECT DISTINCT type, name FROM seen_property WHERE tenant = ?", (tenant,)
        ):
            event = dictionary.events.get(type_)
            if event is None or event.property(name) is None:
                found.setdefault(type_, set()).add(name)
        return {type_: frozenset(names) for type_, names in found.items()}

    def declared(self, connection: Connection, tenant: str) -> dict[str, DeclaredEventType]:
        rows = execute(
            connection,
            "SELECT name, document FROM declared_event_type WHERE tenant = ? ORDER BY name",
            (tenant,),
        )
        return {name: _read(name, json.loads(document)) for name, document in rows}

    def put(self, connection: Connection, tenant: str, declared: DeclaredEventType) -> None:
        self._advance(connection, tenant)
        execute(
            connection,
            "INSERT INTO declared_event_type (tenant, name, document) VALUES (?, ?, ?) "
            "ON CONFLICT (tenant, name) DO UPDATE SET document = excluded.document",
            (tenant, declared.name, json.dumps(_document(declared), ensure_ascii=False)),
        )

    def delete(self, connection: Connection, tenant: str, name: str) -> bool:
        gone = execute(
            connection, "DELETE FROM declared_event_type WHERE tenant = ? AND name = ?", (tenant, name)
        ).rowcount
        if gone:
            self._advance(connection, tenant)
        return bool(gone)

    @staticmethod
    def _advance(connection: Connection, tenant: str) -> None:
        execute(
            connection,
            "INSERT INTO declaration_head (tenant, version) VALUES (?, 1) "
            "ON CONFLICT (tenant) DO UPDATE SET version = declaration_head.version + 1",
            (tenant,),
        )


@lru_cache(maxsize=1_024)
def _calendar(settings: str | None) -> CalendarSettings:
    """By settings as they are stored; None before any are."""
    return (TenantSettings() if settings is None else settings_of(settings)).calendar


def _document(declared: DeclaredEventType) -> dict[str, Any]:
    return {
        "text": [declared.text.zh, declared.text.en],
        "grade": [declared.grading.grade.value, declared.grading.purpose],
        "properties": [
            {
                "name": each.name,
                "type": each.type,
                "text": [each.text.zh, each.text.en],
                "refers_to": each.refers_to,
                "grade": [each.grading.grade.value, each.grading.purpose],
            }
            for each in declared.properties
        ],
    }


def _read(name: str, document: Mapping[str, Any]) -> DeclaredEventType:
    properties = tuple(
        DeclaredProperty(
            each["name"], each["type"], Text(*each["text"]), each["refers_to"], _grading(each["grade"])
        )
        for each in document["properties"]
    )
    return DeclaredEventType(name, Text(*document["text"]), properties, _grading(document["grade"]))


def _grading(said: list[str]) -> Grading:
    return Grading(Grade(said[0]), said[1])
