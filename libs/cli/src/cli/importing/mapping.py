"""The mapping file: which columns of a file say what. Read whole, every fault reported at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from cli.exits import Exit, Refusal
from cli.text_files import read_text

TYPES = ("text", "number", "bool", "date", "datetime", "list")
CHANNELS = ("sms", "wechat", "push", "email")
LANES = ("live", "bulk")
IDENTIFIER_PARTS = frozenset({"namespace", "column", "scope"})
CONTACT_POINT_PARTS = frozenset({"channel", "column", "scope"})
CONSENT_PARTS = frozenset({"purpose", "channel", "address", "scope", "granted", "time", "text_version"})
EVENT_PARTS = frozenset({"type", "properties"})
VALUE_PARTS = frozenset({"column", "type", "values"})
DEFAULT_TIME_ZONE = "Asia/Shanghai"


@dataclass(frozen=True)
class IdentifierMapping:
    """A column that identifies; `scope` is a constant such as an app id."""

    namespace: str
    column: str
    scope: str = ""


@dataclass(frozen=True)
class ValueMapping:
    """A column's value; `values` replaces texts before the type is read."""

    column: str
    type: str = "text"
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EventMapping:
    """Either a constant type or the column that names it."""

    type: str
    type_column: str
    properties: Mapping[str, ValueMapping]


@dataclass(frozen=True)
class ContactPointMapping:
    """A column that holds an address."""

    channel: str
    column: str
    scope: str = ""


@dataclass(frozen=True)
class ConsentMapping:
    """`granted_values` are the texts of `granted_column` that give; any other text takes back; empty says nothing."""

    purpose: str
    channel: str
    address_column: str
    scope: str
    granted_column: str
    granted_values: frozenset[str]
    time_column: str
    text_version: str


@dataclass(frozen=True)
class FileMapping:
    """A whole mapping. A part of `record_id` that starts with "=" is a constant."""

    source: str
    zone: ZoneInfo
    brand: str
    lane: str
    record_id: tuple[str, ...]
    time: str
    identifiers: tuple[IdentifierMapping, ...]
    event: EventMapping | None
    attributes: Mapping[str, ValueMapping]
    contact_points: tuple[ContactPointMapping, ...]
    consents: tuple[ConsentMapping, ...]

    def columns(self) -> frozenset[str]:
        """Every column that the mapping names."""
        named = [part for part in self.record_id if not part.startswith("=")]
        named += [self.time, *(each.column for each in self.identifiers)]
        named += [each.column for each in self.attributes.values()]
        named += [each.column for each in self.contact_points]
        for consent in self.consents:
            named += [consent.address_column, consent.granted_column, consent.time_column]
        if self.event is not None:
            named += [self.event.type_column, *(each.column for each in self.event.properties.values())]
        return frozenset(name for name in named if name)


def load_mapping(path: Path) -> FileMapping:
    """Reads a mapping. Raises Refusal that names every fault."""
    try:
        content = yaml.safe_load(read_text(path))
    except FileNotFoundError as error:
        raise Refusal(
            f"there is no mapping {path}: it says what the columns mean; write one, or name it with --mapping",
            Exit.USAGE,
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise Refusal(f"{path} is not YAML: {error}", Exit.USAGE) from error
    reader = _Reader(content if isinstance(content, dict) else {})
    mapping = reader.mapping()
    if reader.faults:
        listed = "\n".join(f"  {fault}" for fault in reader.faults)
        raise Refusal(f"{path} is not a mapping that can be used:\n{listed}", Exit.USAGE)
    return mapping


class _Reader:
    """Collects faults while it builds."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content
        self.faults: list[str] = []

    def mapping(self) -> FileMapping:
        known = set(FileMapping.__dataclass_fields__) - {"zone"} | {"time_zone"}
        for name in sorted(set(self._content) - known):
            self.faults.append(f"{name}: is not a part of a mapping; those are {', '.join(sorted(known))}")
        content = self._content
        parts = self._list(content, "record_id", "record_id")
        return FileMapping(
            source=self._text(content, "source", "source"),
            zone=self._zone(str(content.get("time_zone") or DEFAULT_TIME_ZONE)),
            brand=str(content.get("brand") or ""),
            lane=self._one_of("lane", str(content.get("lane") or "bulk"), LANES),
            record_id=tuple(str(part) for part in parts) or self._missing("record_id"),
            time=self._text(content, "time", "time"),
            identifiers=tuple(
                IdentifierMapping(
                    self._text(each, "namespace", place),
                    self._text(each, "column", place),
                    str(each.get("scope") or ""),
                )
                for place, each in self._each("identifiers", IDENTIFIER_PARTS)
            ),
            event=self._event(content.get("event")),
            attributes=self._values("attributes", content.get("attributes") or {}),
            contact_points=tuple(
                ContactPointMapping(
                    self._one_of(f"{place}.channel", self._text(each, "channel", place), CHANNELS),
                    self._text(each, "column", place),
                    str(each.get("scope") or ""),
                )
                for place, each in self._each("contact_points", CONTACT_POINT_PARTS)
            ),
            consents=tuple(
                self._consent(place, each) for place, each in self._each("consents", CONSENT_PARTS)
            ),
        )

    def _each(self, name: str, parts: frozenset[str]) -> list[tuple[str, Mapping[str, Any]]]:
        listed = self._content.get(name) or []
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            self.faults.append(f"{name}: is not a list of mappings")
            return []
        for place, each in enumerate(listed):
            self._require_known(f"{name}[{place}]", each, parts)
        return [(f"{name}[{place}]", each) for place, each in enumerate(listed)]

    def _require_known(self, place: str, content: Mapping[str, Any], parts: frozenset[str]) -> None:
        for name in sorted(set(map(str, content)) - parts):
            self.faults.append(f"{place}: {name} is not a part of it; those are {', '.join(sorted(parts))}")

    def _list(self, content: Mapping[str, Any], name: str, place: str) -> list[Any]:
        """A list of plain texts or numbers."""
        listed = content.get(name) or []
        if not isinstance(listed, list) or any(isinstance(each, dict | list) for each in listed):
            self.faults.append(f"{place}: {name} is not a list such as [a, b]")
            return []
        self._require_texts(listed, name, place)
        return listed

    def _require_texts(self, cells: Iterable[Any], name: str, place: str) -> None:
        """YAML reads a bare yes, no, on or off as true or false."""
        if any(isinstance(each, bool) or each is None for each in cells):
            self.faults.append(f'{place}: put quotes around the words of {name}, such as "yes"')

    def _part(self, content: Mapping[str, Any], name: str, place: str) -> Mapping[str, Any]:
        part = content.get(name) or {}
        if isinstance(part, str):
            return {"column": part}
        if not isinstance(part, dict):
            self.faults.append(f"{place}: {name} is neither a column nor {{column: ...}}")
            return {}
        return part

    def _text(self, content: Mapping[str, Any], name: str, place: str) -> str:
        value = content.get(name)
        if not isinstance(value, str) or not value:
            self.faults.append(f"{place}: {name} is missing")
            return ""
        return value

    def _missing(self, name: str) -> tuple[str, ...]:
        self.faults.append(f"{name}: is missing; list the columns that make a record's id")
        return ()

    def _one_of(self, place: str, value: str, known: tuple[str, ...]) -> str:
        if value not in known:
            self.faults.append(f"{place}: {value!r} is none of {', '.join(known)}")
        return value

    def _zone(self, name: str) -> ZoneInfo:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.faults.append(f"time_zone: {name!r} is not a time zone such as {DEFAULT_TIME_ZONE}")
            return ZoneInfo("UTC")

    def _event(self, content: Any) -> EventMapping | None:
        if content is None:
            return None
        type_ = content.get("type") if isinstance(content, dict) else None
        column = str(type_.get("column") or "") if isinstance(type_, dict) else ""
        constant = type_ if isinstance(type_, str) else ""
        if not column and not constant:
            self.faults.append("event: type is missing; a name, or {column: ...}")
            return None
        self._require_known("event", content, EVENT_PARTS)
        return EventMapping(
            constant, column, self._values("event.properties", content.get("properties") or {})
        )

    def _values(self, place: str, content: Any) -> dict[str, ValueMapping]:
        if not isinstance(content, dict):
            self.faults.append(f"{place}: is not a mapping of names")
            return {}
        found = {}
        for name, each in content.items():
            said = {"column": each} if isinstance(each, str) else each
            if not isinstance(said, dict):
                self.faults.append(f"{place}.{name}: is neither a column nor {{column, type, values}}")
                continue
            type_ = self._one_of(f"{place}.{name}.type", str(said.get("type", "text")), TYPES)
            self._require_known(f"{place}.{name}", said, VALUE_PARTS)
            values = said.get("values") or {}
            if not isinstance(values, dict):
                self.faults.append(f"{place}.{name}: values is not a mapping of cells to values")
                values = {}
            self._require_texts(values, "values", f"{place}.{name}")
            values = {str(key): str(value) for key, value in values.items()}
            found[str(name)] = ValueMapping(self._text(said, "column", f"{place}.{name}"), type_, values)
        return found

    def _consent(self, place: str, each: Mapping[str, Any]) -> ConsentMapping:
        address, granted = self._part(each, "address", place), self._part(each, "granted", place)
        values = self._list(granted, "values", f"{place}.granted")
        if not values:
            self.faults.append(
                f"{place}.granted: values is missing; list the cells that mean yes, all others mean no"
            )
        return ConsentMapping(
            purpose=self._text(each, "purpose", place),
            channel=self._one_of(f"{place}.channel", self._text(each, "channel", place), CHANNELS),
            address_column=self._text(address, "column", f"{place}.address"),
            scope=str(address.get("scope") or each.get("scope") or ""),
            granted_column=self._text(granted, "column", f"{place}.granted"),
            granted_values=frozenset(str(value) for value in values),
            time_column=str(each.get("time") or ""),
            text_version=str(each.get("text_version") or ""),
        )
