"""A store and its keys: a wrong or missing key is refused before anything is written; rotation reseals everything."""

import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest
from huaxiang.identity.v1 import (
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    person_service_pb2,
    person_service_pb2_grpc,
    record_pb2,
)
from identity.main import Wiring, wire
from identity.store.keyring import KeyRing, SecretUnusable
from identity_records import identifiers, record, text
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.testing.servers import serving
from sqlalchemy import text as sql

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PEOPLE = 1_203
"""More than one page of the resealing, and not a whole number of them."""


def sealed_with(wiring: Wiring) -> set[int]:
    """The key ids of everything sealed; 0 for what is in clear."""
    found: set[int] = set()
    for query in (
        "SELECT sealed FROM keys",
        "SELECT sealed FROM contact_points",
        "SELECT value FROM attribute_values WHERE name = 'name'",
    ):
        rows = wiring.database.read_now(lambda c, query=query: list(c.execute(sql(query)).scalars()))
        assert rows
        found |= {int.from_bytes(row[1:3], "big") if row[0] == 2 else 0 for row in map(bytes, rows)}
    return found


async def fill(wiring: Wiring, folder: Path) -> None:
    async with serving(wiring.services, folder, name="identity") as server:
        stub = ingest_service_pb2_grpc.IngestServiceStub(server.connect("source"))
        for start in range(0, PEOPLE, 500):
            records = [
                record(
                    f"r{n}",
                    identifiers(member_id=f"M{n}"),
                    attributes={"name": text(f"王小{n}")},
                    contact_points=[
                        record_pb2.ContactPoint(channel=record_pb2.CHANNEL_SMS, address=f"139{n:08d}")
                    ],
                )
                for n in range(start, min(start + 500, PEOPLE))
            ]
            await stub.IngestEvents(ingest_service_pb2.IngestEventsRequest(records=records))
    await wiring.ingest.close()


async def test_a_new_key_takes_over_everything_and_the_old_one_may_leave(
    migrated_url: str, tmp_path: Path
) -> None:
    secret, second, third = (secrets.token_bytes(32) for _ in range(3))
    database, clock = Database.open(migrated_url), ManualClock(NOW)

    def open_with(**ring: bytes) -> Wiring:
        keys = {1: secret} | {int(name.removeprefix("k")): key for name, key in ring.items()}
        return wire(database, secret, clock, ("tagging",), KeyRing(keys))

    first = open_with(k2=second)
    await fill(first, tmp_path)
    assert sealed_with(first) == {2}
    rotated = open_with(k2=second, k3=third)
    with pytest.raises(SecretUnusable, match="sealing key 2 is missing"):
        open_with(k3=third)
    assert database.write_now(rotated.reseal.step), "one page, then the process dies"
    resumed = open_with(k2=second, k3=third)
    steps = 0
    while database.write_now(resumed.reseal.step):
        steps += 1
    assert steps == 8, "three pages of each of three tables, but the one that was done"
    assert sealed_with(resumed) == {3}
    without = open_with(k3=third)
    async with serving(without.services, tmp_path, name="identity") as server:
        stub = person_service_pb2_grpc.PersonServiceStub(server.connect("admin"))
        request = person_service_pb2.GetPersonRequest(person_id=1, show_values=True)
        person = (await stub.GetPerson(request)).person
    assert person.attributes["name"].text_value == "王小0"
    assert person.identifiers[0].identifier.value == "M0"
    await without.ingest.close()
    database.close_now()


async def test_what_was_stored_in_clear_is_sealed(wiring: Wiring, tmp_path: Path) -> None:
    await fill(wiring, tmp_path)
    clear = "UPDATE attribute_values SET value = :value WHERE key_id < 700"
    value = text("王小明").SerializeToString()
    wiring.database.write_now(lambda c: c.execute(sql(clear), {"value": value}))
    assert sealed_with(wiring) == {0, 1}
    while wiring.database.write_now(wiring.reseal.step):
        pass
    assert sealed_with(wiring) == {1}


@pytest.mark.parametrize("forget_checks", [False, True])
async def test_another_secret_is_refused_and_nothing_is_written(
    wiring: Wiring, secret: bytes, clock: ManualClock, tmp_path: Path, forget_checks: bool
) -> None:
    """Also for a store of a release that remembered no keys."""
    await fill(wiring, tmp_path)
    if forget_checks:
        wiring.database.write_now(lambda c: c.execute(sql("DELETE FROM sealing_keys")))

    def everything() -> str:
        return wiring.database.read_now(
            lambda c: str(
                [list(c.execute(sql(f"SELECT * FROM {t}"))) for t in ("sealing_keys", "resealing", "keys")]
            )
        )

    before = everything()
    with pytest.raises(SecretUnusable, match="not the one this store was written with"):
        wire(wiring.database, secrets.token_bytes(32), clock, ("tagging",))
    assert everything() == before
