"""Requests and tagging's messages as domain values; limits are checked here."""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.segments.v1 import segment_pb2
from huaxiang.segments.v1.export_service_pb2 import RequestExportRequest
from huaxiang.segments.v1.run_service_pb2 import CreateRunRequest
from huaxiang.tagging.v1 import change_pb2, change_service_pb2, event_type_service_pb2, tag_pb2
from huaxiang.type.v1 import revision_pb2, value_pb2
from rules.ahead import period_starts
from rules.calendars import mainland_china
from rules.check import Population
from rules.evaluate.meaning import Value
from rules.schema import EventType, Openness, PropertyType, ReferenceTable, TagType, ValueList
from rules.values import Kind, ValueType
from rules.windows import CalendarSettings
from segments.domain.changes import (
    Change,
    DayRolled,
    FeatureChange,
    FeatureState,
    PackedBlock,
    PersonChange,
    PersonState,
    PersonValues,
    TagChange,
)
from segments.domain.dictionary import Dictionary, EventGrade
from segments.domain.packing import Coded, damage_of
from segments.domain.people import Actor
from segments.domain.segment import STATIC_RULE, Draft, State
from segments.domain.segment import Kind as SegmentKind
from segments.errors import ADMINISTER
from servicekit.errors import BatchTooLarge, InvalidField
from servicekit.principal import Principal
from servicekit.request_ids import MAX_REQUEST_ID_CHARS, digest_source
from servicekit.revision import LANES, Lane
from servicekit.rights import may
from servicekit.values import NotAValue, date_of, moment, scalar

_POPULATIONS: Mapping[int, Population] = {
    segment_pb2.POPULATION_UNSPECIFIED: Population.KNOWN,
    segment_pb2.POPULATION_KNOWN: Population.KNOWN,
    segment_pb2.POPULATION_MEMBER: Population.MEMBER,
    segment_pb2.POPULATION_ALL: Population.ALL,
}
_STATES: Mapping[int, State] = {
    segment_pb2.SEGMENT_STATE_PREPARING: State.PREPARING,
    segment_pb2.SEGMENT_STATE_LIVE: State.LIVE,
    segment_pb2.SEGMENT_STATE_FAILED: State.FAILED,
}
_SEGMENT_KINDS: Mapping[int, SegmentKind] = {
    segment_pb2.SEGMENT_KIND_UNSPECIFIED: SegmentKind.DYNAMIC,
    segment_pb2.SEGMENT_KIND_DYNAMIC: SegmentKind.DYNAMIC,
    segment_pb2.SEGMENT_KIND_ONE_OFF: SegmentKind.ONE_OFF,
    segment_pb2.SEGMENT_KIND_STATIC: SegmentKind.STATIC,
}
_KINDS: Mapping[int, Kind] = {
    tag_pb2.BASE_TYPE_BOOL: Kind.BOOL,
    tag_pb2.BASE_TYPE_NUMBER: Kind.NUMBER,
    tag_pb2.BASE_TYPE_TEXT: Kind.TEXT,
    tag_pb2.BASE_TYPE_DATE: Kind.DATE,
    tag_pb2.BASE_TYPE_DATETIME: Kind.DATETIME,
}


def grades_of(principal: Principal) -> Callable[[str], bool]:
    """Whether the caller may read a grade of tags and events: who may use segments reads public and internal ones."""
    return lambda grade: grade in ("public", "internal") or may(principal, f"tagging.values.read_{grade}")


def actor(principal: Principal) -> Actor:
    """Who acts."""
    return Actor(principal.subject, may(principal, ADMINISTER))


def states(numbers: Iterable[int]) -> frozenset[State]:
    """States that a listing is narrowed to. Raises InvalidField for a number of no state."""
    found = set()
    for number in numbers:
        if number not in _STATES:
            raise InvalidField("states", f"{number} is no state of this version")
        found.add(_STATES[number])
    return frozenset(found)


def request_key(request: CreateRunRequest | RequestExportRequest) -> tuple[str, str]:
    """The request_id, and a digest of all that is asked with it. Raises InvalidField."""
    if not 0 < len(request.request_id) <= MAX_REQUEST_ID_CHARS:
        raise InvalidField("request_id", f"is not 1 to {MAX_REQUEST_ID_CHARS} characters")
    return request.request_id, hashlib.sha256(digest_source(request)).hexdigest()


def draft(message: segment_pb2.Segment) -> Draft:
    """What a caller states of a segment; fields set by the service are ignored. Raises InvalidField."""
    if message.kind not in _SEGMENT_KINDS:
        raise InvalidField("segment.kind", f"{message.kind} is no kind of this version")
    kind = _SEGMENT_KINDS[message.kind]
    if kind is SegmentKind.STATIC and message.rule.strip():
        raise InvalidField("segment.rule", "is given, but the members of a static segment are uploaded")
    return Draft(
        segment_id=message.segment_id,
        display_name=message.display_name.strip(),
        description=message.description.strip(),
        rule=STATIC_RULE if kind is SegmentKind.STATIC else message.rule,
        population=population(message.population),
        brand=message.brand,
        folder=message.folder,
        owner=message.owner.strip(),
        kind=kind,
    )


def population(number: int) -> Population:
    """Known when unspecified. Raises InvalidField for a number of no population."""
    if number not in _POPULATIONS:
        raise InvalidField("population", f"{number} is no population of this version")
    return _POPULATIONS[number]


def bounded(field: str, items: Sequence[object], limit: int) -> None:
    """Raises InvalidField for an empty batch, BatchTooLarge for one over the limit."""
    if not items:
        raise InvalidField(field, "is empty")
    if len(items) > limit:
        raise BatchTooLarge(field, len(items), limit)


def lanes(number: int) -> tuple[Lane, ...]:
    """Both when unspecified. Raises InvalidField for a number of no lane."""
    if number == revision_pb2.LANE_UNSPECIFIED:
        return LANES
    if number not in set(LANES):
        raise InvalidField("lane", f"{number} is no lane of this version")
    return (Lane(number),)


def time(field: str, message: Timestamp) -> dt.datetime:
    """Aware, in UTC. Raises InvalidField for what is no time."""
    try:
        return moment(message)
    except NotAValue as error:
        raise InvalidField(field, str(error)) from error


def value(message: value_pb2.Value) -> Value | None:
    """A tag value; None is unknown, and so is an empty list. Raises NotAValue."""
    if message.WhichOneof("kind") == "list_value":
        elements = [scalar(each) for each in message.list_value.values]
        return tuple(each for each in elements if each is not None) or None
    return scalar(message)


# ------------------------------------------------------------------------------------ tagging's changes


def change(message: change_pb2.Change) -> Change | None:
    """A change of tagging's Watch; None for a kind that this release does not know."""
    tenant, position = message.tenant, message.position
    match message.WhichOneof("change"):
        case "values":
            values = {each.column: value(each.value) for each in message.values.values}
            return PersonValues(tenant, position, message.values.person_id, values)
        case "block":
            return block(tenant, position, message.block)
        case "person":
            return person(tenant, position, message.person)
        case "tag":
            return tag(tenant, position, message.tag.tag, deleted=message.tag.deleted)
        case "feature":
            return feature(tenant, position, message.feature)
        case "day":
            return day(tenant, position, message.day)
        case _:
            return None


def exported(message: change_service_pb2.ExportTagIndexResponse) -> Iterator[Change]:
    """A part of tagging's whole state, as changes at position 0."""
    if message.HasField("day"):
        yield day(message.tenant, 0, message.day)
    for each in message.persons:
        yield person(message.tenant, 0, each)
    for stored in message.tags:
        yield tag(message.tenant, 0, stored, deleted=False)
    for status in message.features:
        yield feature(message.tenant, 0, status)
    for packed in message.blocks:
        yield block(message.tenant, 0, packed)


def block(tenant: str, position: int, message: change_pb2.ValueBlock) -> PackedBlock:
    """A packed block. Raises ValueError when its parts do not fit together."""
    coded = Coded(
        offsets=np.frombuffer(message.offsets, dtype="<u2"),
        counts=np.frombuffer(message.counts, dtype="<u2"),
        codes=np.frombuffer(message.codes, dtype="<i8"),
        texts={entry.code: entry.text for entry in message.dictionary},
    )
    if damage := damage_of(coded):
        raise ValueError(f"block {message.block} of column {message.column!r} is damaged: {damage}")
    as_of = message.as_of.ToDatetime(dt.UTC) if message.HasField("as_of") else None
    return PackedBlock(tenant, position, message.column, message.block, coded, as_of)


def person(tenant: str, position: int, message: change_pb2.PersonChange) -> PersonChange:
    """A person id of the universe."""
    return PersonChange(
        tenant=tenant,
        position=position,
        person_id=message.person_id,
        version=message.version,
        state=PersonState(message.state),
        redirect_person_id=message.redirect_person_id,
        birth_hash=message.birth_hash,
    )


GRADES: Mapping[int, str] = {
    tag_pb2.TAG_GRADE_PUBLIC: "public",
    tag_pb2.TAG_GRADE_INTERNAL: "internal",
    tag_pb2.TAG_GRADE_PERSONAL: "personal",
    tag_pb2.TAG_GRADE_SENSITIVE: "sensitive",
}


def tag(tenant: str, position: int, message: tag_pb2.Tag, *, deleted: bool) -> TagChange:
    """A tag as rules see it."""
    definition = message.definition
    kind = _KINDS[definition.value_type.base]
    type_ = ValueType(Kind.LIST, kind) if definition.value_type.multi_valued else ValueType(kind)
    return TagChange(
        tenant=tenant,
        position=position,
        tag=TagType(definition.tag_id, type_, _value_list(definition.value_type, kind)),
        run_only=definition.update == tag_pb2.TAG_UPDATE_RUN,
        deleted=deleted,
        grade=GRADES.get(definition.grade, "internal"),
        purpose=definition.purpose,
        deprecated=message.state == tag_pb2.TAG_STATE_DEPRECATED,
        replacement=message.replacement_tag_id,
    )


def feature(tenant: str, position: int, message: change_pb2.FeatureStatus) -> FeatureChange:
    """Where a feature stands."""
    return FeatureChange(
        tenant=tenant,
        position=position,
        form=message.form,
        column=message.column,
        kind=_KINDS[message.base],
        state=FeatureState(message.state),
        done_count=message.done_count,
        total_count=message.total_count,
        failure=message.failure,
    )


def day(tenant: str, position: int, message: change_pb2.DayRolled) -> DayRolled:
    """The tenant's day."""
    periods: Mapping[str, dt.datetime | None] = dict.fromkeys(message.periods)
    if not periods:
        shipped = CalendarSettings(message.time_zone, message.week_start, mainland_china().periods)
        periods = period_starts(shipped)
    elif message.period_start_times:
        starts = map(moment, message.period_start_times)
        periods = dict(zip(message.periods, starts, strict=True))
    return DayRolled(tenant, position, date_of(message.day), message.time_zone, message.week_start, periods)


def _value_list(message: tag_pb2.ValueType, kind: Kind) -> ValueList | None:
    if kind is not Kind.TEXT or not message.options:
        return None
    openness = Openness.CLOSED if message.openness == tag_pb2.LIST_OPENNESS_CLOSED else Openness.OPEN
    parents = {option.value: option.parent for option in message.options if option.parent}
    return ValueList(frozenset(option.value for option in message.options), openness, parents)


def dictionary(message: event_type_service_pb2.ListEventTypesResponse) -> Dictionary:
    """The event dictionary."""
    return Dictionary(
        events=tuple(
            EventType(each.name, tuple(map(_property, each.properties)), tuple(each.reversed_by))
            for each in message.event_types
        ),
        tables=tuple(
            ReferenceTable(each.name, tuple(map(_property, each.columns)))
            for each in message.reference_tables
        ),
        grades=tuple(
            EventGrade(event, name, GRADES[grade], purpose)
            for event, name, grade, purpose in _graded(message.event_types)
            if grade in {tag_pb2.TAG_GRADE_PERSONAL, tag_pb2.TAG_GRADE_SENSITIVE}
        ),
    )


def _graded(
    messages: Iterable[event_type_service_pb2.EventType],
) -> Iterator[tuple[str, str, int, str]]:
    """(event type, property or "", number of the grade, purpose) of each type and property."""
    for each in messages:
        yield each.name, "", each.grade, each.purpose
        for one in each.properties:
            yield each.name, one.name, one.grade, one.purpose


def _property(message: event_type_service_pb2.EventProperty) -> PropertyType:
    fields = tuple(map(_property, message.fields))
    if fields:
        type_ = ValueType(Kind.RECORDS)
    else:
        kind = _KINDS[message.base]
        type_ = ValueType(Kind.LIST, kind) if message.repeated_values else ValueType(kind)
    return PropertyType(message.name, type_, refers_to=message.reference_table, fields=fields)
