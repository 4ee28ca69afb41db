"""Events per second, durable and resolved, through gRPC: one stream of messages of 500, against a million persons.

Client and server share the machine and the process; messages are built before the clock starts.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.identity.v1 import identifier_pb2, ingest_service_pb2, record_pb2
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from huaxiang.type.v1 import value_pb2
from identity.domain.record import Record
from servicekit.client import MAX_INGEST_MESSAGE_BYTES
from servicekit.testing.servers import serving

from benches import identity_load
from benches.identity_mix import KNOWN, Mix
from benches.identity_store import IdentityStore

PERSONS = int(os.environ.get("HUAXIANG_BENCH_PERSONS", "1000000"))
EVENTS_OF_MESSAGE = 500
MESSAGES, WARM_UP = 60, 6
IN_FLIGHT = 8


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and sizes; known: the identifiers of a person who was seen before, all named together before."""
    with tempfile.TemporaryDirectory() as folder, IdentityStore.sqlite(Path(folder)) as store:
        identity_load.load(store, PERSONS)
        figures = asyncio.run(_measure(store, Path(folder), seed))
    return figures, {
        "ingest_persons": PERSONS,
        "ingest_events": MESSAGES * EVENTS_OF_MESSAGE,
        "ingest_events_of_message": EVENTS_OF_MESSAGE,
    }


async def _measure(store: IdentityStore, folder: Path, seed: int) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    async with serving(
        store.wiring.services, folder, name="identity", max_message_bytes=MAX_INGEST_MESSAGE_BYTES
    ) as server:
        stub = IngestServiceStub(server.connect("source", identity_load.TENANT))
        for name, known in (("mixed", KNOWN), ("known", 1.0)):
            messages = _messages(Mix(PERSONS, seed, known), name)
            await _send(stub, messages[:WARM_UP])
            wall, cpu = time.perf_counter(), time.process_time()
            await _send(stub, messages[WARM_UP:])
            events = MESSAGES * EVENTS_OF_MESSAGE
            figures[f"{name}_per_s"] = round(events / (time.perf_counter() - wall))
            figures[f"{name}_per_cpu_s"] = round(events / (time.process_time() - cpu))
    await store.wiring.ingest.close()
    return figures


async def _send(stub: Any, messages: list[ingest_service_pb2.IngestEventStreamRequest]) -> None:
    room = asyncio.Semaphore(IN_FLIGHT)

    async def requests() -> AsyncIterator[ingest_service_pb2.IngestEventStreamRequest]:
        for message in messages:
            await room.acquire()
            yield message

    async for answer in stub.IngestEventStream(requests()):
        room.release()
        accepted = sum(
            result.status == ingest_service_pb2.INGEST_STATUS_ACCEPTED for result in answer.batch.results
        )
        if accepted != EVENTS_OF_MESSAGE:
            raise AssertionError(f"{EVENTS_OF_MESSAGE - accepted} events of a message were not accepted")


def _messages(mix: Mix, name: str) -> list[ingest_service_pb2.IngestEventStreamRequest]:
    records = mix.records(name)
    return [
        ingest_service_pb2.IngestEventStreamRequest(
            batch=ingest_service_pb2.IngestEventsRequest(
                records=map(_message, islice(records, EVENTS_OF_MESSAGE))
            )
        )
        for _ in range(WARM_UP + MESSAGES)
    ]


def _message(record: Record) -> record_pb2.Record:
    time = Timestamp()
    time.FromMicroseconds(record.time_us)
    return record_pb2.Record(
        source=record.source,
        record_id=record.record_id,
        time=time,
        identifiers=[
            identifier_pb2.Identifier(namespace=each.namespace, value=each.value, scope=each.scope)
            for each in record.identifiers
        ],
        event=record_pb2.Event(
            type="order_paid",
            properties={
                "amount": value_pb2.Value(number_value=1_234_500),
                "channel": value_pb2.Value(text_value="mini_program"),
                "store_id": value_pb2.Value(text_value="s_0042"),
            },
        ),
    )
