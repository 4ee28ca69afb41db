"""Sequences over one person's events: steps in order, for each key that BY reads, with the events that made them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain as joined
from itertools import product
from operator import itemgetter

from rules.evaluate.meaning import Scalar
from rules.evaluate.setting import Setting
from rules.schema import EventType, KeyPart, key_parts
from rules.tree import EventFilter, Property, Sequence
from rules.windows import interval, length_of

from .facts import Event, Events, ReferenceRows
from .interpreter import elements, truth
from .scopes import EventScope

Key = tuple[Scalar, ...]
"""A value for each property of BY, in their order."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The events of the first steps, or of all of them, in order."""

    events: tuple[Event, ...]

    @property
    def start(self) -> tuple[object, int]:
        """Where it begins in the order of events."""
        return self.events[0].time, self.events[0].ingest_seq

    @property
    def rank(self) -> tuple[object, ...]:
        """Of chains of one length: which ends last, and of those which begins last."""
        return self.events[-1].time, self.events[-1].ingest_seq, *self.start


@dataclass(frozen=True, slots=True)
class SequenceOutcome:
    """whole: the match that ends last, of those the one that begins last; None when there is none.

    open: the longest chain that another event might go on with, of those the one that ends last; None when no event
    is a first step.
    """

    whole: Chain | None
    open: Chain | None


@dataclass(frozen=True, slots=True)
class _Row:
    """An event with the steps that it may be, and the steps before which it is forbidden."""

    event: Event
    matches: tuple[int, ...]
    forbidden: tuple[int, ...]


def sequence(node: Sequence, events: Events, tables: ReferenceRows, setting: Setting) -> SequenceOutcome:
    """Of a person's events, which are in order of (time, ingest_seq). Raises NumberOverflow."""
    by_key: dict[Key, list[_Row]] = {}
    for row, keys in _rows(node, events, tables, setting):
        for key in keys:
            by_key.setdefault(key, []).append(row)
    found = [_followed(node, rows) for rows in by_key.values()]
    whole = [each.whole for each in found if each.whole]
    part = [each.open for each in found if each.open]
    return SequenceOutcome(
        max(whole, key=lambda chain: chain.rank, default=None),
        max(part, key=lambda chain: (len(chain.events), chain.rank), default=None),
    )


def filters(node: Sequence) -> dict[EventFilter, None]:
    """Every filter of steps and WITHOUT, each once, in the order of the text."""
    said = (each for step in node.steps for each in (step.match, *step.without))
    return dict.fromkeys(said)


def keys_of(by: tuple[Property, ...], scope: EventScope) -> frozenset[Key]:
    """The keys that an event has: a value of each property, those of one list of records from one line; without a value
    of each it has none."""
    parts = key_parts(scope.setting.schema, scope.type, [each.path for each in by])
    said = [list(_values_of(each, scope)) for each in parts]
    return frozenset(
        tuple(value for _, value in sorted(joined.from_iterable(each), key=itemgetter(0)))
        for each in product(*said)
    )


def _values_of(part: KeyPart, scope: EventScope) -> Iterator[tuple[tuple[int, Scalar], ...]]:
    """The values, each with its place in BY; of a list its elements."""
    for row in scope.each_line(part.walked) if part.walked else [scope]:
        said = [row.read(Property(path)) for path in part.paths]
        for values in product(*(() if each is None else elements(each) for each in said)):
            yield tuple(zip(part.places, values, strict=True))


def _rows(
    node: Sequence, events: Events, tables: ReferenceRows, setting: Setting
) -> Iterator[tuple[_Row, frozenset[Key]]]:
    within = interval(node.window, setting.as_of, setting.calendar)
    asked: dict[str, list[EventFilter]] = {}
    for each in filters(node):
        asked.setdefault(each.event, []).append(each)
    types = {name: _event_type(setting, name) for name in asked}
    for event in events:
        if event.type not in types or event.time not in within:
            continue
        scope = EventScope(setting, tables, types[event.type], event)
        passed = {each for each in asked[event.type] if _passes(each, scope)}
        matches = tuple(place for place, step in enumerate(node.steps) if step.match in passed)
        forbidden = tuple(
            place for place, step in enumerate(node.steps) if place and passed.intersection(step.without)
        )
        if matches or forbidden:
            yield _Row(event, matches, forbidden), keys_of(node.by, scope)


def _event_type(setting: Setting, name: str) -> EventType:
    found = setting.schema.event(name)
    if found is None:
        raise LookupError(f"no event type '{name}'; evaluate a rule checked against this schema")
    return found


def _passes(each: EventFilter, scope: EventScope) -> bool:
    return each.where is None or truth(each.where, scope)


def _followed(node: Sequence, rows: list[_Row]) -> SequenceOutcome:
    """Goes along the rows of one key. Of the chains that have come as far as a step the one that begins last is kept:
    what any other may still become, it may."""
    last = len(node.steps) - 1
    longest = length_of(node.within) if node.within else None
    whole: Chain | None = None
    kept: list[Chain | None] = [None] * last
    for row in rows:
        grown: dict[int, Chain] = {}
        for step in row.matches:
            before = None if step == 0 else kept[step - 1]
            if step > 0 and before is None:
                continue
            first = before.events[0] if before else row.event
            if longest is None or row.event.time - first.time <= longest:
                grown[step] = Chain((*(before.events if before else ()), row.event))
        for step in row.forbidden:
            kept[step - 1] = None
        whole = grown.pop(last, whole)
        for step, chain in grown.items():
            known = kept[step]
            kept[step] = chain if known is None or chain.start >= known.start else known
    open_ = next((each for each in reversed(kept) if each is not None), None)
    return SequenceOutcome(whole, open_)
