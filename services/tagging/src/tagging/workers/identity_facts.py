"""identity's messages as facts."""

import datetime as dt
from collections.abc import Iterable, Mapping

from huaxiang.identity.v1 import change_pb2, person_pb2, tenant_settings_pb2
from huaxiang.type.v1 import value_pb2
from rules.calendars import Holiday, Year
from rules.evaluate.meaning import Value
from rules.evaluate.person import PropertyValue
from servicekit.logging import logger
from servicekit.values import NotAValue, moment
from tagging.api.parse import property_value, value
from tagging.domain.dictionary import Dictionary
from tagging.domain.events import Event
from tagging.domain.facts import Fact
from tagging.domain.persons import Person, PersonState
from tagging.domain.tenants import CalendarPeriod, TenantSettings

_STATES: Mapping[int, PersonState] = {
    person_pb2.PERSON_STATE_ANONYMOUS: PersonState.ANONYMOUS,
    person_pb2.PERSON_STATE_KNOWN: PersonState.KNOWN,
    person_pb2.PERSON_STATE_MEMBER: PersonState.MEMBER,
    person_pb2.PERSON_STATE_REDIRECTED: PersonState.REDIRECTED,
    person_pb2.PERSON_STATE_ERASED: PersonState.ERASED,
}


def facts_of(changes: Iterable[change_pb2.Change], dictionary: Dictionary) -> list[Fact]:
    """The facts, in order; a kind that this release does not know stands for nothing."""
    return [Fact(change.tenant, change.position, _what(change, dictionary)) for change in changes]


def event_of(message: change_pb2.ResolvedEvent, dictionary: Dictionary) -> Event:
    """An event, its properties sorted by the dictionary; a value without meaning is left out and logged."""
    declared, extra = dictionary.conform(message.type, _properties(message))
    return Event(
        ingest_sequence=message.ingest_sequence,
        source=message.source,
        event_id=message.event_id,
        type=message.type,
        time=moment(message.time),
        anchor_key_id=message.anchor_key_id,
        other_key_ids=tuple(message.other_key_ids),
        brand=message.brand,
        properties=declared,
        extra=extra,
    )


def person_of(message: person_pb2.Person) -> Person:
    """A statement about a person; the version is identity's position."""
    return Person(
        person_id=message.person_id,
        version=message.version,
        state=_STATES[message.state],
        redirect_person_id=message.redirect_person_id,
        key_ids=tuple(sorted(key.key_id for key in message.keys)),
        birth_hash=message.birth_hash,
        attributes=_attributes(message.attributes),
    )


def settings_of(message: tenant_settings_pb2.TenantSettings) -> TenantSettings:
    """The settings; what is not said has its default."""
    defaults = TenantSettings()
    return TenantSettings(
        time_zone=message.time_zone or defaults.time_zone,
        week_start=message.week_start or defaults.week_start,
        currency=message.currency or defaults.currency,
        periods=tuple(CalendarPeriod(each.name, each.start, each.end) for each in message.calendar),
        event_retention_days=message.event_retention_days,
        years=tuple(map(_year, message.years)),
    )


def _year(message: tenant_settings_pb2.CalendarYear) -> Year:
    """identity has checked the days."""
    day = dt.date.fromisoformat
    holidays = tuple(Holiday(each.name, day(each.first_day), day(each.last_day)) for each in message.holidays)
    return Year(message.year, holidays, tuple(map(day, message.worked_days)))


def _what(change: change_pb2.Change, dictionary: Dictionary) -> Event | Person | TenantSettings | None:
    match change.WhichOneof("change"):
        case "event":
            return event_of(change.event, dictionary)
        case "person":
            return person_of(change.person)
        case "settings":
            return settings_of(change.settings)
        case _:
            return None


def _properties(message: change_pb2.ResolvedEvent) -> dict[str, PropertyValue]:
    found: dict[str, PropertyValue] = {}
    for name, said in message.properties.items():
        try:
            known = property_value(said)
        except NotAValue:
            logger().warning("event property without meaning left out", kind=message.type)
            continue
        if known is not None:
            found[name] = known
    return found


def _attributes(said: Mapping[str, value_pb2.Value]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, message in said.items():
        try:
            known = value(message)
        except NotAValue:
            logger().warning("attribute without meaning left out")
            continue
        if known is not None:
            found[name] = known
    return found
