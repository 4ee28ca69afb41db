"""The front door's checks of one record: what no store and no consumer could hold stays out."""

import gc
import weakref
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.identity.v1 import change_pb2, record_pb2
from huaxiang.type.v1 import value_pb2
from identity.api.parse_records import MAX_PROPERTIES_BYTES, RecordParser
from identity.api.values import name_is_valid
from identity.domain.normalise import Normaliser, Problem, Unusable
from identity.domain.record import Arrival
from identity.standards.load import Standards, load_standards
from identity_records import identifiers, order, record, text

NOW_US = int(datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp() * 1_000_000)
NO_MOMENTS = [
    Timestamp(seconds=10**13),
    Timestamp(seconds=-(10**13)),
    Timestamp(nanos=-1),
    Timestamp(nanos=10**9),
]


@pytest.fixture(scope="module")
def standards() -> Standards:
    return load_standards()


@pytest.fixture(scope="module")
def parser(standards: Standards) -> RecordParser:
    normaliser = Normaliser(standards.policy, standards.blocked)
    return RecordParser(standards.policy, normaliser, standards.attributes, standards.closed_properties)


def parse(parser: RecordParser, **fields: Any) -> Arrival:
    (arrival,) = parser.parse([record("r1", identifiers(member_id="M1"), **fields)], NOW_US)
    return arrival


@pytest.mark.parametrize("time", NO_MOMENTS, ids=str)
def test_a_time_that_is_no_moment_is_refused(parser: RecordParser, time: Timestamp) -> None:
    refused = parse(parser, time=time)
    assert refused.record is None
    assert refused.refusals[0].problem is Problem.TIME_OUT_OF_RANGE


@pytest.mark.parametrize("time", NO_MOMENTS, ids=str)
def test_a_consent_that_lapses_at_no_moment_is_refused_by_itself(
    parser: RecordParser, time: Timestamp
) -> None:
    consent = record_pb2.Consent(
        purpose="marketing",
        channel=record_pb2.CHANNEL_SMS,
        address="13912345670",
        granted=True,
        expire_time=time,
    )
    arrival = parse(parser, consents=[consent])
    assert arrival.record is not None
    assert arrival.record.consents == ()
    assert [(refusal.field, refusal.problem) for refusal in arrival.refusals] == [
        ("consents[0].expire_time", Problem.TIME_OUT_OF_RANGE)
    ]


@pytest.mark.parametrize(
    "value",
    [
        *(value_pb2.Value(datetime_value=time) for time in NO_MOMENTS),
        text("a\0b"),
        text("女\0"),
        value_pb2.Value(list_value=value_pb2.ValueList(values=[text("x"), value_pb2.Value()])),
    ],
    ids=str,
)
def test_a_value_that_others_cannot_hold_is_refused(parser: RecordParser, value: value_pb2.Value) -> None:
    refused = parse(parser, event=order(amount=value))
    assert refused.record is None
    assert refused.refusals[0].field == "event.properties[amount]"


def test_properties_are_measured_in_normal_form(parser: RecordParser) -> None:
    """U+FDFA is 3 bytes, and 18 characters of 33 bytes in NFKC."""
    fits = {f"p{i}": text("\ufdfa" * 220) for i in range(8)}
    grows = {f"p{i}": text("\ufdfa" * 220) for i in range(16)}
    assert record_pb2.Event(properties=grows).ByteSize() < MAX_PROPERTIES_BYTES
    assert parse(parser, event=order(**fits)).record is not None
    assert parse(parser, event=order(**grows)).refusals[0].problem is Problem.LIMIT_EXCEEDED


def test_a_field_without_a_value_is_left_out_of_its_record(parser: RecordParser) -> None:
    line = value_pb2.ValueRecord(fields={"item_id": text("i1"), "brand": value_pb2.Value()})
    items = value_pb2.Value(list_value=value_pb2.ValueList(values=[value_pb2.Value(record_value=line)]))
    taken = parse(parser, event=order(items=items)).record
    assert taken is not None
    assert taken.event is not None
    (published,) = (
        change_pb2.ResolvedEvent.FromString(taken.event.properties).properties["items"].list_value.values
    )
    assert set(published.record_value.fields) == {"item_id"}


class Text(str):
    """A text whose life can be watched."""

    __slots__ = ("__weakref__",)


def test_what_is_too_long_is_not_remembered(standards: Standards) -> None:
    normaliser = Normaliser(standards.policy, standards.blocked)
    long = Text("x" * 1_000_000)
    watched = weakref.ref(long)
    assert isinstance(normaliser.value("crm_id", long), Unusable)
    assert not name_is_valid(long)
    del long
    gc.collect()
    assert watched() is None
