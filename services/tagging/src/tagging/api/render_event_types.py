"""Event types, declared and seen, as messages."""

from collections.abc import Mapping

from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.tagging.v1 import event_type_service_pb2 as pb
from huaxiang.tagging.v1 import tag_pb2
from rules.schema import EventType, PropertyType
from rules.values import Kind
from servicekit.values import timestamp_of
from tagging.catalogue.messages import BASES, GRADES
from tagging.domain.columns import moment_of
from tagging.domain.dictionary import PROPERTY_TYPES, Dictionary, Text
from tagging.domain.seen_events import EMPTY, MAX_EXAMPLES, Seen, SeenPlace, conflicts, problem
from tagging.store.mapping_ports import SeenType


def event_type(dictionary: Dictionary, event: EventType) -> pb.EventType:
    grading = dictionary.grades.of_type(event.name)
    return pb.EventType(
        name=event.name,
        text=_text(dictionary.event_texts[event.name]),
        properties=[_of_event(dictionary, event.name, each) for each in dictionary.readable(event)],
        reversed_by=event.reversed_by,
        grade=GRADES[grading.grade],
        purpose=grading.purpose,
        declared=event.name in dictionary.declared,
    )


def property_(dictionary: Dictionary, said: PropertyType) -> pb.EventProperty:
    """A list of records has no base: its fields tell the type."""
    kind = said.type.element or said.type.kind
    known = dictionary.property_texts.get(said.name)
    return pb.EventProperty(
        name=said.name,
        text=_text(known) if known is not None else None,
        base=BASES.get(kind, tag_pb2.BASE_TYPE_UNSPECIFIED),
        repeated_values=said.type.kind in (Kind.LIST, Kind.RECORDS),
        fields=[property_(dictionary, each) for each in said.fields],
        reference_table=said.refers_to,
    )


def _of_event(dictionary: Dictionary, event_name: str, said: PropertyType) -> pb.EventProperty:
    message = property_(dictionary, said)
    grading = dictionary.grades.of_property(event_name, said.name)
    message.grade = GRADES[grading.grade]
    message.purpose = grading.purpose
    message.declared = said.name in dictionary.declared.get(event_name, {})
    return message


def seen_event_type(dictionary: Dictionary, name: str, seen: SeenType) -> pb.SeenEventType:
    event = dictionary.events.get(name)
    by_property: dict[str, dict[SeenPlace, Seen]] = {}
    for place, each in seen.places.items():
        by_property.setdefault(place.name, {})[place] = each
    first, last = _times(seen.seen)
    return pb.SeenEventType(
        name=name,
        declared=event is not None,
        event_count=seen.seen.count,
        first_time=first,
        last_time=last,
        properties=[
            _seen_property(dictionary, seen, event or EventType(name), each, by_property[each])
            for each in sorted(by_property)
        ],
        unlisted_count=seen.unlisted,
    )


def suggestion(dictionary: Dictionary, name: str, seen: SeenType) -> tuple[pb.EventType, list[str]]:
    """A declaration of what the suite's dictionary does not have, and remarks."""
    event = dictionary.events.get(name, EventType(name))
    own = dictionary.declared.get(name, {})
    counts: dict[str, dict[str, int]] = {}
    for place, each in seen.places.items():
        if place.name in own or event.property(place.name) is None:
            of_kind = counts.setdefault(place.name, {})
            of_kind[place.kind] = of_kind.get(place.kind, 0) + each.count
    message, remarks = pb.EventType(name=name), []
    for property_name in sorted(counts.keys() | own.keys()):
        kinds = counts.get(property_name, {})
        if property_name in own:
            message.properties.append(_of_event(dictionary, name, own[property_name]))
            continue
        if len(kinds) > 1:
            kinds.pop(EMPTY, None)
        frequent = max(kinds, key=lambda kind: (kinds[kind], kind))
        if frequent not in PROPERTY_TYPES or frequent == "records":
            remarks.append(
                f"{property_name} comes as {frequent}, which cannot be declared: flatten it at its source"
            )
            continue
        elsewhere = next(
            (
                one.property(property_name)
                for one in dictionary.events.values()
                if one.property(property_name)
            ),
            None,
        )
        if elsewhere is not None and elsewhere.type != PROPERTY_TYPES[frequent]:
            remarks.append(
                f"{property_name} is a {elsewhere.type} in other event types: send it under another name"
            )
            continue
        if len(kinds) > 1:
            remarks.append(
                f"{property_name} comes as {', '.join(sorted(kinds))}: only {frequent} will be read"
            )
        message.properties.append(
            property_(dictionary, PropertyType(property_name, PROPERTY_TYPES[frequent]))
        )
    if seen.unlisted:
        remarks.append(f"{seen.unlisted} values are not listed: names fit no rule, or are too many")
    if name in dictionary.event_texts:
        message.text.CopyFrom(_text(dictionary.event_texts[name]))
    if name in dictionary.declared and all(each.name in own for each in event.properties):
        grading = dictionary.grades.of_type(
            name
        )  # the tenant's own; that of a type of the suite is not declared
        message.grade, message.purpose = GRADES[grading.grade], grading.purpose
    return message, remarks


def _seen_property(
    dictionary: Dictionary, seen: SeenType, event: EventType, name: str, places: Mapping[SeenPlace, Seen]
) -> pb.SeenProperty:
    declared = event.property(name) if event.name in dictionary.events else None
    examples: list[str] = []
    if dictionary.grades.are_open(event.name, name):
        examples = [text for each in places for text in seen.examples.get(each, ())]
    return pb.SeenProperty(
        name=name,
        declared=declared is not None,
        values=[_values(place, each, declared) for place, each in places.items()],
        examples=list(dict.fromkeys(examples))[:MAX_EXAMPLES],
        problem=problem(event.name, name, list(places), declared),
    )


def _values(place: SeenPlace, seen: Seen, declared: PropertyType | None) -> pb.SeenValues:
    type_ = PROPERTY_TYPES.get(place.kind)
    kind = (type_.element or type_.kind) if type_ else None
    first, last = _times(seen)
    return pb.SeenValues(
        source=place.source,
        base=BASES.get(kind, tag_pb2.BASE_TYPE_UNSPECIFIED) if kind else tag_pb2.BASE_TYPE_UNSPECIFIED,
        repeated_values=type_ is None or type_.kind in (Kind.LIST, Kind.RECORDS),
        count=seen.count,
        conflicting=declared is not None and conflicts(place.kind, declared),
        first_time=first,
        last_time=last,
    )


def _times(seen: Seen) -> tuple[Timestamp, Timestamp]:
    return timestamp_of(moment_of(seen.first_us)), timestamp_of(moment_of(seen.last_us))


def _text(text: Text) -> tag_pb2.TagText:
    return tag_pb2.TagText(zh=text.zh, en=text.en)
