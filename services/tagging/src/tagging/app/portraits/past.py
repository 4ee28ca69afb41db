"""What a portrait said at an earlier moment: the values of tags that keep versions."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import replace

from rules.evaluate.meaning import Value
from servicekit.clock import Clock
from servicekit.errors import InvalidField, ResourceNotFound
from servicekit.revision import Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.portraits.compose import ComposedPortrait
from tagging.app.read_values import TIMELINE_EVENTS, ReadValue, ReadValues
from tagging.domain.columns import microseconds
from tagging.domain.definition import Grade
from tagging.domain.event_grades import EventRelease
from tagging.domain.plan import Tag
from tagging.domain.shown_events import shown_event
from tagging.errors import PersonUnknown, VersionsNotKept, nearest
from tagging.store.ports import FactStores, Place
from tagging.store.tag_ports import StoredValue, TagStores


class ReadPastPortraits:
    """Reads in the caller's snapshot; follows the redirects of today. Never from copies."""

    def __init__(
        self,
        facts: FactStores,
        tags: TagStores,
        columns: ColumnsInForce,
        values: ReadValues,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._tags = tags
        self._columns = columns
        self._values = values
        self._clock = clock

    def __call__(
        self,
        connection: Connection,
        tenant: str,
        person_id: int,
        tag_ids: Collection[str],
        grades: Collection[Grade],
        as_of: dt.datetime,
        *,
        has_timeline: bool,
    ) -> tuple[ComposedPortrait, Revision]:
        """The tags asked for, or all whose versions reach back so far and that had a value. `timeline`: up to then.

        Raises PersonUnknown, ResourceNotFound (a tag), VersionsNotKept, InvalidField.
        """
        if as_of > self._clock.now():
            raise InvalidField("as_of", "is ahead of the suite's clock")
        person = self._facts.key_map.living(connection, tenant, [person_id]).get(person_id)
        if person is None:
            raise PersonUnknown(person_id)
        tags = self._tags_at(connection, tenant, tag_ids, as_of)
        read = self._values.values(connection, tenant, [person.person_id], tags, grades)[person.person_id]
        open_ids = [each.tag.tag_id for each in read if not each.withheld]
        past = self._tags.history.values_at(connection, tenant, open_ids, [person.person_id], as_of)
        found = [_at(each, past.get(each.tag.tag_id, {}), person.person_id, as_of) for each in read]
        if not tag_ids:
            found = [
                each for each in found if each.withheld or (each.stored and each.stored.value is not None)
            ]
            found.sort(key=lambda each: (each.tag.definition.category, each.tag.tag_id))
        place = Place(microseconds(as_of) + 1, 0)
        timeline = (
            self._facts.events.latest(connection, tenant, person.person_id, TIMELINE_EVENTS, before=place)
            if has_timeline
            else ()
        )
        dictionary = self._columns.of(connection, tenant).dictionary
        release = EventRelease(dictionary.grades, grades)
        shown = tuple(shown_event(each, dictionary, release) for each in timeline)
        portrait = ComposedPortrait(person, tuple(found), timeline=shown)
        return portrait, self._values.revision(connection)

    def _tags_at(
        self, connection: Connection, tenant: str, tag_ids: Collection[str], as_of: dt.datetime
    ) -> list[Tag]:
        plan = self._columns.of(connection, tenant)
        now = self._clock.now()
        reach = {
            tag_id: keeping.reach(now)
            for tag_id, keeping in self._tags.history.kept(connection, tenant).items()
        }
        if not tag_ids:
            return [tag for tag_id, tag in plan.tags.items() if tag_id in reach and reach[tag_id] <= as_of]
        return [self._tag_at(plan, tag_id, reach.get(tag_id), as_of) for tag_id in tag_ids]

    @staticmethod
    def _tag_at(plan: ColumnPlan, tag_id: str, reach: dt.datetime | None, as_of: dt.datetime) -> Tag:
        if tag_id not in plan.tags:
            raise ResourceNotFound(f"tag {tag_id}", nearest(tag_id, plan.tags))
        if reach is None or reach > as_of:
            raise VersionsNotKept(tag_id, reach.isoformat() if reach else "")
        return plan.tags[tag_id]


def _at(read: ReadValue, past: Mapping[int, Value | None], person_id: int, as_of: dt.datetime) -> ReadValue:
    """The value as it was; one that has not changed since is known to have been of some moment up to then."""
    if read.withheld:
        return read
    if person_id not in past:
        stored = read.stored and replace(read.stored, as_of=min(read.stored.as_of, as_of))
        return replace(read, stored=stored)
    return ReadValue(read.tag, StoredValue(past[person_id], as_of, from_run=False))
