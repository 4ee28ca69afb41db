"""Calls at the same time equal some serial order; tenants never meet; nothing is lost."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from huaxiang.identity.v1 import person_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity.app.hot_keys import HotKeys
from identity.app.ingest_records import Ingested, IngestStatus
from identity.domain.evidence import LinkKind
from identity.main import Wiring
from linking_world import KEYS, RECORDS, Said
from online_world import OnlineWorld, TenantBlind
from servicekit.revision import Lane
from sqlalchemy import text

THREADS = 4
POOL = 12
SAID = st.lists(
    st.builds(
        Said,
        st.lists(KEYS, min_size=1, max_size=3, unique=True).map(tuple),
        st.sampled_from([LinkKind.CO_OCCURRENCE] * 4 + [LinkKind.BIND, LinkKind.UNBIND]),
        st.integers(0, 90),
        st.booleans(),
    ),
    min_size=POOL,
    max_size=POOL,
)
CALLS = st.lists(st.lists(st.integers(0, POOL - 1), min_size=1, max_size=5), min_size=2, max_size=8)
"""Which of the records each call holds: some are in several, or twice in one."""
TABLES_OF_KEYS = {
    "edges": ("key_id", "other_key_id"),
    "conflicts": ("key_id", "other_key_id"),
    "sightings": ("key_id",),
    "verdict_keys": ("key_id",),
}


def call(world: OnlineWorld, records: Sequence[Said], numbers: Sequence[int]) -> Ingested:
    return world.send([records[number] for number in numbers], numbers)


def everything(world: OnlineWorld) -> tuple[Any, ...]:
    """What a tenant holds and published, but for the positions in the changelog, which all tenants share."""
    persons = world.published()
    for person in persons.values():
        person.ClearField("version")
    return world.rows(), world.stored(), persons, world.events()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(SAID, CALLS)
def test_calls_at_the_same_time_equal_some_serial_order(
    wiring: Wiring, secret: bytes, records: list[Said], calls: list[list[int]]
) -> None:
    world = OnlineWorld(wiring, secret, HotKeys(), vault=TenantBlind(secret))
    processes = [world.another_process() for _ in range(THREADS)]
    answers: dict[int, Ingested] = {}

    def run(first: int) -> None:
        for number in range(first, len(calls), THREADS):
            answers[number] = call(processes[first], records, calls[number])

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(run, range(THREADS)))
    positions = [answers[number].revision.position(Lane.LIVE) for number in range(len(calls))]
    changing = [
        any(outcome.status is IngestStatus.ACCEPTED for outcome in answers[number].outcomes)
        for number in range(len(calls))
    ]
    order = sorted(range(len(calls)), key=lambda number: (positions[number], not changing[number]))
    serial = OnlineWorld(wiring, secret, HotKeys(), vault=TenantBlind(secret))
    for number in order:
        outcomes = call(serial, records, calls[number]).outcomes
        if changing[number]:
            assert outcomes == answers[number].outcomes
        else:
            assert {outcome.status for outcome in outcomes} == {IngestStatus.REPEATED}
    assert everything(world) == everything(serial)
    assert world.stored() == world.recomputed()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(RECORDS, RECORDS)
def test_tenants_never_meet(wiring: Wiring, secret: bytes, mine: list[Said], theirs: list[Said]) -> None:
    """Neither linking nor a table nor a memory shared by both takes a key from one tenant to the other."""
    hot = HotKeys()
    one, other = OnlineWorld(wiring, secret, hot), OnlineWorld(wiring, secret, hot)
    for number in range(max(len(mine), len(theirs))):
        for world, records in ((one, mine), (other, theirs)):
            if number < len(records):
                world.send([records[number]], [number])
    for world in (one, other):
        assert world.stored() == world.recomputed()
    assert not {row.hash for row in one.rows().values()} & {row.hash for row in other.rows().values()}
    for table, columns in TABLES_OF_KEYS.items():
        for column in columns:
            foreign = f"SELECT count(*) FROM {table} AS t WHERE NOT EXISTS (SELECT 1 FROM keys AS k "
            foreign += f"WHERE k.tenant = t.tenant AND k.key_id = t.{column})"
            assert wiring.database.read_now(lambda c, sql=foreign: c.execute(text(sql)).scalar_one()) == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(SAID, CALLS)
def test_every_key_has_one_living_person_and_no_event_is_lost(
    wiring: Wiring, secret: bytes, records: list[Said], calls: list[list[int]]
) -> None:
    world = OnlineWorld(wiring, secret, HotKeys())
    accepted: list[str] = []
    for numbers in calls:
        outcomes = call(world, records, numbers).outcomes
        accepted += [
            f"r{number}"
            for number, outcome in zip(numbers, outcomes, strict=True)
            if outcome.status is IngestStatus.ACCEPTED
        ]
    events, rows, persons = world.events(), world.rows(), world.published()
    assert set(accepted) == {f"r{number}" for numbers in calls for number in numbers}
    assert Counter(event.event_id for event in events) == Counter(accepted)
    assert [event.ingest_sequence for event in events] == list(range(1, len(events) + 1))
    assert {
        key_id for event in events for key_id in (event.anchor_key_id, *event.other_key_ids)
    } == rows.keys()
    held = Counter(
        key.key_id
        for person in persons.values()
        if person.state != person_pb2.PERSON_STATE_REDIRECTED
        for key in person.keys
    )
    assert held == Counter(rows.keys())
