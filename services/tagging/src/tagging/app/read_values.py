"""What is known of persons, as callers with their rights may see it."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rules.evaluate.meaning import Value
from rules.values import SCALE
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.errors import ResourceNotFound
from servicekit.revision import Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.evaluate_persons import Clocks
from tagging.app.quality.contradictions import Contradictions
from tagging.domain.aipl_entry import aipl_entry_times
from tagging.domain.columns import microseconds, moment_of
from tagging.domain.definition import Grade, LifecycleKind
from tagging.domain.events import Event
from tagging.domain.kinds.aipl import AiplKind
from tagging.domain.kinds.families import TOLD
from tagging.domain.persons import Person
from tagging.domain.plan import Tag
from tagging.domain.stage_entry import Happenings, entry_times
from tagging.domain.stated import Statement
from tagging.domain.tenants import TenantSettings
from tagging.errors import PersonUnknown, nearest
from tagging.store.event_read_ports import EventReads
from tagging.store.ports import FactStores
from tagging.store.tag_ports import StoredValue, TagStores

TIMELINE_EVENTS = 20
BEFORE_ALL = -(2**62)
"""The moment of a person whose stage is not known: nothing has happened by then."""


@dataclass(frozen=True, slots=True)
class ReadValue:
    """A person's value of a tag. `stored` None: nothing was ever computed; `withheld`: the caller may not see it.
    `statement`: what the value was told by, of a tag whose values are. `doubt`: what the confidence is multiplied by,
    scaled by 10^4: less than all of it when the person's behaviour contradicts the value."""

    tag: Tag
    stored: StoredValue | None
    entry_time: dt.datetime | None = None
    withheld: bool = False
    statement: Statement | None = None
    doubt: int = SCALE


@dataclass(frozen=True, slots=True)
class Portrait:
    """`values` in order of category, then tag_id; `timeline` newest first."""

    person: Person
    values: tuple[ReadValue, ...]
    timeline: tuple[Event, ...]
    as_of: dt.datetime
    revision: Revision


class ReadValues:
    """Reads in the caller's snapshot; follows redirects."""

    def __init__(
        self,
        facts: FactStores,
        events: EventReads,
        tags: TagStores,
        columns: ColumnsInForce,
        changelog: Changelog,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._events = events
        self._tags = tags
        self._columns = columns
        self._changelog = changelog
        self._clock = clock
        self._contradictions = Contradictions()

    def portrait(
        self,
        connection: Connection,
        tenant: str,
        person_id: int,
        tag_ids: Collection[str],
        grades: Collection[Grade],
    ) -> Portrait:
        """The tags asked for, or all that have a value. Raises PersonUnknown, ResourceNotFound (a tag)."""
        person = self._facts.key_map.living(connection, tenant, [person_id]).get(person_id)
        if person is None:
            raise PersonUnknown(person_id)
        plan = self._columns.of(connection, tenant)
        asked = self._asked(plan, tag_ids or list(plan.tags))
        found = self.values(connection, tenant, [person.person_id], asked, grades)[person.person_id]
        kept = [each for each in found if tag_ids or (each.stored and each.stored.value is not None)]
        kept.sort(key=lambda each: (each.tag.definition.category, each.tag.tag_id))
        timeline = self._facts.events.latest(connection, tenant, person.person_id, TIMELINE_EVENTS)
        return Portrait(person, tuple(kept), tuple(timeline), self._clock.now(), self.revision(connection))

    def batch(
        self,
        connection: Connection,
        tenant: str,
        person_ids: Sequence[int],
        tag_ids: Sequence[str],
        grades: Collection[Grade],
    ) -> tuple[list[tuple[int, list[ReadValue]]], Revision]:
        """(living person or 0, its values in the order of the tags) for each id asked for, in their order."""
        plan = self._columns.of(connection, tenant)
        asked = self._asked(plan, tag_ids)
        living = self._facts.key_map.living(connection, tenant, person_ids)
        ids = sorted({each.person_id for each in living.values()})
        found = self.values(connection, tenant, ids, asked, grades)
        nothing = [ReadValue(tag, None) for tag in asked]
        answers = []
        for person_id in person_ids:
            person = living.get(person_id)
            answers.append((person.person_id, found[person.person_id]) if person else (0, nothing))
        return answers, self.revision(connection)

    def revision(self, connection: Connection) -> Revision:
        """What this snapshot holds."""
        head = self._changelog.head(connection)
        return Revision(self._changelog.service, head.epoch, head.position, head.position)

    def _asked(self, plan: ColumnPlan, tag_ids: Collection[str]) -> list[Tag]:
        for tag_id in tag_ids:
            if tag_id not in plan.tags:
                raise ResourceNotFound(f"tag {tag_id}", nearest(tag_id, plan.tags))
        return [plan.tags[each] for each in tag_ids]

    def values(
        self,
        connection: Connection,
        tenant: str,
        person_ids: Sequence[int],
        tags: Sequence[Tag],
        grades: Collection[Grade],
    ) -> dict[int, list[ReadValue]]:
        """living person -> a value per tag, in the order of the tags."""
        readable = [each for each in tags if each.definition.grade in grades]
        stored = self._tags.values.get(connection, tenant, [each.tag_id for each in readable], person_ids)
        entered = self._entry_times(connection, tenant, person_ids, readable, stored)
        told = [each.tag_id for each in readable if isinstance(each.definition.kind, TOLD)]
        stated = self._tags.stated.of_persons(connection, tenant, told, person_ids)
        contradicted = self._contradicted(connection, tenant, person_ids, readable, stored, grades)
        found: dict[int, list[ReadValue]] = {}
        for person in person_ids:
            values = []
            for tag in tags:
                if tag.definition.grade not in grades:
                    values.append(ReadValue(tag, None, withheld=True))
                    continue
                value = stored.get(tag.tag_id, {}).get(person)
                entry = entered.get((tag.tag_id, person))
                statement = stated.get(tag.tag_id, {}).get(person)
                is_doubted = person in contradicted.get(tag.tag_id, ())
                doubt = tag.definition.quality.doubt if is_doubted else SCALE
                values.append(ReadValue(tag, value, entry, statement=statement, doubt=doubt))
            found[person] = values
        return found

    def _contradicted(
        self,
        connection: Connection,
        tenant: str,
        person_ids: Sequence[int],
        tags: Sequence[Tag],
        stored: Mapping[str, Mapping[int, StoredValue]],
        grades: Collection[Grade],
    ) -> Mapping[str, Collection[int]]:
        """tag -> of whom its owner's rule says that behaviour contradicts the value, as far as the caller may read all
        that the rule names. Costs nothing where no tag states a rule."""
        asked = [each for each in tags if each.definition.quality.contradicted_when]
        state = self._facts.tenants.get(connection, tenant) if asked and person_ids else None
        if state is None:
            return {}
        plan = self._columns.of(connection, tenant)
        recipes = self._contradictions.readable(plan, asked, grades)
        more = {name for recipe in recipes.values() for name in recipe.tags} - stored.keys()
        known = {**stored, **self._tags.values.get(connection, tenant, more, person_ids)} if more else stored
        values: dict[int, dict[str, Value]] = {each: {} for each in person_ids}
        for tag_id, by_person in known.items():
            for person, each in by_person.items():
                if each.value is not None:
                    values[person][tag_id] = each.value
        persons = self._facts.key_map.persons(connection, tenant, person_ids)
        clocks = Clocks.of(state, self._clock.now())
        return self._contradictions.of_persons(plan, recipes, list(persons.values()), values, clocks)

    def _entry_times(
        self,
        connection: Connection,
        tenant: str,
        person_ids: Sequence[int],
        tags: Sequence[Tag],
        stored: dict[str, dict[int, StoredValue]],
    ) -> dict[tuple[str, int], dt.datetime | None]:
        """Of stages: a function of the person's events and the value's moment."""
        staged = [each for each in tags if isinstance(each.definition.kind, LifecycleKind | AiplKind)]
        if not staged:
            return {}
        told = self._events.times(connection, tenant, person_ids)
        places = {person: place for place, person in enumerate(person_ids)}
        persons = np.array([places[person] for person, _, _ in told], np.int64)
        times = np.array([time_us for _, _, time_us in told], np.int64)
        types = np.array([type_ for _, type_, _ in told], object)
        state = self._facts.tenants.get(connection, tenant)
        calendar = (state.settings if state else TenantSettings()).calendar
        found: dict[tuple[str, int], dt.datetime | None] = {}
        for tag in staged:
            kind = tag.definition.kind
            values = stored.get(tag.tag_id, {})
            known = [each for each in person_ids if each in values and values[each].value is not None]
            as_of = np.full(len(person_ids), BEFORE_ALL, np.int64)
            as_of[[places[each] for each in known]] = [microseconds(values[each].as_of) for each in known]
            if isinstance(kind, AiplKind):
                entered = aipl_entry_times(kind, persons, times, types, as_of, calendar)
            else:
                assert isinstance(kind, LifecycleKind)
                happened = Happenings(persons, times, types == kind.purchase_event)
                entered = entry_times(kind, happened, as_of, calendar)
            for person in known:
                entry = entered[places[person]]
                found[tag.tag_id, person] = None if entry is None else moment_of(entry)
        return found
