"""Messages prepared in other processes: the same answers, whatever becomes of the processes."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from huaxiang.identity.v1 import ingest_service_pb2 as ingest
from huaxiang.identity.v1 import ingest_service_pb2_grpc, record_pb2
from identity.api import ingest_servicer
from identity.api.preparation import Message
from identity.api.preparers import MAX_TRIES, Preparers
from identity.main import wire
from identity_records import NOW, identifiers, order, record, stamp, text
from servicekit.client import MAX_INGEST_MESSAGE_BYTES
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.status import reason_of
from servicekit.testing.servers import LocalServer, serving

SECRET = secrets.token_bytes(32)
NOW_US = int(NOW.timestamp() * 1_000_000)
Stub = ingest_service_pb2_grpc.IngestServiceStub
ACCEPTED = ingest.INGEST_STATUS_ACCEPTED
END_S = 20.0


@pytest.fixture(autouse=True)
def every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_servicer, "MIN_PREPARER_BYTES", 0)


@pytest.fixture
def preparers() -> Iterator[Preparers]:
    made = Preparers(1, SECRET)
    yield made
    made.close()


@asynccontextmanager
async def service(folder: Path, preparers: Preparers | None) -> AsyncIterator[LocalServer]:
    folder.mkdir()  # noqa: ASYNC240  # nothing else runs yet
    database = Database.open(f"sqlite:///{folder / 'identity.db'}")
    wiring = wire(database, SECRET, ManualClock(NOW), ("tagging",), preparers=preparers)
    async with serving(
        wiring.services, folder, name="identity", max_message_bytes=MAX_INGEST_MESSAGE_BYTES
    ) as server:
        yield server
    await wiring.ingest.close()
    await database.close()


def batch(number: int) -> ingest.IngestEventsRequest:
    """Every kind of record: plain ones, one stated twice, one with everything, refused ones."""
    consent = record_pb2.Consent(
        purpose="marketing", channel=record_pb2.CHANNEL_SMS, address="13912345670", granted=True
    )
    point = record_pb2.ContactPoint(channel=record_pb2.CHANNEL_EMAIL, address="A@Example.cn")
    twice = [*identifiers(phone="139 1234 5670"), *identifiers(phone="+8613912345670")]
    twice[0].verified = True
    return ingest.IngestEventsRequest(
        records=[
            record(f"plain{number}", identifiers(member_id=f"M{number}"), event=order(shop=text("ｓ１"))),
            record(f"twice{number}", twice, link_kind=record_pb2.LINK_KIND_LOGIN, brand="b"),
            record(
                f"all{number}",
                identifiers(member_id="M0", phone="13912345670"),
                attributes={"name": text("王小明"), "unknown": text("x")},
                consents=[consent],
                contact_points=[point],
            ),
            record(f"partly{number}", [*identifiers(phone="138****1234"), *identifiers(crm_id="C1")]),
            record(f"refused{number}", identifiers(member_id="M1"), time=stamp(NOW.replace(year=2199))),
            record(f"placeholder{number}", identifiers(phone="13800138000")),
        ]
    )


async def stream(server: LocalServer, batches: Sequence[ingest.IngestEventsRequest]) -> AsyncIterator[bytes]:
    messages = [ingest.IngestEventStreamRequest(batch=each) for each in batches]
    async for answer in Stub(server.connect("source")).IngestEventStream(iter(messages)):
        answer.batch.revision.Clear()
        yield answer.SerializeToString(deterministic=True)


async def test_the_answers_are_those_of_threads(tmp_path: Path, preparers: Preparers) -> None:
    batches = [batch(number) for number in (1, 2, 1)]
    async with service(tmp_path / "one", None) as server:
        expected = [answer async for answer in stream(server, batches)]
    async with service(tmp_path / "other", preparers) as server:
        assert [answer async for answer in stream(server, batches)] == expected
        unary = await Stub(server.connect("source")).IngestEvents(batches[0])
        assert [result.status for result in unary.results].count(ingest.INGEST_STATUS_REPEATED) == 5


async def test_a_killed_process_is_replaced_and_its_messages_prepared_again(
    tmp_path: Path, preparers: Preparers
) -> None:
    (first,) = preparers.process_ids
    async with service(tmp_path / "one", preparers) as server:
        answers = 0
        async for answer in stream(server, [batch(number) for number in range(40)]):
            answers += 1
            statuses = [r.status for r in ingest.IngestEventStreamResponse.FromString(answer).batch.results]
            assert statuses.count(ACCEPTED) == 5
            if answers == 3:
                os.kill(first, signal.SIGKILL)
        assert answers == 40
        (second,) = preparers.process_ids
        assert second != first
        os.kill(second, 0)


async def test_what_cannot_be_prepared_is_told_why(tmp_path: Path, preparers: Preparers) -> None:
    async with service(tmp_path / "one", preparers) as server:
        channel = server.connect("source")
        call = channel.unary_unary("/huaxiang.identity.v1.IngestService/IngestEvents")
        for content, field in ((b"\xff\xff", "batch"), (b"", "records")):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(content)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            said = reason_of(refused.value)
            assert (said.reason, said.metadata["field"]) == ("INVALID_FIELD", field)
        assert [answer async for answer in stream(server, [batch(1)])]


def test_processes_that_always_die_are_given_up(
    preparers: Preparers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("identity.api.preparers.MODULE", "identity.no_such_module")
    started = set(preparers.process_ids)
    os.kill(*started, signal.SIGKILL)
    message = Message(batch(1).SerializeToString(), False, "t1", NOW_US, False)
    assert preparers.prepare(message) is None
    assert not started & set(preparers.process_ids)
    assert MAX_TRIES > 1


def test_a_signal_to_all_processes_of_a_service_is_left_to_the_service(preparers: Preparers) -> None:
    message = Message(batch(1).SerializeToString(), False, "t1", NOW_US, False)
    assert preparers.prepare(message) is not None
    (process_id,) = preparers.process_ids
    for name in (signal.SIGINT, signal.SIGTERM):
        os.kill(process_id, name)
        assert preparers.prepare(message) is not None
    assert preparers.process_ids == [process_id]


def test_a_process_that_cannot_be_started_is_started_later(
    preparers: Preparers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise BlockingIOError("no process is left")

    message = Message(batch(1).SerializeToString(), False, "t1", NOW_US, False)
    os.kill(*preparers.process_ids, signal.SIGKILL)
    with monkeypatch.context() as patched:
        patched.setattr("identity.api.preparers.subprocess.Popen", full)
        assert preparers.prepare(message) is None
    assert preparers.prepare(message) is not None


def test_no_process_outlives_its_owner(preparers: Preparers) -> None:
    (process_id,) = preparers.process_ids
    preparers.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)
    assert preparers.prepare(Message(b"", False, "t1", NOW_US, False)) is None


OWNER = """
import sys
from identity.api.preparers import Preparers
print(*Preparers(2, bytes(32)).process_ids, flush=True)
sys.stdin.read()
"""


def test_no_process_outlives_an_owner_that_is_killed() -> None:
    command = [sys.executable, "-c", OWNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        process_ids = [int(word) for word in owner.stdout.readline().split()]
        assert all(map(_runs, process_ids))
        owner.kill()
    until = time.monotonic() + END_S
    while any(map(_runs, process_ids)):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_process_imports_nothing_of_stores_and_servers() -> None:
    """It is started with every service: what it does not need costs each of them time and memory."""
    said = "import sys, identity.preparer; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, check=True, text=True)
    assert not {"sqlalchemy", "numpy", "pyarrow", "grpc", "structlog"} & set(done.stdout.split())


def _runs(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # nobody may be there to reap it
