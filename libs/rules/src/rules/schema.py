"""What a rule may mention: tags, events and their properties, reference tables, segments, named periods.

`Schema` is the port that the check asks; `Catalogue` is the plain in-memory one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from .values import BOOL, DATETIME, NUMBER, TEXT, Kind, ValueType


class Openness(Enum):
    CLOSED = "closed"  # an unknown value is an error
    OPEN = "open"  # an unknown value is a warning


@dataclass(frozen=True, slots=True)
class ValueList:
    """The texts a tag or property may have. `parents` makes it a tree: child -> parent, roots absent."""

    values: frozenset[str]
    openness: Openness = Openness.CLOSED
    parents: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def is_tree(self) -> bool:
        return bool(self.parents)

    def below(self, value: str) -> frozenset[str]:
        """The value and every value under it, also those that only `parents` names."""
        known = self.values | self.parents.keys() | {value}
        return frozenset(each for each in known if value in self.line_of(each))

    def line_of(self, value: str) -> tuple[str, ...]:
        """The value, its parent and so on up to the root; a cycle ends the walk."""
        line = [value]
        while (parent := self.parents.get(line[-1])) is not None and parent not in line:
            line.append(parent)
        return tuple(line)


@dataclass(frozen=True, slots=True)
class TagType:
    """A multi-valued tag has a LIST type; `values` then lists its elements."""

    name: str
    type: ValueType
    values: ValueList | None = None


@dataclass(frozen=True, slots=True)
class PropertyType:
    """`refers_to` names the reference table whose key this property holds; `fields` are those of RECORDS."""

    name: str
    type: ValueType
    values: ValueList | None = None
    refers_to: str = ""
    fields: "tuple[PropertyType, ...]" = ()

    def field(self, name: str) -> "PropertyType | None":
        return next((each for each in self.fields if each.name == name), None)


TIME = PropertyType("time", DATETIME)

# Every event has these, whatever its type; hour 0-23, weekday 1 (Monday) to 7, in the tenant's time zone.
DERIVED_PROPERTIES = (
    TIME,
    PropertyType("hour", NUMBER),
    PropertyType("weekday", NUMBER),
    PropertyType("is_workday", BOOL),
)
CARRIED_PROPERTIES = (
    PropertyType("source", TEXT),
    PropertyType("channel", TEXT),
    PropertyType("store_id", TEXT, refers_to="stores"),
)


@dataclass(frozen=True, slots=True)
class EventType:
    """`reversed_by`: the event types that NET subtracts from SUM over a number property of the same name."""

    name: str
    properties: tuple[PropertyType, ...] = ()
    reversed_by: tuple[str, ...] = ()
    _named: Mapping[str, PropertyType] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        everything = (*CARRIED_PROPERTIES[::-1], *self.properties[::-1], *DERIVED_PROPERTIES[::-1])
        object.__setattr__(self, "_named", {each.name: each for each in everything})

    def property(self, name: str) -> PropertyType | None:
        """What every event has by its time, else its own property, else one that every event may carry."""
        return self._named.get(name)

    def property_names(self) -> list[str]:
        names = [each.name for each in (*self.properties, *DERIVED_PROPERTIES, *CARRIED_PROPERTIES)]
        return list(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class ReferenceTable:
    """Rows by a text key; `columns` are scalar or LIST, never RECORDS."""

    name: str
    columns: tuple[PropertyType, ...] = ()

    def column(self, name: str) -> PropertyType | None:
        return next((each for each in self.columns if each.name == name), None)


class Schema(Protocol):
    """Reads are pure and cheap: a check makes one per name in the rule. None: there is no such thing."""

    def tag(self, name: str) -> TagType | None: ...

    def event(self, name: str) -> EventType | None: ...

    def table(self, name: str) -> ReferenceTable | None: ...

    def has_segment(self, name: str) -> bool: ...

    def retired_tag(self, name: str) -> str | None:
        """The tag to use instead of a retired one, "" when none was named; None: no tag of this name was retired."""
        ...

    def deprecated_tag(self, name: str) -> str | None:
        """As `retired_tag`, of tags that still have values: a rule that names one is warned."""
        ...

    def has_period(self, name: str) -> bool:
        """Is there a period of this name in the tenant's calendar?"""
        ...

    def names(self, what: str) -> Collection[str]:
        """All names of `tag`, `event`, `table`, `segment` or `period`, for suggestions only."""
        ...

    def undeclared(self, event: str) -> Collection[str]:
        """Properties that come with events of this type, declared or not, and that nobody declared; for suggestions
        only."""
        ...


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A schema held in memory."""

    tags: Mapping[str, TagType] = field(default_factory=dict)
    events: Mapping[str, EventType] = field(default_factory=dict)
    tables: Mapping[str, ReferenceTable] = field(default_factory=dict)
    segments: frozenset[str] = frozenset()
    periods: frozenset[str] = frozenset()
    retired: Mapping[str, str] = field(default_factory=dict)
    deprecated: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, Collection[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        tags: Iterable[TagType] = (),
        events: Iterable[EventType] = (),
        tables: Iterable[ReferenceTable] = (),
        segments: Iterable[str] = (),
        periods: Iterable[str] = (),
        *,
        retired: Mapping[str, str] | None = None,
        deprecated: Mapping[str, str] | None = None,
        seen: Mapping[str, Collection[str]] | None = None,
    ) -> "Catalogue":
        """`retired` and `deprecated`: tag -> what to use instead, "" for nothing; `seen`: event type -> its
        undeclared properties."""
        return cls(
            tags={each.name: each for each in tags},
            events={each.name: each for each in events},
            tables={each.name: each for each in tables},
            segments=frozenset(segments),
            periods=frozenset(periods),
            retired=retired or {},
            deprecated=deprecated or {},
            seen=seen or {},
        )

    def tag(self, name: str) -> TagType | None:
        return self.tags.get(name)

    def event(self, name: str) -> EventType | None:
        return self.events.get(name)

    def table(self, name: str) -> ReferenceTable | None:
        return self.tables.get(name)

    def has_segment(self, name: str) -> bool:
        return name in self.segments

    def retired_tag(self, name: str) -> str | None:
        return self.retired.get(name)

    def deprecated_tag(self, name: str) -> str | None:
        return self.deprecated.get(name)

    def has_period(self, name: str) -> bool:
        return name in self.periods

    def names(self, what: str) -> Collection[str]:
        return {
            "tag": self.tags.keys(),
            "event": self.events.keys(),
            "table": self.tables.keys(),
            "segment": self.segments,
            "period": self.periods,
        }[what]

    def undeclared(self, event: str) -> Collection[str]:
        return self.seen.get(event, ())


# ------------------------------------------------------------------------------------- property lookup


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a property is read: an event, and inside ANY or a line aggregate the name of its list."""

    event: EventType
    lines: str = ""


@dataclass(frozen=True, slots=True)
class Resolved:
    """How to read a property path.

    list      the list of records to walk ("" when the path does not leave the current event or line)
    of_line   the field belongs to the line in scope, not to the event
    field     the property itself, or the key of the join
    table     the reference table to join by `field` ("" = no join), then `column` of it
    type      the type read; inside a walked `list`, of one line's value
    """

    field: PropertyType
    type: ValueType
    values: ValueList | None
    list: str = ""
    of_line: bool = False
    table: str = ""
    column: str = ""


class UnknownPath(LookupError):
    """`name` is the part that does not exist; `candidates` are the names that do."""

    def __init__(self, name: str, owner: str, candidates: Collection[str]) -> None:
        super().__init__(f"{owner} has no property '{name}'")
        self.name = name
        self.owner = owner
        self.candidates = tuple(candidates)


def resolve(schema: Schema, scope: Scope, path: tuple[str, ...]) -> Resolved:
    """Reads a path in a scope. In a line scope a name is the line's field first, then the event's property.

    `items.amount` walks a list of records, `item_id.brand` joins the table that `item_id` refers to,
    `items.item_id.brand` does both. Raises UnknownPath.
    """
    head, *rest = path
    found, of_line = _first(scope, head)
    walked = ""
    if found.type.kind is Kind.RECORDS and rest:
        walked, head, rest = head, rest[0], rest[1:]
        inner = found.field(head)
        if inner is None:
            raise UnknownPath(head, f"{scope.event.name}.{walked}", [each.name for each in found.fields])
        found = inner
    if not rest:
        return Resolved(found, found.type, found.values, walked, of_line)
    table = schema.table(found.refers_to) if found.refers_to else None
    if table is None or len(rest) > 1:
        raise UnknownPath(rest[0], f"'{head}'", [])
    column = table.column(rest[0])
    if column is None:
        raise UnknownPath(rest[0], f"table '{table.name}'", [each.name for each in table.columns])
    return Resolved(found, column.type, column.values, walked, of_line, table.name, column.name)


def _first(scope: Scope, name: str) -> tuple[PropertyType, bool]:
    lines = scope.event.property(scope.lines) if scope.lines else None
    line_field = lines.field(name) if lines else None
    if line_field is not None:
        return line_field, True
    found = scope.event.property(name)
    if found is None:
        candidates = scope.event.property_names()
        candidates = [each.name for each in lines.fields] + candidates if lines else candidates
        raise UnknownPath(name, f"event '{scope.event.name}'", candidates)
    return found, False


def sequence_path(schema: Schema, event: EventType, path: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """What BY reads from a step: its own property, else that field of its only list of records that has it.

    The list to walk, "" for none, and the path within the event or line: `BY item_id` reads `item_id` of view_item and,
    in `items`, `item_id` of order_paid. Raises UnknownPath.
    """
    try:
        found = resolve(schema, Scope(event), path)
    except UnknownPath:
        owners = [each for each in event.properties if each.field(path[0]) is not None]
        if len(owners) != 1:
            raise
        resolve(schema, Scope(event), (owners[0].name, *path))
        return owners[0].name, path
    return (found.list, path[1:]) if found.list else ("", path)


@dataclass(frozen=True, slots=True)
class KeyPart:
    """Properties of BY that are read together: `places` among those of BY, `paths` within the row.

    walked  the list of records whose lines they are read of, one line for all; "" for the event itself
    """

    walked: str
    places: tuple[int, ...]
    paths: tuple[tuple[str, ...], ...]


def key_parts(schema: Schema, event: EventType, by: Sequence[tuple[str, ...]]) -> tuple[KeyPart, ...]:
    """How BY is read from a step: what is read of one list of records together, anything else by itself. Raises
    UnknownPath."""
    together: dict[tuple[str, int], list[tuple[int, tuple[str, ...]]]] = {}
    for place, path in enumerate(by):
        walked, inner = sequence_path(schema, event, path)
        together.setdefault((walked, 0 if walked else place), []).append((place, inner))
    return tuple(
        KeyPart(walked, tuple(place for place, _ in read), tuple(path for _, path in read))
        for (walked, _), read in together.items()
    )


def sequence_property(schema: Schema, event: EventType, path: tuple[str, ...]) -> Resolved:
    """How to read what BY reads from a step (`sequence_path`). Raises UnknownPath."""
    walked, inner = sequence_path(schema, event, path)
    return resolve(schema, Scope(event), (walked, *inner) if walked else inner)
