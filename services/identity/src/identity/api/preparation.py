"""From the bytes of an ingest message to a batch: what needs no store, in this process or in another."""

from collections.abc import Callable
from typing import NamedTuple

from google.protobuf.message import DecodeError
from huaxiang.identity.v1 import ingest_service_pb2
from servicekit.errors import InvalidField
from servicekit.revision import Lane

from identity.api import parse
from identity.api.parse_records import RecordParser
from identity.app.ingest_records import Batch
from identity.domain.policy import Policy
from identity.domain.record import Arrival


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
        lane = parse.ingest_lane(request)
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
