"""Every span, attribute and metric name of the kit, declared once. Services declare theirs the same way.

No name or value carries an identifier of a person.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SpanName:
    """`name` as exported; `meaning` says what work the span covers."""

    name: str
    meaning: str


@dataclass(frozen=True)
class Attribute:
    """`unit` is "" for a text, "1" for a count."""

    name: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True)
class Metric:
    """`suspect` says what to look at when it is high."""

    name: str
    kind: Literal["counter", "gauge"]
    unit: str
    meaning: str
    suspect: str


RPC_SERVER = SpanName(
    "rpc.server", "a call served, from its arrival to its answer; exported as the rpc's name"
)
RPC_CLIENT = SpanName("rpc.client", "a call made, from its start to its answer; exported as the rpc's name")
CONSUME = SpanName("changelog.consume", "a batch applied because of an entry that a sampled call wrote")

RPC_METHOD = Attribute("rpc.method", "the full name of the rpc")
RPC_CODE = Attribute("rpc.grpc.status_code", "the name of the gRPC code of the answer")
TENANT = Attribute("huaxiang.tenant", "the tenant of the call")
CONSUMER = Attribute("huaxiang.consumer", "the consumer that applied the batch")
LANE = Attribute("huaxiang.lane", "LIVE or BULK")
ENTRY_COUNT = Attribute("huaxiang.entries", "entries in the batch", "1")
LINKED_TRACES = Attribute("huaxiang.linked_traces", "other sampled traces whose entries the batch holds", "1")
ERROR_REASON = Attribute("huaxiang.error_reason", "the ErrorReason of a refused call")

CONSUMER_LAG = Metric(
    "huaxiang.consumer.lag",
    "gauge",
    "s",
    "machine time since the lane that is further behind last made progress; a healthy one stays near 1 s",
    "the upstream service is down, or the sink is slower than the changes",
)
CONSUMER_APPLIED = Metric(
    "huaxiang.consumer.applied", "counter", "1", "entries applied", "a backfill or an import is running"
)
CONSUMER_FAILURES = Metric(
    "huaxiang.consumer.failures",
    "counter",
    "1",
    "watches or applies that failed and were tried again",
    "the log names the cause beside the consumer",
)
CONSUMER_BOOTSTRAPS = Metric(
    "huaxiang.consumer.bootstraps",
    "counter",
    "1",
    "times the consumer loaded the whole state",
    "it was stopped beyond the retention, or the upstream store was restored",
)
