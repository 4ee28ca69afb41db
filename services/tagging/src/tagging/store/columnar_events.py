"""Events of a person from mapped columns, where that is faster than from rows: of who has many.

Columns and what came after them say which events a person has, and when. They are where a person's keys stand now, so a
merge or an undo is followed at once; what counts no longer is left out by the numbers replaced and by the horizon, and
of erased keys nobody is the owner. Whole events, with what no column tells, are read as rows by their numbers.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from types import MappingProxyType

import numpy as np
from rules.evaluate.events.columns import Ints
from sqlalchemy import Connection
from tagging.domain.dictionary import Dictionary
from tagging.domain.events import Event
from tagging.store.event_places import EventPlaces
from tagging.store.event_read_ports import HeldPersonEvents
from tagging.store.mapped_columns import MappedColumns
from tagging.store.mapped_person_events import MappedPersonEvents, ReadPersonEvents
from tagging.store.ports import EventStore, Place
from tagging.store.recent_places import RecentPlaces
from tagging.store.sql_event_marks import last_arrival, sequence_at
from tagging.store.sql_event_rows import events_by_sequence
from tagging.store.sql_key_owners import keys_of_persons
from tagging.store.sql_replaced_events import replaced_sequences
from tagging.store.sql_retention import horizon_of

FEW = 500
"""Who has fewer events of frequent types in columns is read by rows: that takes a millisecond or two."""


class ColumnarEvents:
    """EventReads over columns and an EventStore. Safe for threads."""

    def __init__(self, events: EventStore, mapped: MappedColumns, few: int = FEW) -> None:
        self._events = events
        self._mapped = mapped
        self._recent = RecentPlaces()
        self._few = few

    def latest(
        self,
        connection: Connection,
        tenant: str,
        person_id: int,
        limit: int,
        *,
        types: Collection[str] | None = None,
        before: Place | None = None,
    ) -> list[Event]:
        """As EventStore says. Of all types rows stand in order and are read as far as the page goes."""
        places = self._event_places(connection, tenant, [person_id]).get(person_id) if types else None
        if places is None or types is None:
            return self._events.latest(connection, tenant, person_id, limit, types=types, before=before)
        times, sequences = places.of(types, limit, before)
        if before is not None:
            earlier = (times < before.time_us) | (
                (times == before.time_us) & (sequences < before.ingest_sequence)
            )
            times, sequences = times[earlier], sequences[earlier]
        if len(times) > limit:
            later = times >= np.partition(times, len(times) - limit)[len(times) - limit]
            times, sequences = times[later], sequences[later]
        chosen = sequences[np.lexsort((sequences, times))[::-1][:limit]].tolist()
        rows = events_by_sequence(connection, tenant, chosen)
        return [rows[each] for each in chosen]

    def times(
        self, connection: Connection, tenant: str, person_ids: Collection[int]
    ) -> list[tuple[int, str, int]]:
        """As EventStore says."""
        places = self._event_places(connection, tenant, person_ids)
        found: list[tuple[int, str, int]] = []
        for person_id, each in places.items():
            for event_type in each.types():
                times, _ = each.of([event_type])
                found += [(person_id, event_type, time_us) for time_us in times.tolist()]
        rest = [each for each in person_ids if each not in places]
        return found + (self._events.times(connection, tenant, rest) if rest else [])

    def of_person(
        self,
        connection: Connection,
        tenant: str,
        person_id: int,
        types: Collection[str],
        dictionary: Dictionary,
        since: Mapping[str, dt.datetime] = MappingProxyType({}),
    ) -> HeldPersonEvents:
        """As EventReads says."""
        places = self._event_places(connection, tenant, [person_id]).get(person_id) if types else None
        if places is None:
            rows = self._events.of_persons(connection, tenant, [person_id], types)[person_id]
            return ReadPersonEvents(tuple(each.for_rules(dictionary) for each in rows))
        return MappedPersonEvents(
            connection, tenant, places, {each: since.get(each) for each in types}, dictionary
        )

    def _event_places(
        self, connection: Connection, tenant: str, person_ids: Collection[int]
    ) -> dict[int, EventPlaces]:
        """Of those persons who have many events, when columns cover what they should."""
        build = self._mapped.current(tenant)
        if build is None or not build.mark.ingest_sequence:
            return {}
        owners = keys_of_persons(connection, tenant, person_ids)
        keys = np.array(sorted(owners), np.int64)
        many = _owned(keys, owners, build.event_counts(keys), self._few)
        if not many:
            return {}
        # After the store was put back from a copy others may have arrived under the same numbers.
        if sequence_at(connection, tenant, build.mark.arrival) != build.mark.ingest_sequence:
            return {}
        through = last_arrival(connection, tenant)
        all_keys = np.concatenate(list(many.values()))
        recent = self._recent.of_keys(connection, tenant, all_keys, build.mark.arrival, through)
        if recent is None:
            return {}
        replaced = np.array(replaced_sequences(connection, tenant), np.int64)
        horizon, names = horizon_of(connection, tenant), self._recent.types()
        return {
            person_id: EventPlaces(
                build, own, recent.where(np.isin(recent.keys, own)), names, replaced, horizon
            )
            for person_id, own in many.items()
        }


def _owned(keys: Ints, owners: Mapping[int, int], counts: Ints, few: int) -> dict[int, Ints]:
    """By person the keys, ascending, of those with at least so many events."""
    own: dict[int, list[int]] = {}
    total: dict[int, int] = {}
    for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
        person_id = owners[key]
        own.setdefault(person_id, []).append(key)
        total[person_id] = total.get(person_id, 0) + count
    return {person_id: np.array(own[person_id], np.int64) for person_id in own if total[person_id] >= few}
