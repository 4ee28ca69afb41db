"""What came in: event types, properties, types of values and who sent them, counted; and what is wrong with it."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rules.evaluate.person import PropertyValue
from rules.schema import PropertyType
from rules.values import SCALE, Kind
from tagging.domain.columns import microseconds
from tagging.domain.declared_events import NAME
from tagging.domain.dictionary import PROPERTY_TYPES, Dictionary
from tagging.domain.events import Event

MAX_TYPES = 1_000
MAX_PROPERTIES = 1_000
"""Of one type, over all sources and kinds."""
MAX_EXAMPLES = 5
MAX_EXAMPLE_CHARACTERS = 40
SHARING_KEYS = 3
"""A value is an example when so many different keys have it."""
FIELDS, MIXED, EMPTY = "fields", "mixed list", "empty list"
SEEN_KINDS = (*PROPERTY_TYPES, FIELDS, MIXED, EMPTY)
"""`fields` are undeclared fields of declared records; an empty list is of the type of any list."""
_LISTS = (Kind.LIST, Kind.RECORDS)
_TELLING = re.compile(r"@|\d{6}|\d[-\s]\d{3,}[-\s]?\d")
"""What may be an address or a number of a person."""


class SeenPlace(NamedTuple):
    """What is counted by itself: values of one kind, of a property, from a source."""

    event_type: str
    name: str
    source: str
    kind: str


@dataclass(slots=True)
class Seen:
    """A count with the times of its earliest and latest event, in microseconds."""

    count: int = 0
    first_us: int = 2**62
    last_us: int = -(2**62)

    def add(self, time_us: int) -> None:
        self.count += 1
        self.first_us, self.last_us = min(self.first_us, time_us), max(self.last_us, time_us)

    def with_(self, other: "Seen") -> "Seen":
        return Seen(
            self.count + other.count, min(self.first_us, other.first_us), max(self.last_us, other.last_us)
        )


@dataclass(slots=True)
class Survey:
    """What a number of events show. `unlisted`: by event type, values whose names fit no rule."""

    types: dict[str, Seen] = field(default_factory=dict)
    places: dict[SeenPlace, Seen] = field(default_factory=dict)
    unlisted: Counter[str] = field(default_factory=Counter)
    examples: dict[SeenPlace, tuple[str, ...]] = field(default_factory=dict)


def survey(events: Iterable[Event], dictionary: Dictionary) -> Survey:
    """Counts each property of each event once."""
    found = Survey()
    sharing: dict[SeenPlace, dict[str, set[int]]] = {}
    for event in events:
        time_us = microseconds(event.time)
        found.types.setdefault(event.type, Seen()).add(time_us)
        for said in (event.properties, event.extra):
            for name, value in said.items():
                if not NAME.fullmatch(name):
                    found.unlisted[event.type] += 1
                    continue
                place = SeenPlace(
                    event.type, name, event.source, kind_of(value, is_rest=_is_rest(event, name, said))
                )
                found.places.setdefault(place, Seen()).add(time_us)
                example = _example(value) if dictionary.grades.are_open(event.type, name) else None
                if example is not None:
                    sharing.setdefault(place, {}).setdefault(example, set()).add(event.anchor_key_id)
    for place, keys_of in sharing.items():
        shared = sorted(text for text, keys in keys_of.items() if len(keys - {0}) >= SHARING_KEYS)
        if shared:
            found.examples[place] = tuple(shared[:MAX_EXAMPLES])
    return found


def kind_of(value: PropertyValue, *, is_rest: bool = False) -> str:
    """The word of a value's type."""
    match value:
        case bool():
            return "bool"
        case int():
            return "number"
        case str():
            return "text"
        case dt.datetime():
            return "datetime"
        case dt.date():
            return "date"
    if not value:
        return EMPTY
    if any(isinstance(each, Mapping) for each in value):
        return FIELDS if is_rest else "records"
    kinds = {type(each) for each in value}
    if kinds <= {str}:
        return "list of text"
    return "list of number" if kinds == {int} else MIXED


def problem(event_type: str, name: str, places: Sequence[SeenPlace], declared: PropertyType | None) -> str:
    """What is wrong with what came in of a property and how to put it right; "" when nothing is."""
    kinds = list(dict.fromkeys(each.kind for each in places))
    if declared is None:
        comes = f"as {kinds[0]}" if len(kinds) == 1 else f"as {', '.join(kinds)} (have it sent as one type)"
        way = "declare it with huaxiang events declare (PutEventType) to use it"
        return f"nobody declared {event_type}.{name}, which comes {comes}: {way}"
    wanted = next(
        (word for word, type_ in PROPERTY_TYPES.items() if type_ == declared.type), str(declared.type)
    )
    wrong = [each for each in places if conflicts(each.kind, declared)]
    if not wrong:
        return ""
    told = "; ".join(f"source '{each.source}' sends {_told(each.kind, name)}" for each in wrong)
    return (
        f"{event_type}.{name} is declared as {wanted}, but {told}: no rule reads these values. "
        f"Correct the mapping of the source, or send it under another name"
    )


def conflicts(kind: str, declared: PropertyType) -> bool:
    """Whether values of a kind are not of the declared type."""
    if kind == EMPTY:
        return declared.type.kind not in _LISTS
    return PROPERTY_TYPES.get(kind) != declared.type


def _told(kind: str, name: str) -> str:
    return f"records with fields that {name} does not have" if kind == FIELDS else kind


def _is_rest(event: Event, name: str, said: Mapping[str, PropertyValue]) -> bool:
    """What is left of records when their declared fields are taken out."""
    return said is event.extra and name in event.properties


def _example(value: PropertyValue) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            whole, rest = divmod(abs(value), SCALE)
            text = ("-" if value < 0 else "") + (f"{whole}.{rest:04d}".rstrip("0") if rest else str(whole))
        case str():
            text = value
        case dt.date() if not isinstance(value, dt.datetime):
            return value.isoformat()
        case _:
            return None
    return text if 0 < len(text) <= MAX_EXAMPLE_CHARACTERS and not _TELLING.search(text) else None
