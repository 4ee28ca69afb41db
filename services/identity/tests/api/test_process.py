"""`python -m identity` as its own process: starts from the environment, survives kill -9, refuses clearly."""

import signal
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from huaxiang.identity.v1 import change_service_pb2 as changes
from huaxiang.identity.v1 import change_service_pb2_grpc, ingest_service_pb2_grpc, record_pb2
from huaxiang.identity.v1 import ingest_service_pb2 as ingest
from identity_process import SUITE_NOW, Process
from identity_records import NOW, identifiers, order, record

BATCHES, RECORDS = 40, 25


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    yield process
    process.kill()


def batch(number: int) -> list[record_pb2.Record]:
    """Records of 100 people, each by its member id and one of four devices."""
    people = [(number * RECORDS + n) % 100 for n in range(RECORDS)]
    return [
        record(
            f"r{number}-{n}",
            identifiers(member_id=f"M{person}", device_id=f"device-{person}-{number % 4}"),
            event=order(),
        )
        for n, person in enumerate(people)
    ]


async def send_all(process: Process, kill_after: int | None = None) -> list[ingest.IngestEventStreamResponse]:
    """Streams every batch and returns the answers; kills the process after some of them."""
    channel = await process.channel("source-key")
    requests = [
        ingest.IngestEventStreamRequest(batch=ingest.IngestEventsRequest(records=batch(number)))
        for number in range(BATCHES)
    ]
    answers: list[ingest.IngestEventStreamResponse] = []
    try:
        async for answer in ingest_service_pb2_grpc.IngestServiceStub(channel).IngestEventStream(
            iter(requests)
        ):
            answers.append(answer)
            if len(answers) == kill_after:
                process.kill()
    except grpc.aio.AioRpcError:
        assert kill_after is not None
    finally:
        await channel.close()
    return answers


@pytest.mark.parametrize(
    "kill_after", [7, pytest.param(1, marks=pytest.mark.proof), pytest.param(23, marks=pytest.mark.proof)]
)
async def test_kill_9_in_a_stream_loses_and_doubles_nothing(process: Process, kill_after: int) -> None:
    process.start()
    before = await send_all(process, kill_after)
    assert kill_after <= len(before) < BATCHES
    process.start()
    after = await send_all(process)
    repeated = [
        all(result.status == ingest.INGEST_STATUS_REPEATED for result in answer.batch.results)
        for answer in after
    ]
    assert all(repeated[: len(before)])
    assert not any(repeated[len(before) + 10 :])
    for one, other in zip(before, after, strict=False):
        assert [r.person_id for r in one.batch.results] == [r.person_id for r in other.batch.results]
    channel = await process.channel("service-key")
    stub = change_service_pb2_grpc.ChangeServiceStub(channel)
    events = [e async for part in stub.ExportEvents(changes.ExportEventsRequest()) for e in part.events]
    persons = [p async for part in stub.ExportPersons(changes.ExportPersonsRequest()) for p in part.persons]
    await channel.close()
    assert [event.ingest_sequence for event in events] == list(range(1, BATCHES * RECORDS + 1))
    assert {event.event_id for event in events} == {r.record_id for n in range(BATCHES) for r in batch(n)}
    assert len(persons) == 100
    assert sorted(key.key_id for p in persons for key in p.keys) == list(range(1, 201))
    assert process.kill(signal.SIGTERM) == 0


async def test_time_is_the_suites(process: Process) -> None:
    process.start()
    channel = await process.channel("source-key")
    stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
    stated = identifiers(member_id="M1")
    late = record("r1", stated)
    late.time.FromDatetime(SUITE_NOW)
    early = record("r2", stated)
    early.time.FromDatetime(SUITE_NOW.replace(month=7))
    answer = await stub.IngestEvents(ingest.IngestEventsRequest(records=[late, early]))
    await channel.close()
    assert [result.status for result in answer.results] == [
        ingest.INGEST_STATUS_ACCEPTED,
        ingest.INGEST_STATUS_REFUSED,
    ]
    assert NOW < SUITE_NOW


def test_a_port_in_use_is_named(process: Process) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", process.port))
        taken.listen()
        code, said = process.refuse()
    assert code == 69
    assert f"port {process.port}" in said


def test_a_missing_configuration_is_told_whole(process: Process) -> None:
    code, said = process.refuse(
        HUAXIANG_KEYS="", HUAXIANG_IDENTITY_SECRET_FILE="", HUAXIANG_IDENTITY_PORT="x"
    )
    assert code == 78
    for name in ("HUAXIANG_KEYS", "HUAXIANG_IDENTITY_SECRET_FILE", "HUAXIANG_IDENTITY_PORT"):
        assert name in said


def test_a_missing_secret_file_is_refused_and_not_made(process: Process, tmp_path: Path) -> None:
    missing = tmp_path / "none.secret"
    code, said = process.refuse(HUAXIANG_IDENTITY_SECRET_FILE=str(missing))
    assert code == 78
    assert "none.secret" in said
    assert not missing.exists()


async def test_a_data_folder_of_a_newer_version_is_refused_untouched(process: Process) -> None:
    process.start()
    await (await process.channel("source-key")).close()
    process.kill(signal.SIGTERM)
    path = process.data / "identity" / "identity.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    code, said = process.refuse()
    assert code == 65
    assert "newer version" in said
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
