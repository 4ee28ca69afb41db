"""Facts arrive from identity: in order and twice, after gaps, restores and restarts, and end the same."""

import asyncio
from typing import Any

import pytest
from scripted_identity import KNOWN, MEMBER, REDIRECTED, ScriptedIdentity, Start, event, person, settings
from servicekit.driver_sql import execute
from servicekit.revision import Lane, parse_token
from sqlalchemy import Connection
from tagging.main import Store


def state(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All facts as stored, versions of statements aside."""
    queries = {
        "persons": "SELECT tenant, person_id, state, redirect_person_id, birth_hash, attributes FROM person "
        "WHERE state < 5 ORDER BY 1, 2",
        "keys": "SELECT tenant, key_id, person_id FROM key_owner WHERE person_id > 0 ORDER BY 1, 2",
        "events": "SELECT tenant, ingest_sequence, source, event_id, anchor_key_id, properties "
        "FROM event ORDER BY 1, 2",
        "tenants": "SELECT tenant, settings FROM tenant ORDER BY 1",
    }
    return {name: [tuple(row) for row in execute(connection, sql)] for name, sql in queries.items()}


def facts(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    return store.database.read_now(state)


def sequences(store: Store, person_id: int) -> list[int]:
    events = store.database.read_now(store.facts.events.of_persons, "t1", [person_id])[person_id]
    return [each.ingest_sequence for each in events]


async def test_live_and_bulk_changes_are_stored(start: Start, identity: ScriptedIdentity) -> None:
    identity.say(person(1, 1), event(1, 1))
    async with start() as tagging:
        await tagging.reach(identity.revision())
        identity.say(person(2, 2, 3), event(2, 3), lane=Lane.BULK)
        identity.say(event(3, 2), event(4, 9), settings("Europe/Paris"))
        await tagging.reach(identity.revision())
        assert sequences(tagging.store, 1) == [1]
        assert sequences(tagging.store, 2) == [2, 3]
        (tenant,) = tagging.store.database.read_now(tagging.store.facts.tenants.all)
        assert (tenant.name, tenant.settings.time_zone) == ("t1", "Europe/Paris")


async def test_merge_redirect_and_split_fold_persons_anew_and_write_no_event(
    start: Start, identity: ScriptedIdentity
) -> None:
    identity.say(person(1, 1), person(2, 2), event(1, 1), event(2, 2))
    async with start() as tagging:
        await tagging.reach(identity.revision())
        before = facts(tagging.store)["events"]
        identity.say(person(2, state=REDIRECTED, to=1), person(1, 1, 2, state=MEMBER))
        await tagging.reach(identity.revision())
        assert sequences(tagging.store, 1) == [1, 2]
        living = tagging.store.database.read_now(tagging.store.facts.key_map.living, "t1", [2])
        assert living[2].person_id == 1
        identity.say(person(2, 2), person(1, 1))
        await tagging.reach(identity.revision())
        assert (sequences(tagging.store, 1), sequences(tagging.store, 2)) == ([1], [2])
        assert facts(tagging.store)["events"] == before


async def test_the_highest_version_wins_across_lanes(start: Start, identity: ScriptedIdentity) -> None:
    identity.say(person(1, 1))
    async with start() as tagging:
        await tagging.reach(identity.revision())
        for round_ in range(20):
            lane = Lane.BULK if round_ % 2 else Lane.LIVE
            identity.say(person(1, *range(1, 2 + round_ % 5), city=f"c{round_}"), lane=lane)
        await tagging.reach(identity.revision())
        known = tagging.store.database.read_now(tagging.store.facts.key_map.persons, "t1", [1])[1]
        assert known.attributes == {"city": "c19"}
        assert known.key_ids == tuple(range(1, 2 + 19 % 5))


async def test_a_restart_goes_on_where_it_stopped(start: Start, identity: ScriptedIdentity) -> None:
    identity.say(person(1, 1), event(1, 1))
    async with start() as tagging:
        await tagging.reach(identity.revision())
    identity.say(event(2, 1))
    identity.say(event(3, 1), lane=Lane.BULK)
    async with start() as tagging:
        await tagging.reach(identity.revision())
        assert sequences(tagging.store, 1) == [1, 2, 3]
    assert identity.exports == 1


async def test_a_consumer_stopped_past_retention_ends_as_one_that_never_stopped(
    start: Start, identity: ScriptedIdentity
) -> None:
    identity.say(person(1, 1), person(2, 2), event(1, 1), event(2, 2))
    async with start() as tagging:
        await tagging.reach(identity.revision())
        epoch = tagging.store.database.read_now(tagging.store.changelog.head).epoch
    identity.say(person(2, state=REDIRECTED, to=1), person(1, 1, 2), event(3, 2), settings("Asia/Tokyo"))
    identity.say(person(3, 3), event(4, 3), lane=Lane.BULK)
    identity.forget()
    async with start() as tagging:
        await tagging.reach(identity.revision())
        assert identity.exports == 2
        assert sequences(tagging.store, 1) == [1, 2, 3]
        assert sequences(tagging.store, 3) == [4]
        ended = facts(tagging.store)
        assert tagging.store.database.read_now(tagging.store.changelog.head).epoch > epoch
        identity.say(event(5, 3))
        await tagging.reach(identity.revision())
        assert sequences(tagging.store, 3) == [4, 5]
    assert ended["tenants"][0][1].find("Asia/Tokyo") > 0


async def test_after_a_restore_of_identity_its_state_holds(start: Start, identity: ScriptedIdentity) -> None:
    identity.say(person(1, 1), event(1, 1))
    kept = identity.revision().live
    identity.say(person(1, 1, 2), person(7, 7), event(2, 2))
    async with start() as tagging:
        await tagging.reach(identity.revision())
        assert sequences(tagging.store, 1) == [1, 2]
        identity.restore(kept)
        identity.say(person(4, 4), event(10, 4))
        await tagging.reach(identity.revision())
        assert sequences(tagging.store, 1) == [1]
        assert sequences(tagging.store, 4) == [10]
        lost = tagging.store.database.read_now(tagging.store.facts.key_map.living, "t1", [7])
        assert lost == {}
        identity.say(person(1, 1, 9, state=KNOWN, city="Xi'an"))
        await tagging.reach(identity.revision())
        known = tagging.store.database.read_now(tagging.store.facts.key_map.persons, "t1", [1])[1]
        assert (known.key_ids, known.attributes) == ((1, 9), {"city": "Xi'an"})


async def test_a_bootstrap_that_brings_nothing_new_changes_no_fact(
    start: Start, identity: ScriptedIdentity
) -> None:
    identity.say(person(1, 1), event(1, 1))
    async with start() as tagging:
        await tagging.reach(identity.revision())
        before = facts(tagging.store)
        tagging.store.database.write_now(tagging.store.facts.progress.begin)
    async with start() as tagging:
        await tagging.reach(identity.revision())
        assert identity.exports == 2
        assert facts(tagging.store) == before


async def test_identity_is_told_how_far_its_changes_are_stored(
    start: Start, identity: ScriptedIdentity
) -> None:
    identity.say(person(3, 8), event(5, 8))
    async with start() as tagging:
        await tagging.reach(identity.revision())
        said = identity.say(event(6, 12))
        async with asyncio.timeout(20):
            while not any(_covers(request, said) for request in identity.acknowledged):
                identity.heard.clear()
                await identity.heard.wait()
    last = identity.acknowledged[-1]
    assert last.consumer == "tagging"
    ids = last.highest_ids["t1"]
    assert (ids.person_id, ids.key_id, ids.ingest_sequence) == (3, 12, 6)


async def test_bulk_facts_are_promised_when_nobody_is_stale(start: Start, identity: ScriptedIdentity) -> None:
    identity.say(person(1, 1))
    async with start() as tagging:
        store = tagging.store
        await tagging.reach(identity.revision())
        before = store.database.read_now(store.facts.progress.promised)
        said = identity.say(event(1, 1), lane=Lane.BULK)
        await tagging.reach(said)
        promised = store.database.read_now(store.facts.progress.promised)
        assert promised is not None
        assert before is not None
        assert before.bulk <= promised.bulk < said.bulk
        assert store.database.read_now(store.facts.progress.stale_persons, "t1", 10) == {1: False}
        live = identity.say(event(2, 1))
        await tagging.reach(live)
        assert store.database.read_now(store.facts.progress.stale_persons, "t1", 10) == {1: True}
        store.database.write_now(store.facts.progress.remove_stale, "t1", None)
        assert store.database.read_now(store.facts.progress.stale_counts) == {"t1": 1}
        store.database.write_now(store.facts.progress.remove_stale, "t1", [1])
        promised = store.database.read_now(store.facts.progress.promised)
        assert promised is not None
        assert promised.bulk >= said.bulk


def _covers(request: Any, revision: Any) -> bool:
    return parse_token(request.through.token).covers(revision)


@pytest.mark.parametrize("sequence", [1, 2, 3])
async def test_a_bootstrap_that_breaks_off_begins_again(
    start: Start, identity: ScriptedIdentity, sequence: int
) -> None:
    identity.say(person(1, 1), person(2, 2), event(1, 1), event(2, 2), event(3, 2))
    identity.break_at_event = sequence
    async with start() as tagging:
        await tagging.reach(identity.revision())
        assert identity.exports == 2
        assert sequences(tagging.store, 1) == [1]
        assert sequences(tagging.store, 2) == [2, 3]
