"""What every adapter of the ports does, on SQLite and Postgres; app behaviour is tested through the rpcs."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from identity.domain.attributes import AttributeStatement
from identity.domain.consents import Address, Channel, Consent
from identity.domain.evidence import Evidence
from identity.domain.linking import Standing
from identity.domain.person_ids import BLOCK_IDS, IdBlocks
from identity.main import Wiring
from identity.store.bulk_ports import NewRows
from identity.store.ports import Stores
from identity.store.rows import (
    ContactPointRow,
    Counters,
    KeyRow,
    KnownRecord,
    LedgerRow,
    PersonRow,
    Sighting,
    StoredSettings,
)
from identity.store.sql import open_stores
from servicekit.changelog import MAX_APPENDED, Entry
from servicekit.database import DatabaseBusy
from servicekit.driver_sql import execute
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

T = TypeVar("T")
Run = Callable[[Callable[[Stores], T]], T]
SEEN = Evidence(5, 5, 1, 0, -1, ("shop",))
MANY = 20_000
"""More keys than one statement takes."""


@pytest.fixture
def run(wiring: Wiring) -> Run[object]:
    """Runs a function in one transaction."""

    def run(work: Callable[[Stores], object]) -> object:
        def on_connection(connection: Connection) -> object:
            return work(open_stores(connection, wiring.changelog))

        return wiring.database.write_now(on_connection)

    return run


def key(key_id: int, person_id: int = 0, standing: Standing = Standing.LINKING) -> KeyRow:
    return KeyRow(key_id, "phone", "", key_id.to_bytes(16, "big"), standing, person_id, 0)


def test_counters_start_at_one_and_are_kept(run: Run[object]) -> None:
    assert run(lambda s: s.tenants.lock("t", "e1")) == Counters()
    kept = Counters(5, 7, IdBlocks(2, 3, 65_540))
    run(lambda s: s.tenants.save("t", kept))
    assert run(lambda s: s.tenants.lock("t", "e1")) == kept
    assert run(lambda s: s.tenants.lock("u", "e1")) == Counters()
    assert run(lambda s: s.tenants.all()) == ["t", "u"]


def test_a_new_epoch_abandons_the_open_id_blocks_once(run: Run[object]) -> None:
    run(lambda s: s.tenants.lock("t", "e1"))
    run(lambda s: s.tenants.save("t", Counters(5, 7, IdBlocks(2, 3, 65_540))))
    restored = run(lambda s: s.tenants.lock("t", "e2"))
    assert restored == Counters(5, 7, IdBlocks(2, 0, 0))
    assert restored.blocks.take(True)[0] == 2 * BLOCK_IDS
    assert run(lambda s: s.tenants.lock("t", "e2")) == restored


def test_the_ledger_knows_what_was_added(run: Run[object]) -> None:
    rows = [LedgerRow("shop", f"r{n}", bytes([n % 256]), n, n, (n, n + 1)) for n in range(3)]
    run(lambda s: s.ledger.add("t", rows))
    wanted = [("shop", "r0"), ("shop", "r9"), ("pos", "r1"), ("shop", "r2")]
    assert run(lambda s: s.ledger.known("t", wanted)) == {
        ("shop", "r0"): KnownRecord(b"\x00", 0),
        ("shop", "r2"): KnownRecord(b"\x02", 2),
    }
    assert run(lambda s: s.ledger.known("u", wanted)) == {}
    assert run(lambda s: s.ledger.known("t", [])) == {}


def test_keys_are_found_by_hash_id_and_person(run: Run[object]) -> None:
    run(lambda s: s.keys.add("t", [(key(n, person_id=n // 2), b"sealed%d" % n) for n in (1, 3, 2)]))
    assert run(lambda s: s.keys.find("t", [key(2).hash, key(9).hash])) == {key(2).hash: 2}
    assert run(lambda s: s.keys.rows("t", [1, 9])) == {1: key(1)}
    assert run(lambda s: s.keys.of_persons("t", [1, 7])) == {1: [key(2, 1), key(3, 1)]}
    assert run(lambda s: s.keys.sealed("t", [3])) == {3: b"sealed3"}
    assert run(lambda s: s.keys.rows("u", [1])) == {}
    changed = key(2, 9, Standing.SHARED)._replace(born_person_id=4)
    run(lambda s: s.keys.update("t", [changed]))
    assert run(lambda s: s.keys.rows("t", [2])) == {2: changed}


def test_batches_are_not_limited(run: Run[object]) -> None:
    run(lambda s: s.keys.add("t", ((key(n), b"") for n in range(1, MANY + 1))))
    assert len(run(lambda s: s.keys.rows("t", range(1, MANY + 1)))) == MANY
    pairs = [(n, n + 1) for n in range(1, MANY)]
    run(lambda s: s.edges.save("t", dict.fromkeys(pairs, SEEN), pairs))
    assert run(lambda s: s.edges.between("t", [*pairs, (1, 3)])).keys() == set(pairs)


def test_edges_are_seen_from_both_ends(run: Run[object]) -> None:
    run(lambda s: s.keys.add("t", [(key(n), b"") for n in (1, 2, 3)]))
    other = Evidence(3, 9, 6, 3, 12, ("crm", "pos"))
    edges = {(1, 2): SEEN, (2, 3): other}
    run(lambda s: s.edges.save("t", edges, [(2, 3), (1, 2)]))
    plain, parted = SEEN._replace(sources=()), other._replace(sources=())
    assert run(lambda s: s.edges.stars("t", [1, 2, 4])) == {1: {2: plain}, 2: {1: plain, 3: parted}}
    assert run(lambda s: s.edges.between("t", [(1, 2), (2, 3), (1, 3)])) == edges
    assert run(lambda s: s.edges.stars("u", [1, 2])) == {}
    later = {(1, 2): SEEN._replace(last_us=99, unbound_us=7, sources=("app", "shop"))}
    run(lambda s: s.edges.save("t", later, []))
    assert run(lambda s: s.edges.between("t", [(1, 2), (2, 3)])) == edges | later
    assert run(lambda s: s.edges.stars("t", [2]))[2][1].unbound_us == 7


def test_sightings_widen_and_count(run: Run[object]) -> None:
    run(lambda s: s.sightings.observe("t", [Sighting(1, "shop", 5, 9, 2), Sighting(1, "crm", 7, 7, 1)]))
    run(lambda s: s.sightings.observe("t", [Sighting(1, "shop", 8, 12, 1), Sighting(2, "shop", 1, 1, 1)]))
    run(lambda s: s.sightings.observe("t", [Sighting(1, "shop", 3, 4, 1)]))
    assert run(lambda s: s.sightings.of_keys("t", [1])) == [
        Sighting(1, "crm", 7, 7, 1),
        Sighting(1, "shop", 3, 12, 4),
    ]


def test_persons_are_replaced_by_id_and_paged(run: Run[object]) -> None:
    rows = [
        PersonRow(n, n, 2**64 - n, 0, 10 + n, int(Lane.BULK if n == 2 else Lane.LIVE), b"p")
        for n in (1, 2, 3)
    ]
    run(lambda s: s.persons.save("t", rows))
    moved = rows[0]._replace(redirect_person_id=3, version=20, entry=b"q")
    run(lambda s: s.persons.save("t", [moved]))
    assert run(lambda s: s.persons.rows("t", [1, 9])) == {1: moved}
    assert run(lambda s: s.persons.redirecting_to("t", 3)) == [1]
    assert run(lambda s: s.persons.page("t", 1, 5)) == rows[1:]
    assert run(lambda s: s.persons.page("t", 0, 1)) == [moved]
    assert run(lambda s: s.persons.latest_version("t", [1, 2, 3], Lane.LIVE)) == 20
    assert run(lambda s: s.persons.latest_version("t", [1, 2, 3], Lane.BULK)) == 12
    assert run(lambda s: s.persons.latest_version("t", [], Lane.BULK)) == 0


def test_attributes_are_replaced_by_key_name_and_source(run: Run[object]) -> None:
    old, new = AttributeStatement("city", "crm", 1, b"a"), AttributeStatement("city", "crm", 2, b"b")
    run(lambda s: s.attributes.save("t", [(1, old), (2, old)]))
    run(lambda s: s.attributes.save("t", [(1, new)]))
    assert run(lambda s: s.attributes.of_keys("t", [1, 2, 3])) == {1: [new], 2: [old]}


def test_contact_points_are_found_by_key_and_address(run: Run[object]) -> None:
    here, there = Address(Channel.SMS, "", b"h" * 16), Address(Channel.WECHAT, "app", b"h" * 16)
    run(
        lambda s: s.contact_points.save(
            "t", [ContactPointRow(1, here, b"x", 5), ContactPointRow(2, there, b"y", 5)]
        )
    )
    again = ContactPointRow(1, here, b"x", 9)
    run(lambda s: s.contact_points.save("t", [again]))
    assert run(lambda s: s.contact_points.of_keys("t", [1])) == {1: [again]}
    assert run(lambda s: s.contact_points.keys_at("t", [here])) == {1}
    assert run(lambda s: s.contact_points.keys_at("t", [here, there])) == {1, 2}


def test_consents_only_grow(run: Run[object]) -> None:
    here, there = Address(Channel.SMS, "", b"h" * 16), Address(Channel.EMAIL, "", b"h" * 16)
    given = Consent(here, "marketing", "", True, 5, None, "v1", "form 7")
    taken = Consent(here, "marketing", "", False, 6, 9, "", "")
    run(lambda s: s.consents.add("t", [(("shop", "r1"), given)]))
    run(lambda s: s.consents.add("t", [(("shop", "r1"), given), (("shop", "r2"), taken)]))
    found = run(lambda s: s.consents.at("t", [here, there]))
    assert {address: sorted(said, key=lambda c: c.time_us) for address, said in found.items()} == {
        here: [given, taken]
    }


def test_settings_and_acknowledgements_are_kept(run: Run[object], wiring: Wiring) -> None:
    assert run(lambda s: s.settings.get("t")) is None
    for etag in ("a", "b"):
        run(lambda s, etag=etag: s.settings.put("t", StoredSettings("{}", etag)))
    assert run(lambda s: s.settings.get("t")) == StoredSettings("{}", "b")
    assert run(lambda s: s.acknowledgements.get("tagging")) is None
    for live, bulk in ((5, 1), (3, 4)):
        through = Revision("identity", "0" * 16, live, bulk)
        run(lambda s, through=through: s.acknowledgements.advance("tagging", through))
    assert run(lambda s: s.acknowledgements.get("tagging")) == Revision("identity", "0" * 16, 5, 4)
    later = Revision("identity", "1" * 16, 1, 1)
    run(lambda s: s.acknowledgements.advance("tagging", later))
    assert run(lambda s: s.acknowledgements.get("tagging")) == later


def test_kept_changes_come_in_order_of_position_across_lanes(run: Run[object]) -> None:
    for number, lane in enumerate([Lane.LIVE, Lane.BULK, Lane.LIVE, Lane.BULK]):
        entries = [Entry("event", "t", b"%d" % number), Entry("person", "t", b""), Entry("event", "u", b"")]
        run(lambda s, lane=lane, entries=entries: s.changes.append(lane, entries))
    kept = run(lambda s: list(s.changes.kept("event", "t")))
    assert [entry.payload for entry in kept] == [b"0", b"1", b"2", b"3"]


def test_any_number_of_changes_is_appended(run: Run[object]) -> None:
    entries = [Entry("person", "t", b"%d" % number) for number in range(MAX_APPENDED + 2)]
    revision = run(lambda s: s.changes.append(Lane.LIVE, entries))
    assert isinstance(revision, Revision)
    assert revision.live == len(entries)
    kept = run(lambda s: list(s.changes.kept("person", "t")))
    assert [entry.payload for entry in kept] == [entry.payload for entry in entries]


SIGHTINGS = NewRows(sightings=[("t", 1, "shop", 1, 1, 1)] * 2)


def test_what_bulk_rows_run_into_is_told_as_of_other_statements(run: Run[object]) -> None:
    with pytest.raises(IntegrityError):
        run(lambda s: s.bulk_rows.add(SIGHTINGS))


def test_bulk_rows_over_a_connection_that_is_lost_may_be_added_again(wiring: Wiring) -> None:
    database = wiring.database
    if database.dialect == "sqlite":
        pytest.skip("SQLite has no connection to lose")

    def lose(connection: Connection) -> None:
        process_id = execute(connection, "SELECT pg_backend_pid()").scalar_one()
        database.read_now(lambda other: execute(other, "SELECT pg_terminate_backend(?)", (process_id,)).all())
        open_stores(connection, wiring.changelog).bulk_rows.add(SIGHTINGS)

    with pytest.raises(DatabaseBusy):
        database.write_now(lose)
    database.write_now(lambda connection: execute(connection, "SELECT 1").scalar_one())


LOOKS_UP: dict[str, Callable[[Stores], object]] = {
    "keys by hash": lambda s: s.keys.find("t", [bytes(16), bytes([1] * 16)]),
    "keys by id": lambda s: s.keys.rows("t", [1, 2]),
    "keys by person": lambda s: s.keys.of_persons("t", [1, 2]),
    "pairs": lambda s: s.edges.between("t", [(1, 2), (1, 3)]),
    "stars": lambda s: s.edges.stars("t", [1, 2]),
    "records": lambda s: s.ledger.known("t", [("shop", "r1"), ("shop", "r2")]),
    "persons": lambda s: s.persons.rows("t", [1, 2]),
    "redirects": lambda s: s.persons.redirecting_to("t", 1),
    "contact points by key": lambda s: s.contact_points.of_keys("t", [1, 2]),
    "contact points by address": lambda s: s.contact_points.keys_at("t", [PHONE, MAIL]),
    "consents": lambda s: s.consents.at("t", [PHONE, MAIL]),
    "conflicts": lambda s: s.conflicts.of_keys("t", [1, 2]),
    "probable links": lambda s: s.probable_links.of_keys("t", [1, 2]),
    "operations": lambda s: s.operations.standing("t", [1, 2]),
    "merges": lambda s: s.merges.page("t", [1, 2], 0, 10),
    "tombstones": lambda s: s.erasures.tombstoned("t", [bytes(16), bytes([1] * 16)]),
}
PHONE, MAIL = Address(Channel.SMS, "", b"p" * 16), Address(Channel.EMAIL, "", b"m" * 16)


@pytest.mark.parametrize("name", LOOKS_UP)
def test_a_look_up_never_reads_all_of_a_tenant_on_sqlite(name: str, wiring: Wiring) -> None:
    if wiring.database.dialect != "sqlite":
        pytest.skip("Postgres has statistics and decides by them")
    statements: list[str] = []

    def plans(connection: Connection) -> list[str]:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(statements.append)
        LOOKS_UP[name](open_stores(connection, wiring.changelog))
        driver.set_trace_callback(None)
        selects = [statement for statement in statements if statement.startswith(("SELECT", "WITH"))]
        return [row[3] for sql in selects for row in driver.execute(f"EXPLAIN QUERY PLAN {sql}")]

    steps = wiring.database.write_now(plans)
    assert steps
    assert not [step for step in steps if step.endswith("(tenant=?)") or step.startswith("SCAN keys")]
