"""From the bytes of an ingest message to a batch: what needs no store, in this process or in another."""

from collections.abc import Callable
from typing import NamedTuple

from google.protobuf.message import DecodeError
from huaxiang.identity.v1 import ingest_service_pb2
from huaxiang.type.v1 import revision_pb2
from servicekit.errors import InvalidField
from servicekit.revision import Lane

from identity.api.parse_records import RecordParser
from identity.api.values import check_count
from identity.app.keyed_records import Batch
from identity.domain.policy import Policy
from identity.domain.record import Arrival

MAX_BATCH_RECORDS = 1_000


class Message(NamedTuple):
    """A message as it came: IngestEventStreamRequest when `streamed`, else IngestEventsRequest."""

    content: bytes
    streamed: bool
    tenant: str
    now_us: int
    may_anchor: bool


class Preparation:
    """Reads, checks, normalises, hashes. `key` makes the batch of what is taken."""

    def __init__(self, parser: RecordParser, key: Callable[[str, Lane, list[Arrival]], Batch]) -> None:
        self._parser = parser
        self._key = key

    def under(self, policy: Policy) -> "Preparation":
        """Preparation that takes the policy's own namespaces, too; itself where it has none."""
        parser = self._parser.under(policy)
        return self if parser is self._parser else Preparation(parser, self._key)

    def __call__(self, message: Message) -> Batch:
        """Raises InvalidField, BatchTooLarge."""
        request = _request(message)
        lane = _lane(request)
        arrivals = self._parser.parse(request.records, message.now_us, may_anchor=message.may_anchor)
        return self._key(message.tenant, lane, arrivals)


def _request(message: Message) -> ingest_service_pb2.IngestEventsRequest:
    try:
        if message.streamed:
            return ingest_service_pb2.IngestEventStreamRequest.FromString(message.content).batch
        return ingest_service_pb2.IngestEventsRequest.FromString(message.content)
    except DecodeError:
        raise InvalidField(
            "batch", "is no message of this service: build it with the published contract"
        ) from None


def _lane(request: ingest_service_pb2.IngestEventsRequest) -> Lane:
    """The lane of a batch whose size is within its limits."""
    check_count("records", len(request.records), MAX_BATCH_RECORDS)
    if request.lane not in revision_pb2.Lane.values():
        raise InvalidField("lane", "is not one of LIVE, BULK")
    return Lane(request.lane) if request.lane else Lane.LIVE
