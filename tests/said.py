"""What the tests say to identity: records put together from words."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.identity.v1 import ingest_service_pb2 as pb
from huaxiang.identity.v1 import record_pb2
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from huaxiang.type.v1 import revision_pb2, value_pb2

SCALE = 10_000
Plain = str | int | bool


def record(
    source: str,
    record_id: str,
    time: datetime,
    identifiers: Mapping[str, str],
    event: str = "",
    properties: Mapping[str, Plain] | None = None,
    attributes: Mapping[str, Plain] | None = None,
) -> record_pb2.Record:
    """A record with identifiers by namespace; whole numbers stand for themselves, not for ten-thousandths."""
    said = record_pb2.Record(source=source, record_id=record_id, time=stamp(time))
    for namespace, value in identifiers.items():
        said.identifiers.add(namespace=namespace, value=value)
    for name, value in (attributes or {}).items():
        said.attributes[name].CopyFrom(typed(value))
    if event:
        said.event.type = event
        for name, value in (properties or {}).items():
            said.event.properties[name].CopyFrom(typed(value))
    return said


async def ingest(
    identity: IngestServiceStub,
    records: Sequence[record_pb2.Record],
    lane: "revision_pb2.Lane.ValueType" = revision_pb2.LANE_LIVE,
) -> pb.IngestEventsResponse:
    """The answer, after a look that every record was taken whole."""
    answer = await identity.IngestEvents(pb.IngestEventsRequest(records=records, lane=lane))
    for each in answer.results:
        assert each.status == pb.INGEST_STATUS_ACCEPTED, each
        assert not each.refusals, each
    return answer


def fresh(token: str) -> revision_pb2.Consistency:
    """At least as fresh as a revision's token."""
    return revision_pb2.Consistency(at_least_as_fresh=revision_pb2.Revision(token=token))


def typed(value: Plain) -> value_pb2.Value:
    if isinstance(value, bool):
        return value_pb2.Value(bool_value=value)
    if isinstance(value, int):
        return value_pb2.Value(number_value=value * SCALE)
    return value_pb2.Value(text_value=value)


def stamp(time: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(time.astimezone(UTC))
    return found
