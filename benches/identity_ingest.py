"""Events per second, durable and resolved, through gRPC: one stream of messages of 500, against a million persons.

The service is the one that operators run: a process of its own beside its preparing processes, all on this machine with
the client. Messages are built before the clock starts. CPU seconds are of the service's processes, without the client.
"""

import asyncio
import base64
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.identity.v1 import identifier_pb2, ingest_service_pb2, record_pb2
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from huaxiang.type.v1 import value_pb2
from identity.config import spare_cores
from identity.domain.record import Record
from servicekit.client import connect
from servicekit.clock import write_clock_file
from servicekit.principal import write_key_file
from servicekit.testing.servers import keys_for

from benches import identity_load
from benches.identity_mix import KNOWN, Mix
from benches.identity_store import NOW, IdentityStore
from benches.measure import cpu_s

PERSONS = int(os.environ.get("HUAXIANG_BENCH_PERSONS", "1000000"))
PREPARERS = int(os.environ.get("HUAXIANG_IDENTITY_PREPARERS", str(spare_cores())))
EVENTS_OF_MESSAGE = 500
MESSAGES, WARM_UP = 60, 6
IN_FLIGHT = 8
START_S, STOP_S = 60.0, 30.0


class Process(NamedTuple):
    """The running service."""

    pid: int
    port: int


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and sizes; known: the identifiers of a person who was seen before, all named together before."""
    secret = secrets.token_bytes(32)
    with tempfile.TemporaryDirectory() as folder:
        with IdentityStore.sqlite(Path(folder), secret) as store:
            identity_load.load(store, PERSONS)
        with _service(Path(folder), secret) as process:
            figures = asyncio.run(_measure(process, seed))
    return figures, {
        "ingest_persons": PERSONS,
        "ingest_events": MESSAGES * EVENTS_OF_MESSAGE,
        "ingest_events_of_message": EVENTS_OF_MESSAGE,
        "ingest_preparers": PREPARERS,
    }


@contextmanager
def _service(folder: Path, secret: bytes) -> Iterator[Process]:
    """`python -m identity` over the store in a folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    write_key_file(folder / "keys.yaml", keys_for())
    write_clock_file(folder / "clock.json", NOW, 1.0)
    secret_file = folder / "identity.secret"
    secret_file.write_bytes(base64.b64encode(secret))
    secret_file.chmod(0o600)
    environment = {
        "HUAXIANG_DATA": str(folder),
        "HUAXIANG_KEYS": str(folder / "keys.yaml"),
        "HUAXIANG_CLOCK": str(folder / "clock.json"),
        "HUAXIANG_IDENTITY_URL": f"sqlite:///{folder / 'identity.db'}",
        "HUAXIANG_IDENTITY_SECRET_FILE": str(secret_file),
        "HUAXIANG_IDENTITY_PORT": str(port),
        "HUAXIANG_IDENTITY_PREPARERS": str(PREPARERS),
    }
    command = [sys.executable, "-m", "identity"]
    running = subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.DEVNULL)
    try:
        yield Process(running.pid, port)
    finally:
        running.terminate()
        running.wait(STOP_S)


async def _measure(process: Process, seed: int) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    channel = connect(f"127.0.0.1:{process.port}", key=f"key-of-source-{identity_load.TENANT}")
    await asyncio.wait_for(channel.channel_ready(), START_S)
    stub = IngestServiceStub(channel)
    for name, known in (("mixed", KNOWN), ("known", 1.0)):
        messages = _messages(Mix(PERSONS, seed, known), name)
        await _send(stub, messages[:WARM_UP])
        wall, cpu = time.perf_counter(), _cpu_seconds(process.pid)
        await _send(stub, messages[WARM_UP:])
        events = MESSAGES * EVENTS_OF_MESSAGE
        figures[f"{name}_per_s"] = round(events / (time.perf_counter() - wall))
        figures[f"{name}_per_cpu_s"] = round(events / (_cpu_seconds(process.pid) - cpu))
    await channel.close()
    return figures


def _cpu_seconds(pid: int) -> float:
    """What a process and its children have used, as Linux tells it."""
    tasks = Path(f"/proc/{pid}/task")
    children = {int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()}
    return cpu_s(pid) + sum(map(_cpu_seconds, children))


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
