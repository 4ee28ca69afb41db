"""What is known of one person, already folded over the person's keys."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from rules.evaluate.meaning import Value
from rules.evaluate.row_history import RowHistory

Line: TypeAlias = Mapping[str, Value]
PropertyValue: TypeAlias = Value | tuple[Line, ...]
ReferenceRows: TypeAlias = Mapping[str, Mapping[str, RowHistory]]  # table, key


@dataclass(frozen=True, slots=True)
class Event:
    """`time` is aware; `properties` holds source, channel and store_id too. A missing name is unknown."""

    type: str
    time: dt.datetime
    ingest_seq: int
    properties: Mapping[str, PropertyValue] = field(default_factory=dict)


Events: TypeAlias = Sequence[Event]


@dataclass(frozen=True, slots=True)
class Person:
    """A person in a rule's population. A missing tag is unknown; a multi-valued tag is a tuple.

    events    in order of (time, ingest_seq)
    features  values of the forms that `rules.features` puts in place of behaviour
    birth_hash    64 bits unsigned; None where nobody needs it
    """

    tags: Mapping[str, Value] = field(default_factory=dict)
    events: Events = ()
    segments: frozenset[str] = frozenset()
    features: Mapping[str, Value] = field(default_factory=dict)
    birth_hash: int | None = None
