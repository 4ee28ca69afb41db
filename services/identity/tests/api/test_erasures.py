"""Erasing a person over a real channel: what goes, what stays, what cannot come back."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from huaxiang.identity.v1 import (
    audit_service_pb2,
    audit_service_pb2_grpc,
    change_service_pb2,
    change_service_pb2_grpc,
    contact_point_service_pb2,
    contact_point_service_pb2_grpc,
    erasure_pb2,
    identifier_pb2,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    operation_service_pb2,
    operation_service_pb2_grpc,
    person_pb2,
    person_service_pb2,
    person_service_pb2_grpc,
    privacy_service_pb2,
    privacy_service_pb2_grpc,
    record_pb2,
)
from identity.main import Wiring, wire
from identity.store.sql import open_stores
from identity.store.tombstone_journal import TombstoneJournal
from identity_records import identifiers, order, record, text
from servicekit.clock import ManualClock
from servicekit.paging import all_pages
from servicekit.status import reason_of
from servicekit.testing.servers import LocalServer, serving
from servicekit.values import timestamp
from sqlalchemy import Connection
from sqlalchemy import text as sql

PHONE, OTHER_PHONE = "13912345670", "13912345671"
ACCEPTED = ingest_service_pb2.INGEST_STATUS_ACCEPTED
REPEATED = ingest_service_pb2.INGEST_STATUS_REPEATED
REFUSED = ingest_service_pb2.INGEST_STATUS_REFUSED


@pytest.fixture
def wiring(wiring: Wiring, secret: bytes, clock: ManualClock, tmp_path: Path) -> Wiring:
    journal = TombstoneJournal(tmp_path / "tombstones.journal")
    return wire(wiring.database, secret, clock, ("tagging",), erasers=("tagging",), journal=journal)


def known(record_id: str, member: str, phone: str, **fields: object) -> record_pb2.Record:
    point = record_pb2.ContactPoint(channel=record_pb2.CHANNEL_SMS, address=phone)
    consent = record_pb2.Consent(
        purpose="marketing", channel=record_pb2.CHANNEL_SMS, address=phone, granted=True, evidence="form 7"
    )
    return record(
        record_id,
        identifiers(member_id=member, phone=phone),
        event=order(note=text("gift for my sister")),
        attributes={"name": text("王小明"), "city": text("Suzhou")},
        contact_points=[point],
        consents=[consent],
        **fields,
    )


async def send(server: LocalServer, *records: record_pb2.Record) -> list[ingest_service_pb2.IngestResult]:
    stub = ingest_service_pb2_grpc.IngestServiceStub(server.connect("source"))
    answer = await stub.IngestEvents(ingest_service_pb2.IngestEventsRequest(records=records))
    return list(answer.results)


async def erase(
    server: LocalServer, person_id: int, **fields: object
) -> privacy_service_pb2.ErasePersonResponse:
    stub = privacy_service_pb2_grpc.PrivacyServiceStub(server.connect("admin"))
    request = privacy_service_pb2.ErasePersonRequest(person_id=person_id, reason="request 12", **fields)
    return await stub.ErasePerson(request)


async def persons(server: LocalServer) -> dict[int, person_pb2.Person]:
    stub = change_service_pb2_grpc.ChangeServiceStub(server.connect("service"))
    export = stub.ExportPersons(change_service_pb2.ExportPersonsRequest())
    return {person.person_id: person async for part in export for person in part.persons}


async def resolve(server: LocalServer, *stated: identifier_pb2.Identifier) -> list[tuple[int, int, str]]:
    stub = person_service_pb2_grpc.PersonServiceStub(server.connect("admin"))
    answer = await stub.ResolveIdentifiers(person_service_pb2.ResolveIdentifiersRequest(identifiers=stated))
    return [(result.person_id, result.key_id, result.problem) for result in answer.results]


def scrub(wiring: Wiring) -> None:
    def step(connection: object, scan: object = None) -> object:
        stores = open_stores(connection, wiring.changelog)  # type: ignore[arg-type]
        return wiring.scrub.step(stores, scan) if scan else wiring.scrub.find(stores)  # type: ignore[arg-type]

    scan = wiring.database.write_now(step)
    while scan is not None:
        scan = wiring.database.write_now(step, scan)


async def test_nothing_of_the_person_is_left_anywhere(server: LocalServer, wiring: Wiring) -> None:
    first, other = await send(server, known("r1", "M-one", PHONE), known("r2", "M-two", OTHER_PHONE))
    answer = await erase(server, first.person_id)
    assert list(answer.erasure.person_ids) == [first.person_id]
    counts = answer.erasure.counts
    assert (counts.identifiers, counts.attributes, counts.contact_points, counts.consents) == (2, 2, 1, 1)
    scrub(wiring)
    left = {
        "keys": 2, "sightings": 2, "attribute_values": 2, "contact_points": 1, "consents": 1, "edges": 2, "records": 1,
    }  # fmt: skip
    for table, count in left.items():
        rows = wiring.database.read_now(
            lambda c, table=table: c.execute(sql(f"SELECT count(*) FROM {table}")).scalar_one()
        )
        assert (table, rows) == (table, count)
    entries = wiring.database.read_now(lambda c: list(c.execute(sql("SELECT kind, payload FROM changelog"))))
    assert sorted(kind for kind, _ in entries) == ["event", "person", "person"]
    stored = await persons(server)
    gone = stored[first.person_id]
    assert gone.state == person_pb2.PERSON_STATE_ERASED
    assert [key.key_id for key in gone.keys] == list(answer.erasure.key_ids)
    assert (gone.birth_hash, len(gone.attributes), len(gone.channels)) == (0, 0, 0)
    assert stored[other.person_id].state == person_pb2.PERSON_STATE_MEMBER


def count(wiring: Wiring, table: str) -> int:
    return wiring.database.read_now(lambda c: c.execute(sql(f"SELECT count(*) FROM {table}")).scalar_one())


async def test_consents_at_an_identifier_that_is_an_address_go_without_a_contact_point(
    server: LocalServer, wiring: Wiring
) -> None:
    said = record_pb2.Consent(
        purpose="marketing", channel=record_pb2.CHANNEL_SMS, address=PHONE, granted=True, evidence="form 7"
    )
    token = record_pb2.Consent(
        purpose="marketing",
        channel=record_pb2.CHANNEL_PUSH,
        address="token-1",
        granted=True,
        evidence="form 8",
    )
    (first,) = await send(
        server, record("r1", identifiers(member_id="M-one", phone=PHONE), consents=[said, token])
    )
    assert count(wiring, "consents") == 2
    stub = privacy_service_pb2_grpc.PrivacyServiceStub(server.connect("admin"))
    asked = privacy_service_pb2.ExportPersonDataRequest(person_id=first.person_id, reason="request 11")
    told = {
        part.section: [json.loads(row) for row in part.rows] async for part in stub.ExportPersonData(asked)
    }
    assert [(said["address"], said["evidence"]) for said in told["consents"]] == [("+86" + PHONE, "form 7")]
    answer = await erase(server, first.person_id)
    scrub(wiring)
    assert count(wiring, "consents") == 0
    assert answer.erasure.counts.consents == 1, "the other is found by its record, later"


async def test_a_refusal_at_an_address_that_another_states_stays(server: LocalServer, wiring: Wiring) -> None:
    """Or the erasure of one would widen what the other permitted."""
    no = record_pb2.Consent(
        purpose="marketing", channel=record_pb2.CHANNEL_SMS, address=OTHER_PHONE, granted=False
    )
    point = record_pb2.ContactPoint(channel=record_pb2.CHANNEL_SMS, address=OTHER_PHONE)
    first, other = await send(
        server,
        record("r1", identifiers(member_id="M-one"), consents=[no]),
        record("r2", identifiers(member_id="M-two"), contact_points=[point]),
    )
    await erase(server, first.person_id)
    scrub(wiring)
    assert count(wiring, "consents") == 1
    assert other.person_id in await persons(server)


async def test_entries_of_another_who_once_had_the_key_go_too(server: LocalServer, wiring: Wiring) -> None:
    desk = operation_service_pb2_grpc.OperationServiceStub(server.connect("admin"))
    one, other = await send(
        server, known("r1", "M-one", PHONE), record("r2", identifiers(email="a@b.example"))
    )
    merged = await desk.Merge(
        operation_service_pb2.MergeRequest(
            person_id=one.person_id, other_person_id=other.person_id, reason="one card"
        )
    )
    undo = operation_service_pb2.UndoOperationRequest(
        operation_id=merged.outcome.operation.operation_id, reason="two cards"
    )
    await desk.UndoOperation(undo)
    gone = set((await erase(server, other.person_id)).erasure.key_ids)
    scrub(wiring)
    entries = wiring.database.read_now(
        lambda c: list(c.execute(sql("SELECT payload FROM changelog WHERE kind = 'person'")).scalars())
    )
    told = [person_pb2.Person.FromString(entry) for entry in entries]
    living = [each for each in told if each.state != person_pb2.PERSON_STATE_ERASED]
    assert {each.person_id for each in living} == {one.person_id}
    assert not any(key.key_id in gone for each in living for key in each.keys)


async def test_lookups_repeats_and_late_events_bring_nobody_back(server: LocalServer, wiring: Wiring) -> None:
    one = known("r1", "M-one", PHONE)
    (first,) = await send(server, one)
    await erase(server, first.person_id)
    for scrubbed in (False, True):
        if scrubbed:
            scrub(wiring)
        late = record("late", identifiers(member_id="M-one", device_id="device-1"), event=order())
        by_phone = record("late2", identifiers(phone=PHONE), event=order())
        results = await send(server, one, late, by_phone)
        assert [result.status for result in results] == [REFUSED] * 3
        assert {r.reason for result in results for r in result.refusals} == {
            ingest_service_pb2.REFUSAL_REASON_ERASED
        }
    stated = identifiers(member_id="M-one", phone=PHONE, device_id="device-1")
    assert await resolve(server, *stated) == [(0, 0, "")] * 3
    stub = person_service_pb2_grpc.PersonServiceStub(server.connect("admin"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.GetPerson(person_service_pb2.GetPersonRequest(person_id=first.person_id))
    assert reason_of(refused.value).reason == "PERSON_ERASED"
    asked = contact_point_service_pb2.GetContactPointsRequest(
        person_ids=[first.person_id], purpose="marketing", channel=record_pb2.CHANNEL_SMS, reason="campaign"
    )
    contact = contact_point_service_pb2_grpc.ContactPointServiceStub(server.connect())
    (result,) = (await contact.GetContactPoints(asked)).results
    assert result.status == contact_point_service_pb2.CONTACT_POINT_STATUS_NO_PERSON
    assert len(await persons(server)) == 1


async def test_what_people_pass_on_is_left_out_of_anothers_record(server: LocalServer) -> None:
    (first,) = await send(server, known("r1", "M-one", PHONE))
    await erase(server, first.person_id)
    (second,) = await send(server, known("r2", "M-two", PHONE))
    assert second.status == ACCEPTED
    assert sorted(refusal.field for refusal in second.refusals) == [
        "consents[0]",
        "contact_points[0]",
        "identifiers[1]",
    ]
    stored = await persons(server)
    assert [key.namespace for key in stored[second.person_id].keys] == ["member_id"]
    assert not stored[second.person_id].channels


async def test_a_dry_run_tells_and_changes_nothing(
    server: LocalServer, wiring: Wiring, tmp_path: Path
) -> None:
    (first,) = await send(server, known("r1", "M-one", PHONE))
    before = await persons(server)
    answer = await erase(server, first.person_id, dry_run=True)
    assert answer.erasure.counts.identifiers == 2
    assert answer.erasure.state == erasure_pb2.ERASURE_STATE_UNSPECIFIED
    assert not answer.HasField("revision")
    assert await persons(server) == before
    (again,) = await send(server, known("r1", "M-one", PHONE))
    assert again.status == REPEATED
    assert not (tmp_path / "tombstones.journal").exists()


async def test_a_redirected_id_leads_to_the_person_and_goes_with_it(server: LocalServer) -> None:
    (device,) = await send(server, record("r1", identifiers(device_id="device-1"), event=order()))
    (member,) = await send(server, record("r2", identifiers(member_id="M-one", device_id="device-1")))
    assert device.person_id != member.person_id
    answer = await erase(server, device.person_id)
    assert list(answer.erasure.person_ids) == [member.person_id, device.person_id]
    assert {person.state for person in (await persons(server)).values()} == {person_pb2.PERSON_STATE_ERASED}
    assert (await erase(server, member.person_id)).erasure == answer.erasure, "once"


async def test_every_unconfirmed_erasure_is_listed_however_many(server: LocalServer) -> None:
    sent = await send(server, *(known(f"r{n}", f"M-{n}", f"1391234560{n}") for n in range(3)))
    for result in sent:
        await erase(server, result.person_id)
    stub = privacy_service_pb2_grpc.PrivacyServiceStub(server.connect("service"))
    asked = privacy_service_pb2.ListUnconfirmedErasuresRequest(service="tagging", page_size=2)
    pages = [page async for page in all_pages(stub.ListUnconfirmedErasures, asked)]
    assert [[each.erasure_id for each in page.erasures] for page in pages] == [[1, 2], [3]]


async def test_an_erasure_is_done_when_every_service_has_confirmed(
    server: LocalServer, wiring: Wiring
) -> None:
    (first,) = await send(server, known("r1", "M-one", PHONE))
    await erase(server, first.person_id)
    stub = privacy_service_pb2_grpc.PrivacyServiceStub(server.connect("service"))
    listed = await stub.ListUnconfirmedErasures(
        privacy_service_pb2.ListUnconfirmedErasuresRequest(service="tagging")
    )
    (asked,) = listed.erasures
    assert (asked.tenant, list(asked.person_ids), len(asked.key_ids)) == ("t1", [first.person_id], 2)
    assert asked.revision.token

    async def state() -> tuple[str, dict[str, bool]]:
        admin = privacy_service_pb2_grpc.PrivacyServiceStub(server.connect("admin"))
        request = privacy_service_pb2.GetErasureRequest(person_id=first.person_id)
        erasure = (await admin.GetErasure(request)).erasure
        confirmed = {each.service: each.HasField("time") for each in erasure.confirmations}
        return erasure_pb2.ErasureState.Name(erasure.state).removeprefix("ERASURE_STATE_"), confirmed

    assert await state() == ("RUNNING", {"identity": False, "tagging": False})
    confirm = privacy_service_pb2.ConfirmErasureRequest(tenant="t1", erasure_id=1, service="tagging")
    await stub.ConfirmErasure(confirm)
    await stub.ConfirmErasure(confirm)
    assert await state() == ("RUNNING", {"identity": False, "tagging": True})
    scrub(wiring)
    assert await state() == ("DONE", {"identity": True, "tagging": True})
    confirm.service = "nobody"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ConfirmErasure(confirm)
    assert reason_of(refused.value).reason == "SERVICE_UNKNOWN"


TABLES = (
    "tenants", "keys", "sightings", "attribute_values", "contact_points", "consents", "edges", "records", "persons",
)  # fmt: skip
Backup = dict[str, list[dict[str, Any]]]


def backup_of(wiring: Wiring) -> Backup:
    return wiring.database.read_now(
        lambda c: {
            table: [dict(row) for row in c.execute(sql(f"SELECT * FROM {table}")).mappings()]
            for table in TABLES
        }
    )


def put_back(wiring: Wiring, backup: Backup) -> None:
    """The store as it was, before anybody was erased."""

    def run(connection: Connection) -> None:
        for table in ("erasures", "erased_persons", "tombstones", "erasure_confirmations", *TABLES):
            connection.execute(sql(f"DELETE FROM {table}"))
        for table, rows in backup.items():
            for row in rows:
                names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
                connection.execute(sql(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)

    wiring.database.write_now(run)


async def test_a_store_put_back_from_before_the_erasure_erases_again(
    server: LocalServer, wiring: Wiring, secret: bytes, clock: ManualClock, tmp_path: Path
) -> None:
    (first,) = await send(server, known("r1", "M-one", PHONE))
    backup = backup_of(wiring)
    await erase(server, first.person_id)
    put_back(wiring, backup)
    journal = TombstoneJournal(tmp_path / "tombstones.journal")
    again = wire(wiring.database, secret, clock, ("tagging",), erasers=("tagging",), journal=journal)
    async with serving(again.services, tmp_path, name="identity") as restored:
        assert await resolve(restored, *identifiers(member_id="M-one", phone=PHONE)) == [(0, 0, "")] * 2
        (late,) = await send(restored, record("late", identifiers(member_id="M-one"), event=order()))
        assert late.status == REFUSED
        (only,) = (await persons(restored)).values()
        assert only.state == person_pb2.PERSON_STATE_ERASED
    await again.ingest.close()
    assert len(journal.read()) == 1


async def test_ids_of_the_erased_are_nobody_elses_in_a_store_put_back_from_before_they_were_known(
    server: LocalServer, wiring: Wiring, secret: bytes, clock: ManualClock, tmp_path: Path
) -> None:
    await send(server, known("r1", "M-one", PHONE))
    backup = backup_of(wiring)
    (second,) = await send(server, known("r2", "M-two", OTHER_PHONE))
    erasure = (await erase(server, second.person_id)).erasure
    put_back(wiring, backup)
    journal = TombstoneJournal(tmp_path / "tombstones.journal")
    again = wire(wiring.database, secret, clock, ("tagging",), erasers=("tagging",), journal=journal)
    async with serving(again.services, tmp_path, name="identity") as restored:
        (third,) = await send(restored, known("r3", "M-three", "13912345672"))
        assert third.person_id not in erasure.person_ids
        held = {key.key_id for key in (await persons(restored))[third.person_id].keys}
        assert not held & set(erasure.key_ids), "a masked key must not become another's"
        assert (await erase(restored, third.person_id)).erasure.erasure_id > erasure.erasure_id
    await again.ingest.close()


async def test_an_erasure_that_the_journal_missed_is_written_when_it_is_asked_for_again(
    wiring: Wiring, server: LocalServer, tmp_path: Path
) -> None:
    (first,) = await send(server, known("r1", "M-one", PHONE))
    path = tmp_path / "tombstones.journal"
    path.mkdir()
    with pytest.raises(grpc.aio.AioRpcError):
        await erase(server, first.person_id)
    path.rmdir()
    for _ in range(2):
        await erase(server, first.person_id)
        (written,) = TombstoneJournal(path).read()
        assert written.tombstones, "once, and whole"


async def test_every_erasure_leaves_an_audit_row_and_the_chain_is_whole(
    server: LocalServer, wiring: Wiring
) -> None:
    (first,) = await send(server, known("r1", "M-one", PHONE))
    await erase(server, first.person_id)
    stub = audit_service_pb2_grpc.AuditServiceStub(server.connect("admin"))
    listed = await stub.ListAudit(audit_service_pb2.ListAuditRequest(person_id=first.person_id))
    (entry,) = listed.entries
    assert (entry.action, entry.reason, entry.subject) == ("erase_person", "request 12", "admin-t1")
    verified = await stub.VerifyAudit(audit_service_pb2.VerifyAuditRequest())
    assert verified.whole
    kept = audit_service_pb2.VerifyAuditRequest(expected=verified.end)
    assert (await stub.VerifyAudit(kept)).whole
    wiring.database.write_now(lambda c: c.execute(sql("UPDATE audit SET reason = 'another'")))
    broken = await stub.VerifyAudit(audit_service_pb2.VerifyAuditRequest())
    assert (broken.whole, broken.broken_sequence) == (False, 1)


@pytest.mark.parametrize("person_id", [0, -1, 99])
async def test_nobody_is_erased_by_a_bad_request(server: LocalServer, person_id: int) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await erase(server, person_id)
    assert reason_of(refused.value).reason in ("INVALID_FIELD", "NOT_FOUND")


async def test_the_file_of_the_store_holds_no_word_of_the_erased(server: LocalServer, wiring: Wiring) -> None:
    """SQLite leaves what is deleted in its free pages, unless told otherwise."""
    if wiring.database.dialect != "sqlite":
        pytest.skip("Postgres overwrites when it vacuums")
    word = "a form that names the person"
    said = [
        record_pb2.Consent(
            purpose="marketing",
            channel=record_pb2.CHANNEL_SMS,
            address=PHONE,
            granted=True,
            evidence=word,
            text_version=str(n),
            time=timestamp(1_000_000 * n),
        )
        for n in range(1, 20)
    ]
    sent = [
        record(
            f"r{n}", identifiers(member_id="M-one", phone=PHONE), consents=said, event=order(note=text(word))
        )
        for n in range(20)
    ]
    results = await send(server, *sent)
    file = Path(str(wiring.database.url.database))

    def carried_over() -> bool:
        """Whether no reader and no checkpoint of the service's own was in the way."""
        with closing(sqlite3.connect(file)) as connection:
            return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)

    async def held() -> bool:
        wiring.database.write_now(lambda c: c.execute(sql("SELECT 1")))
        async with asyncio.timeout(20):
            while not carried_over():  # noqa: ASYNC110 - SQLite tells nobody when a lock is free
                await asyncio.sleep(0.01)
        return word.encode() in await asyncio.to_thread(file.read_bytes)

    assert await held()
    await erase(server, results[0].person_id)
    scrub(wiring)
    assert not await held()
