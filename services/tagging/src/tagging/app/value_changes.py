"""Which values changed between two moments, of tags that keep versions."""

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from rules.evaluate.meaning import Value
from servicekit.clock import Clock
from servicekit.errors import InvalidField, ResourceNotFound, RightMissing
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnsInForce
from tagging.domain.columns import Bools, Ints
from tagging.domain.definition import Grade
from tagging.domain.history import Difference
from tagging.errors import VersionsNotKept, nearest
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores


class ValueChangeKind(IntEnum):
    """The numbers are those of huaxiang.tagging.v1.ValueChangeKind."""

    ENTERED = 1
    LEFT = 2
    CHANGED = 3


@dataclass(frozen=True, slots=True)
class ValueChange:
    person_id: int
    kind: ValueChangeKind
    old: Value | None
    new: Value | None


@dataclass(frozen=True, slots=True)
class Period:
    """Whose values of which tag, between two moments."""

    tag_id: str
    start: dt.datetime
    end: dt.datetime


class ReadValueChanges:
    """Reads in the caller's snapshot. Of persons alone whose id stands for themselves today."""

    def __init__(self, facts: FactStores, tags: TagStores, columns: ColumnsInForce, clock: Clock) -> None:
        self._facts = facts
        self._tags = tags
        self._columns = columns
        self._clock = clock

    def period(
        self,
        connection: Connection,
        tenant: str,
        tag_id: str,
        start: dt.datetime,
        end: dt.datetime | None,
        grades: Collection[Grade],
    ) -> Period:
        """Raises ResourceNotFound, RightMissing, VersionsNotKept, InvalidField."""
        plan = self._columns.of(connection, tenant)
        if tag_id not in plan.tags:
            raise ResourceNotFound(f"tag {tag_id}", nearest(tag_id, plan.tags))
        grade = plan.tags[tag_id].definition.grade
        if grade not in grades:
            raise RightMissing(f"tagging.values.read_{grade.value}")
        now = self._clock.now()
        keeping = self._tags.history.kept(connection, tenant).get(tag_id)
        if keeping is None:
            raise VersionsNotKept(tag_id, "")
        reach = keeping.reach(now)
        if start < reach:
            raise VersionsNotKept(tag_id, reach.isoformat())
        until = now if end is None else end
        if until <= start:
            raise InvalidField("end_time", "is not after start_time")
        return Period(tag_id, start, until)

    def counts(self, connection: Connection, tenant: str, period: Period) -> dict[ValueChangeKind, int]:
        """How many persons changed."""
        found = dict.fromkeys(ValueChangeKind, 0)
        for each in self._differences(connection, tenant, period):
            found[ValueChangeKind.ENTERED] += each.entered
            found[ValueChangeKind.LEFT] += each.left
            found[ValueChangeKind.CHANGED] += each.changed
        return found

    def page(
        self,
        connection: Connection,
        tenant: str,
        period: Period,
        kinds: Collection[ValueChangeKind],
        after: int,
        limit: int,
    ) -> list[ValueChange]:
        """Up to `limit` changes of these kinds, of persons above `after`, ascending."""
        found: list[ValueChange] = []
        for each in self._differences(connection, tenant, period, after):
            chosen = each.where(_of_kinds(each, kinds) & (each.old.persons > after))
            part = chosen.where(np.arange(len(chosen.old.persons)) < limit - len(found))
            rows = self._tags.history.decoded(connection, tenant, period.tag_id, part)
            found += [ValueChange(person, _kind(old, new), old, new) for person, old, new in rows]
            if len(found) == limit:
                break
        return found

    def _differences(
        self, connection: Connection, tenant: str, period: Period, after: int = 0
    ) -> Iterator[Difference]:
        history = self._tags.history
        for each in history.differences(connection, tenant, period.tag_id, period.start, period.end, after):
            living = self._living(connection, tenant, each.old.persons)
            yield each.where(np.isin(each.old.persons, living, assume_unique=True))

    def _living(self, connection: Connection, tenant: str, persons: Ints) -> Ints:
        found = self._facts.key_map.persons(connection, tenant, persons.tolist())
        return np.array([each.person_id for each in found.values() if each.state.is_living], np.int64)


def _of_kinds(difference: Difference, kinds: Collection[ValueChangeKind]) -> Bools:
    entered, left = difference.old.counts == 0, difference.new.counts == 0
    chosen: Bools = np.zeros(len(entered), np.bool_)
    if ValueChangeKind.ENTERED in kinds:
        chosen = chosen | entered
    if ValueChangeKind.LEFT in kinds:
        chosen = chosen | left
    if ValueChangeKind.CHANGED in kinds:
        chosen = chosen | ~(entered | left)
    return chosen


def _kind(old: Value | None, new: Value | None) -> ValueChangeKind:
    if old is None:
        return ValueChangeKind.ENTERED
    return ValueChangeKind.LEFT if new is None else ValueChangeKind.CHANGED
