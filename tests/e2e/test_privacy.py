"""The rights of persons over a whole suite of processes: taking back, being told, being forgotten."""

import asyncio
import itertools
import json
import statistics
import sys
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from catalogue import apply_catalogue
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.identity.v1 import change_pb2, change_service_pb2, contact_point_service_pb2, record_pb2
from huaxiang.identity.v1.change_service_pb2_grpc import ChangeServiceStub
from huaxiang.identity.v1.contact_point_service_pb2_grpc import ContactPointServiceStub
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from said import ingest, record
from suite_process import CommandFailed, SuiteProcess

NOW = datetime(2026, 6, 30, 4, tzinfo=UTC)
PROBES = 50
REACHED_WITHIN_S = 1.0
DONE_WITHIN_S = 60.0
SMS = record_pb2.CHANNEL_SMS


@pytest.fixture(scope="module", autouse=True)
def catalogue(suite: SuiteProcess) -> None:
    apply_catalogue(suite)


def said(record_id: str, member: str, phone: str, *, granted: bool, minutes: int = 10) -> record_pb2.Record:
    stated = record("crm", record_id, NOW - timedelta(minutes=minutes), {"member_id": member, "phone": phone})
    stated.contact_points.add(channel=SMS, address=phone)
    moment = Timestamp()
    moment.FromDatetime(NOW - timedelta(minutes=minutes))
    stated.consents.add(
        purpose="marketing", channel=SMS, address=phone, granted=granted, time=moment, evidence="form 7"
    )
    return stated


async def test_taking_back_is_known_within_a_second(suite: SuiteProcess) -> None:
    """From the call of IngestEvents on the live lane: GetContactPoints refuses, and a Watch of persons knows."""
    phones = [f"1367{1_234_509 + 37 * number}" for number in range(PROBES)]
    refused_s: list[float] = []
    watched_s: list[float] = []
    async with suite.channel("identity") as channel, suite.service_channel("identity") as service:
        door, contact = IngestServiceStub(channel), ContactPointServiceStub(service)
        given = await ingest(
            door, [said(f"give{n}", f"W{n}", phone, granted=True) for n, phone in enumerate(phones)]
        )
        known: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
        watching = asyncio.create_task(watch(service, suite.tenant, given.revision, known))
        try:
            for number, (phone, result) in enumerate(zip(phones, given.results, strict=True)):
                asked = contact_point_service_pb2.GetContactPointsRequest(
                    person_ids=[result.person_id], purpose="marketing", channel=SMS, reason="campaign 1"
                )
                (before,) = (await contact.GetContactPoints(asked)).results
                assert before.status == contact_point_service_pb2.CONTACT_POINT_STATUS_PERMITTED
                started = time.perf_counter()
                await ingest(door, [said(f"take{number}", f"W{number}", phone, granted=False, minutes=5)])
                (after,) = (await contact.GetContactPoints(asked)).results
                refused_s.append(time.perf_counter() - started)
                assert after.status == contact_point_service_pb2.CONTACT_POINT_STATUS_WITHDRAWN
                async with asyncio.timeout(REACHED_WITHIN_S):
                    person_id, moment = await known.get()
                assert person_id == result.person_id
                watched_s.append(moment - started)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    for name, times in (("refused", refused_s), ("watched", watched_s)):
        median, worst = statistics.median(times) * 1_000, max(times) * 1_000
        sys.stderr.write(f"{name}: median {median:.0f} ms, worst {worst:.0f} ms\n")
    assert max(refused_s + watched_s) < REACHED_WITHIN_S


async def watch(channel, tenant: str, after, known: "asyncio.Queue[tuple[int, float]]") -> None:
    """Tells which persons of a tenant may be reached for marketing no more, and when that was heard."""
    request = change_service_pb2.WatchRequest(after=after, kinds=[change_pb2.CHANGE_KIND_PERSON])
    async for message in ChangeServiceStub(channel).Watch(request):
        for change in message.changes:
            if change.tenant == tenant and any(not each.purposes for each in change.person.channels):
                await known.put((change.person.person_id, time.perf_counter()))


async def test_a_person_is_told_everything_and_then_forgotten_everywhere(
    suite: SuiteProcess, tmp_path: Path
) -> None:
    async with suite.channel("identity") as channel:
        door = IngestServiceStub(channel)
        first = said("tell1", "M-told", "13512348807", granted=True)
        first.event.CopyFrom(record("crm", "x", NOW, {}, "search").event)
        other = said("tell2", "M-other", "13512348819", granted=True)
        answer = await ingest(door, [first, other])
    person_id = answer.results[0].person_id
    suite.command("lake", "flush")
    archive = tmp_path / "told.zip"
    suite.command("privacy", "export", "member_id=M-told", "--reason=request 1", f"--output={archive}")
    with zipfile.ZipFile(archive) as opened:
        assert sorted(opened.namelist()) == [
            "README.txt", "activation.json", "identity.json", "segments.json", "tagging.json",
        ]  # fmt: skip
        own = json.loads(opened.read("identity.json"))
        events = json.loads(opened.read("tagging.json"))["events"]
    assert {each["value"] for each in own["identifiers"]} == {"M-told", "+8613512348807"}
    assert [each["evidence"] for each in own["consents"]] == ["form 7"]
    assert [each["event_id"] for each in events] == ["tell1"]
    dry = suite.command("privacy", "erase", "member_id=M-told", "--reason=request 2", "--dry-run")
    assert dry["counts"]["identifiers"] == 2
    suite.command("privacy", "erase", "member_id=M-told", "--reason=request 2", "--yes")
    deadline = time.monotonic() + DONE_WITHIN_S
    for _ in itertools.count():
        status = suite.command("privacy", "status", str(person_id))
        if status["state"] == "ERASURE_STATE_DONE":
            break
        assert time.monotonic() < deadline, status
        await asyncio.sleep(0.5)
    assert [each["service"] for each in status["confirmations"]] == [
        "identity", "tagging", "segments", "activation",
    ]  # fmt: skip
    with pytest.raises(CommandFailed, match="nobody is known"):
        suite.command(
            "privacy", "export", "member_id=M-told", "--reason=again", f"--output={tmp_path / 'no.zip'}"
        )
    assert suite.command("privacy", "verify")["whole"]
    actions = [each["action"] for each in suite.command("privacy", "audit", f"--person={person_id}")]
    assert actions == ["export_person_data", "erase_person"]
