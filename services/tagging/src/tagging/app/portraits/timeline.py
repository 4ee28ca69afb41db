"""What happened to a person, page by page, newest first: events, and changes of tags that keep versions."""

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from heapq import nlargest
from typing import NamedTuple

from rules.evaluate.meaning import Value
from servicekit.errors import RightMissing
from servicekit.revision import Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnsInForce
from tagging.app.read_values import ReadValues
from tagging.domain.columns import microseconds
from tagging.domain.definition import Grade
from tagging.domain.event_grades import EventRelease
from tagging.domain.events import Event
from tagging.domain.shown_events import ShownEvent, shown_event
from tagging.errors import PersonUnknown
from tagging.store.event_read_ports import EventReads
from tagging.store.ports import FactStores, Place
from tagging.store.tag_ports import TagStores

LAST_SEQUENCE = 2**62
"""Behind every event of one moment."""


class Position(NamedTuple):
    """Where an entry stands, the highest first: of one moment changes, which follow from events, before events. An
    event has its ingest_sequence and no tag."""

    time_us: int
    is_change: int
    ingest_sequence: int
    tag_id: str


@dataclass(frozen=True, slots=True)
class TagChange:
    """A value of a tag changed; None is unknown."""

    tag_id: str
    time: dt.datetime
    old: Value | None
    new: Value | None


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """`next` is where this page ends, None on the last one."""

    person_id: int
    entries: tuple[ShownEvent | TagChange, ...]
    next: Position | None
    revision: Revision


class ReadTimeline:
    """Reads in the caller's snapshot; follows redirects. Changes are those recorded of the living person's own id."""

    def __init__(
        self,
        facts: FactStores,
        events: EventReads,
        tags: TagStores,
        columns: ColumnsInForce,
        values: ReadValues,
    ) -> None:
        self._facts = facts
        self._events = events
        self._tags = tags
        self._columns = columns
        self._values = values

    def __call__(
        self,
        connection: Connection,
        tenant: str,
        person_id: int,
        types: Collection[str],
        grades: Collection[Grade],
        before: Position | None,
        limit: int,
        *,
        with_changes: bool = True,
    ) -> TimelinePage:
        """`types` empty is all; `grades` are those whose tags and events the caller may read. Raises PersonUnknown,
        RightMissing (of a type asked for by name)."""
        plan = self._columns.of(connection, tenant)
        release = EventRelease(plan.dictionary.grades, grades)
        for each in types:
            if not release.shows(each):
                raise RightMissing(f"tagging.values.read_{release.grades.of_type(each).grade.value}")
        person = self._facts.key_map.living(connection, tenant, [person_id]).get(person_id)
        if person is None:
            raise PersonUnknown(person_id)
        events = self._events.latest(
            connection, tenant, person.person_id, limit + 1, types=types or None, before=_place(before)
        )
        found: list[Event | TagChange] = [*events]
        if with_changes:
            found += (
                each
                for each in self._changes(connection, tenant, person.person_id, grades)
                if before is None or position_of(each) < before
            )
        newest = nlargest(limit + 1, found, key=position_of)
        following = position_of(newest[limit - 1]) if len(newest) > limit else None
        return TimelinePage(
            person.person_id,
            tuple(
                shown_event(each, plan.dictionary, release) if isinstance(each, Event) else each
                for each in newest[:limit]
            ),
            following,
            self._values.revision(connection),
        )

    def _changes(
        self, connection: Connection, tenant: str, person_id: int, grades: Collection[Grade]
    ) -> Iterable[TagChange]:
        plan = self._columns.of(connection, tenant)
        kept = self._tags.history.kept(connection, tenant)
        readable = [each for each in kept if each in plan.tags and plan.tags[each].definition.grade in grades]
        if not readable:
            return
        recorded = self._tags.history.of_person(connection, tenant, readable, person_id)
        present = self._tags.values.get(connection, tenant, readable, [person_id])
        for tag_id, changes in recorded.items():
            stored = present.get(tag_id, {}).get(person_id)
            following = stored.value if stored else None
            for time, old in reversed(changes):
                yield TagChange(tag_id, time, old, following)
                following = old


def position_of(entry: Event | TagChange) -> Position:
    match entry:
        case Event():
            return Position(microseconds(entry.time), 0, entry.ingest_sequence, "")
        case TagChange():
            return Position(microseconds(entry.time), 1, 0, entry.tag_id)


def _place(before: Position | None) -> Place | None:
    """Where the events of a page that ends here go on."""
    if before is None:
        return None
    return Place(before.time_us, LAST_SEQUENCE if before.is_change else before.ingest_sequence)
