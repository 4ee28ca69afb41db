"""ImportPersons over a real channel, and over a process that is killed in its middle."""

import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from huaxiang.identity.v1 import bulk_import_service_pb2 as pb
from huaxiang.identity.v1 import (
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    person_service_pb2,
    person_service_pb2_grpc,
    privacy_service_pb2,
    privacy_service_pb2_grpc,
)
from huaxiang.identity.v1.bulk_import_service_pb2_grpc import BulkImportServiceStub
from identity_process import Process
from identity_records import identifiers
from import_files import OPENING, PHONES, TIMES, Row, batch_of, message_of
from servicekit.testing.servers import LocalServer

MESSAGES, ROWS = 40, 25
TABLES = (
    "records",
    "keys",
    "edges",
    "sightings",
    "persons",
    "attribute_values",
    "contact_points",
    "consents",
    "changelog",
)


def rows_of(message: int) -> list[Row]:
    """Every tenth row shares its phone with many others, every seventh has a masked one."""
    numbers = range(message * ROWS, (message + 1) * ROWS)
    return [
        Row(
            f"r{number}",
            TIMES[0],
            f"M{number:05d}",
            PHONES[0] if number % 10 == 0 else "138****1234" if number % 7 == 0 else f"1370000{number:04d}",
            name="王小明",
            granted=number % 2 == 0,
        )
        for number in numbers
    ]


def rows_message(first_row: int, rows: Sequence[Row]) -> pb.ImportPersonsRequest:
    return pb.ImportPersonsRequest(rows=pb.ImportRows(first_row=first_row, record_batch=batch_of(rows)))


def requests(
    first_message: int = 0, opening: pb.ImportOpening = OPENING
) -> Iterator[pb.ImportPersonsRequest]:
    yield pb.ImportPersonsRequest(opening=opening)
    for message in range(first_message, MESSAGES):
        yield rows_message(message * ROWS, rows_of(message))


async def one_by_one(
    stub: BulkImportServiceStub, messages: Iterator[pb.ImportPersonsRequest]
) -> AsyncIterator[pb.ImportPersonsResponse]:
    """The answers as they come."""

    async def sent() -> AsyncIterator[pb.ImportPersonsRequest]:
        for message in messages:
            yield message

    async for answer in stub.ImportPersons(sent()):
        yield answer


async def test_rows_become_persons(server: LocalServer) -> None:
    stub = BulkImportServiceStub(server.connect("source"))
    answers = [answer async for answer in one_by_one(stub, requests())]
    assert [answer.rows for answer in answers] == [n * ROWS for n in range(MESSAGES + 1)]
    last = answers[-1]
    assert (last.accepted, last.known, last.differing, last.refused) == (MESSAGES * ROWS, 0, 0, 0)
    problems = [problem for answer in answers for problem in answer.problems]
    assert [problem.row for problem in problems] == [
        n for n in range(MESSAGES * ROWS) if n % 7 == 0 and n % 10
    ]
    assert {problem.refusals[0].reason for problem in problems} == {
        ingest_service_pb2.REFUSAL_REASON_VALUE_MASKED
    }
    persons = person_service_pb2_grpc.PersonServiceStub(server.connect("admin"))
    found = await persons.ResolveIdentifiers(
        person_service_pb2.ResolveIdentifiersRequest(
            identifiers=[*identifiers(member_id="M00001"), *identifiers(phone="13700000001")]
        )
    )
    assert found.results[0].person_id == found.results[1].person_id > 0


@pytest.mark.parametrize(
    ("messages", "code", "said"),
    [
        ([], grpc.StatusCode.INVALID_ARGUMENT, "opening"),
        ([rows_message(0, rows_of(0))], grpc.StatusCode.INVALID_ARGUMENT, "opening"),
        ([*requests(MESSAGES), *requests(MESSAGES)], grpc.StatusCode.INVALID_ARGUMENT, "first"),
        ([*requests(MESSAGES), rows_message(7, rows_of(0))], grpc.StatusCode.INVALID_ARGUMENT, "row 0"),
        (
            [pb.ImportPersonsRequest(opening=pb.ImportOpening(import_id="a"))],
            grpc.StatusCode.INVALID_ARGUMENT,
            "source",
        ),
    ],
)
async def test_a_stream_that_is_no_import_ends_with_its_reason(
    server: LocalServer, messages: list[pb.ImportPersonsRequest], code: grpc.StatusCode, said: str
) -> None:
    stub = BulkImportServiceStub(server.connect("source"))
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        [answer async for answer in one_by_one(stub, iter(messages))]
    assert failed.value.code() is code
    assert said in (failed.value.details() or "")


async def test_an_import_id_stands_for_one_opening(server: LocalServer) -> None:
    stub = BulkImportServiceStub(server.connect("source"))
    other = pb.ImportOpening()
    other.CopyFrom(OPENING)
    other.source = "shop"
    [answer async for answer in one_by_one(stub, requests(MESSAGES))]
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        [answer async for answer in one_by_one(stub, requests(MESSAGES, other))]
    assert failed.value.code() is grpc.StatusCode.ALREADY_EXISTS


async def test_importing_needs_the_right_to_write(server: LocalServer) -> None:
    stub = BulkImportServiceStub(server.connect("viewer"))
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        [answer async for answer in one_by_one(stub, requests(MESSAGES))]
    assert failed.value.code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("twice", [False, True])
async def test_what_was_erased_does_not_come_back(server: LocalServer, twice: bool) -> None:
    """A row about somebody who was erased is refused, and of one that names an erased address that is left out, as
    IngestEvents does with their records."""
    stub = BulkImportServiceStub(server.connect("source"))
    first = [Row("r1", TIMES[0], "M1", "13700000001"), Row("r2", TIMES[0], "M2", "13700000002", granted=True)]
    asked = pb.ImportPersonsRequest(opening=OPENING)
    [_ async for _ in one_by_one(stub, iter([asked, rows_message(0, first)]))]
    persons = person_service_pb2_grpc.PersonServiceStub(server.connect("admin"))
    resolve = person_service_pb2.ResolveIdentifiersRequest(identifiers=identifiers(member_id="M1"))
    person_id = (await persons.ResolveIdentifiers(resolve)).results[0].person_id
    privacy = privacy_service_pb2_grpc.PrivacyServiceStub(server.connect("admin"))
    await privacy.ErasePerson(privacy_service_pb2.ErasePersonRequest(person_id=person_id, reason="asked"))
    rows = [
        Row("r3", TIMES[1], "M1", "13700000003"),
        Row("r4", TIMES[1], "M4", "13700000001", granted=True),
        Row("r5", TIMES[1], "M5", "13700000005"),
    ]
    if twice:
        rows.append(rows[0])
    ingest = ingest_service_pb2_grpc.IngestServiceStub(server.connect("source"))
    singly = await ingest.IngestEvents(
        ingest_service_pb2.IngestEventsRequest(
            records=[message_of(replace(row, record_id=f"x{row.record_id}")) for row in rows[:2]]
        )
    )
    answers = [answer async for answer in one_by_one(stub, iter([asked, rows_message(2, rows)]))]
    told = {problem.row - 2: problem for problem in answers[-1].problems}
    assert told.keys() == {0, 1} | ({3} if twice else set())
    for number, result in enumerate(singly.results):
        assert told[number].status == result.status
        assert list(told[number].refusals) == list(result.refusals)
    assert told[0].status == ingest_service_pb2.INGEST_STATUS_REFUSED
    assert answers[-1].refused == 1 + twice
    found = await persons.ResolveIdentifiers(resolve)
    assert found.results[0].person_id == 0


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    yield process
    process.kill()


async def test_kill_in_the_middle_and_go_on(process: Process) -> None:
    """What is stored in the end is what an import without a crash leaves."""
    process.start()
    for answers in (3, 9):
        stub = BulkImportServiceStub(await process.channel("source-key"))
        standing = await _standing(stub)
        with pytest.raises(grpc.aio.AioRpcError):
            await _import_until_killed(process, stub, requests(standing // ROWS), answers)
        process.start()
    stub = BulkImportServiceStub(await process.channel("source-key"))
    standing = await _standing(stub)
    assert 0 < standing < MESSAGES * ROWS
    whole = BulkImportServiceStub(await process.channel("other-source-key"))
    last = [answer async for answer in one_by_one(stub, requests(standing // ROWS))][-1]
    other = [answer async for answer in one_by_one(whole, requests())][-1]
    for answer in (last, other):
        answer.ClearField("revision")
        answer.ClearField("problems")
    assert last == other
    process.kill(signal.SIGTERM)
    assert _counts(process, "t1") == _counts(process, "t2")


async def _import_until_killed(
    process: Process, stub: BulkImportServiceStub, messages: Iterator[pb.ImportPersonsRequest], answers: int
) -> None:
    told = 0
    async for _ in one_by_one(stub, messages):
        told += 1
        if told == answers:
            process.kill(signal.SIGKILL)


async def _standing(stub: BulkImportServiceStub) -> int:
    answers = [answer async for answer in one_by_one(stub, requests(MESSAGES))]
    return int(answers[0].rows)


def _counts(process: Process, tenant: str) -> dict[str, object]:
    """How much of everything there is, and how large the persons are."""
    with sqlite3.connect(process.data / "identity" / "identity.db") as store:
        found: dict[str, object] = {
            table: store.execute(f"SELECT count(*) FROM {table} WHERE tenant = ?", (tenant,)).fetchone()
            for table in TABLES
        }
        sizes = "SELECT count(*) FROM keys WHERE tenant = ? GROUP BY person_id ORDER BY 1"
        found["sizes"] = store.execute(sizes, (tenant,)).fetchall()
    store.close()
    return found
