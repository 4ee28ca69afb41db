"""The changelog's payloads as protobuf: Encoding for the use cases, and the way back for Watch and exports."""

from decimal import Decimal

from huaxiang.identity.v1 import change_pb2, identifier_pb2, person_pb2, tenant_settings_pb2
from huaxiang.type.v1 import value_pb2
from servicekit.changelog import StoredEntry
from servicekit.values import date_of, moment, timestamp

from identity.api import person_wire, wire
from identity.app.encoding import ChangeKind, Traits
from identity.domain.bulk_rows import NewPersons
from identity.domain.person import Person
from identity.domain.record import ResolvedEvent
from identity.domain.settings import TenantSettings

NUMBER_SCALE_DIGITS = 4


class ProtoEncoding:
    """Encoding. Concatenated messages merge, so a fragment made earlier is appended, not parsed again."""

    def event(self, event: ResolvedEvent) -> bytes:
        message = change_pb2.ResolvedEvent(
            ingest_sequence=event.ingest_sequence,
            source=event.source,
            event_id=event.event_id,
            brand=event.brand,
            type=event.type,
            anchor_key_id=event.anchor_key_id,
            other_key_ids=event.other_key_ids,
            time=timestamp(event.time_us),
        )
        return message.SerializeToString(deterministic=True) + event.properties

    def person(self, person: Person) -> bytes:
        message = person_pb2.Person(
            person_id=person.person_id,
            state=person_pb2.PersonState.ValueType(int(person.state)),
            redirect_person_id=person.redirect_person_id,
            keys=[identifier_pb2.Key(key_id=key.key_id, namespace=key.namespace) for key in person.keys],
            birth_hash=person.birth_hash,
            channels=[
                person_pb2.ReachableChannel(channel=channel.channel.name.lower(), purposes=channel.purposes)
                for channel in person.channels
            ],
        )
        for name, value in person.attributes.items():
            message.attributes[name].CopyFrom(value_pb2.Value.FromString(value))
        return message.SerializeToString(deterministic=True)

    def new_persons(self, persons: NewPersons) -> list[bytes]:
        return person_wire.new_persons(persons)

    def traits(self, person: bytes) -> Traits:
        attributes = person_pb2.Person.FromString(person).attributes
        born = attributes.get("birth_date")
        return Traits(
            attributes["time_zone"].text_value if "time_zone" in attributes else "",
            None if born is None else date_of(born.date_value),
            "no_profiling" in attributes and attributes["no_profiling"].bool_value,
        )

    def versioned(self, person: bytes, version: int) -> bytes:
        return person + wire.number(person_pb2.Person.VERSION_FIELD_NUMBER, version)

    def settings(self, settings: TenantSettings) -> bytes:
        return settings_message(settings).SerializeToString(deterministic=True)


def settings_message(settings: TenantSettings) -> tenant_settings_pb2.TenantSettings:
    """Settings as a message."""
    return tenant_settings_pb2.TenantSettings(
        time_zone=settings.time_zone,
        week_start=settings.week_start,
        currency=settings.currency,
        calendar=[
            tenant_settings_pb2.CalendarPeriod(name=period.name, start=period.start, end=period.end)
            for period in settings.calendar
        ],
        event_retention_days=settings.event_retention_days,
        sensitive_purposes=settings.sensitive_purposes,
        years=[
            tenant_settings_pb2.CalendarYear(
                year=year.year,
                holidays=[
                    tenant_settings_pb2.Holiday(
                        name=each.name, first_day=each.first_day, last_day=each.last_day
                    )
                    for each in year.holidays
                ],
                worked_days=year.worked_days,
            )
            for year in settings.years
        ],
    )


def change_message(entry: StoredEntry) -> change_pb2.Change:
    """A changelog entry as it goes out."""
    change = change_pb2.Change(
        tenant=entry.tenant, position=entry.position, traceparent=entry.traceparent or ""
    )
    if entry.kind == ChangeKind.EVENT:
        change.event.ParseFromString(entry.payload)
    elif entry.kind == ChangeKind.PERSON:
        change.person.ParseFromString(entry.payload)
    else:
        change.settings.ParseFromString(entry.payload)
    return change


def plain_value(encoded: bytes) -> object:
    """An attribute's encoded value as plain JSON: numbers as decimal text, dates and moments as RFC 3339."""
    message = value_pb2.Value.FromString(encoded)
    kind = message.WhichOneof("kind")
    if kind in ("text_value", "bool_value"):
        return getattr(message, kind)
    if kind == "number_value":
        return str(Decimal(message.number_value).scaleb(-NUMBER_SCALE_DIGITS))
    if kind == "date_value":
        return date_of(message.date_value).isoformat()
    return moment(message.datetime_value).isoformat()
