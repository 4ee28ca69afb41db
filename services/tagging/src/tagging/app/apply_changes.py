"""Stores what identity says, batch by batch, with what follows from it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from servicekit.changelog import Changelog, Entry
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.domain.events import Event
from tagging.domain.facts import Fact, version_of
from tagging.domain.persons import Person
from tagging.domain.tenants import TenantSettings
from tagging.store.ports import FactStores, FollowSettings, Recompute

PAGE = 5_000
"""Persons read at a time."""
ALIKE = 64
"""So many persons with events of the same types are computed by themselves, without what does not concern them."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What facts of one tenant changed: entries to append, and the persons to compute anew.

    overtaken  among the touched, those of which the other lane had told more already
    everybody  all living persons, when the meaning of windows changed: too many to compute at once
    eventful   among the touched, those of whom nothing is new but events -> the types of these
    """

    entries: tuple[Entry, ...]
    touched: frozenset[int]
    overtaken: frozenset[int]
    everybody: frozenset[int]
    eventful: Mapping[int, frozenset[str]] = field(default_factory=dict)


class StoreFacts:
    """Stores facts of one tenant in the caller's transaction. Repeats change nothing."""

    def __init__(self, stores: FactStores, now: Callable[[], datetime]) -> None:
        self._stores = stores
        self._now = now

    def __call__(
        self,
        connection: Connection,
        tenant: str,
        settings: TenantSettings | None,
        persons: Sequence[Person],
        events: Sequence[Event],
    ) -> Stored:
        stores = self._stores
        stores.tenants.lock(connection, tenant)
        entries: list[Entry] = []
        everybody: frozenset[int] = frozenset()
        if stores.tenants.get(connection, tenant) is None:
            entries.append(stores.entries.day(stores.tenants.ensure(connection, tenant, self._now())))
        if settings is not None and self._store_settings(connection, tenant, settings, entries):
            everybody = self._everybody(connection, tenant)
        delta = stores.key_map.apply(connection, tenant, persons)
        entries += [stores.entries.person(tenant, person) for person in (*delta.changed, *delta.overtaken)]
        appended = stores.events.append(connection, tenant, events)
        anchors = appended.left_keys | {event.anchor_key_id for event in appended.events}
        overtaken = frozenset(person.person_id for person in delta.overtaken)
        owners = stores.key_map.owners(connection, tenant, anchors)
        touched = delta.touched | overtaken | set(owners.values())
        if touched:
            entries.append(stores.entries.touched(tenant, touched))
        eventful: dict[int, frozenset[str]] = {}
        if not appended.left_keys:
            types = _types_by_person(appended.events, owners)
            eventful = {each: types[each] for each in touched - delta.touched - overtaken}
        return Stored(tuple(entries), touched, overtaken, everybody, eventful)

    def _store_settings(
        self, connection: Connection, tenant: str, settings: TenantSettings, entries: list[Entry]
    ) -> bool:
        """Whether the meaning of windows, periods or workdays changed: then the day stands anew."""
        tenants = self._stores.tenants
        before = tenants.ensure(connection, tenant, self._now())
        if not tenants.put_settings(connection, tenant, settings):
            return False
        if before.settings.calendar == settings.calendar:
            return False
        day = settings.calendar.day_of(self._now())
        tenants.set_day(connection, tenant, day)
        entries.append(self._stores.entries.day(replace(before, day=day, settings=settings)))
        return True

    def _everybody(self, connection: Connection, tenant: str) -> frozenset[int]:
        found: set[int] = set()
        after = 0
        while page := self._stores.key_map.universe(connection, tenant, after, PAGE):
            found.update(person.person_id for person in page if person.state.is_living)
            after = page[-1].person_id
        return frozenset(found)


class ApplyChanges:
    """One batch of one lane, in one transaction: facts, what follows from them, the cursor, the promise.

    Live facts recompute the persons they touch at once. Bulk facts leave them stale: a worker recomputes them
    when the lane is idle, or a run does. What follows from a fact is appended to the fact's own lane, even when
    the other lane has told it already: what a lane promises may rest on no entry of the other.
    """

    def __init__(
        self,
        stores: FactStores,
        changelog: Changelog,
        now: Callable[[], datetime],
        recompute: Recompute,
        follow_settings: FollowSettings,
    ) -> None:
        self._stores = stores
        self._changelog = changelog
        self._recompute = recompute
        self._follow_settings = follow_settings
        self._store = StoreFacts(stores, now)

    def __call__(self, connection: Connection, facts: Sequence[Fact], lane: Lane, through: Revision) -> None:
        progress = self._stores.progress
        number = progress.epoch_number(connection, through.epoch)
        entries: list[Entry] = []
        restarted: list[Entry] = []
        for tenant in sorted({fact.tenant for fact in facts}):
            of_tenant = [fact for fact in facts if fact.tenant == tenant]
            settings = _last_settings(of_tenant)
            follow = None
            if settings is not None:
                self._stores.tenants.lock(connection, tenant)
                follow = self._follow_settings(connection, tenant)
            stored = self._store(
                connection,
                tenant,
                settings,
                [
                    replace(fact.what, version=version_of(fact.what.version, number))
                    for fact in of_tenant
                    if isinstance(fact.what, Person)
                ],
                [fact.what for fact in of_tenant if isinstance(fact.what, Event)],
            )
            entries += stored.entries
            restarted += follow() if follow else ()
            self._leave_behind(connection, tenant, stored.everybody)
            if not stored.touched:
                continue
            if lane is Lane.LIVE:
                entries += values_after(self._recompute, connection, tenant, stored, lane)
                progress.overtake(connection, tenant, stored.touched)
            else:
                position = min(fact.position for fact in of_tenant)
                progress.add_stale(
                    connection, tenant, stored.touched, position, stored.overtaken, stored.eventful
                )
        progress.advance(connection, lane, through)
        if entries or restarted:
            self._changelog.append(connection, lane, [*entries, *restarted])
        if restarted and lane is Lane.LIVE:
            self._changelog.append(connection, Lane.BULK, restarted)  # before the blocks of their new values

    def _leave_behind(self, connection: Connection, tenant: str, everybody: frozenset[int]) -> None:
        """Settings are no facts of a person: whichever lane brought them, the bulk lane waits for the values."""
        cursor = self._stores.progress.cursor(connection)
        if everybody and cursor is not None:
            self._stores.progress.add_stale(connection, tenant, everybody, cursor.bulk + 1)


def values_after(
    recompute: Recompute, connection: Connection, tenant: str, stored: Stored, lane: Lane
) -> list[Entry]:
    """The value entries that follow from stored facts."""
    entries: list[Entry] = []
    if others := stored.touched - stored.eventful.keys():
        entries += recompute(connection, tenant, others, stored.overtaken, lane)
    for person_ids, types in _alike(stored.eventful):
        entries += recompute(connection, tenant, person_ids, frozenset(), lane, types)
    return entries


def _types_by_person(events: Iterable[Event], owners: Mapping[int, int]) -> dict[int, frozenset[str]]:
    """The types of the events of each person."""
    by_person: dict[int, set[str]] = {}
    for event in events:
        if event.anchor_key_id in owners:
            by_person.setdefault(owners[event.anchor_key_id], set()).add(event.type)
    return {person: frozenset(types) for person, types in by_person.items()}


def _alike(eventful: Mapping[int, frozenset[str]]) -> list[tuple[frozenset[int], frozenset[str]]]:
    """The persons with the types of events that may concern them: those who have the same, where they are many, and the
    rest with all types of theirs."""
    by_types: dict[frozenset[str], set[int]] = {}
    for person, types in eventful.items():
        by_types.setdefault(types, set()).add(person)
    many = {types: persons for types, persons in by_types.items() if len(persons) >= ALIKE}
    found = [(frozenset(persons), types) for types, persons in many.items()]
    if rest := eventful.keys() - set().union(*many.values()):
        found.append((frozenset(rest), frozenset().union(*(eventful[each] for each in rest))))
    return found


def _last_settings(facts: Iterable[Fact]) -> TenantSettings | None:
    said = [fact.what for fact in facts if isinstance(fact.what, TenantSettings)]
    return said[-1] if said else None
