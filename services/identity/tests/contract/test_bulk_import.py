"""An import leaves behind what IngestEvents would have left of the same rows."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from huaxiang.identity.v1 import bulk_import_service_pb2 as pb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity.app.import_persons import Imported
from identity.app.ingest_records import IngestStatus
from identity.errors import ImportDiffers, NamespaceGone, RowsMissing
from identity.main import Wiring
from import_files import NOW_US, OPENING, ROWS, TIMES, Row
from import_world import ImportWorld
from servicekit.revision import Lane

POLICIES: list[dict[str, Any]] = [
    {},
    {"phone": {"verified_only": True}, "email": {"verified_only": True}},
    {"wechat_openid": {"person_limit": {"count": 1, "window_days": 30}}},
    {"phone": {"blocked_values": ["+8613900000001"]}, "device_id": {"blocked_patterns": ["device-000[12]"]}},
    {"max_person_keys": 2},
    {"max_component_keys": 3},
    {"device_id": {"limits": {"strong": 1, "weak": 1}}, "member_id": {"limits": {"strong": 0}}},
]
"""Changes of the built-in policy that make rows of some shapes something else than one person."""
WAITS_S = 0.5
"""Until an import that was started waits for the lock of its tenant."""
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@quick
@given(ROWS, ROWS, st.sampled_from(POLICIES))
def test_a_message_leaves_what_a_batch_leaves(
    wiring: Wiring, secret: bytes, before: list[Row], rows: list[Row], policy: dict[str, Any]
) -> None:
    """Persons, births, redirects and published changes included, ids equal up to renaming."""
    online, bulk = ImportWorld(wiring, secret, policy), ImportWorld(wiring, secret, policy)
    bulk.open()
    for world in (online, bulk):
        world.send(before)
    answer = online.send(rows)
    if rows:
        imported = bulk.take(0, rows)
        told = {problem.row: (problem.status, problem.refusals) for problem in imported.problems}
        for number, outcome in enumerate(answer.outcomes):
            expected = (outcome.status, _in_order(outcome.refusals))
            status, refusals = told.get(number, (outcome.status, ()))
            assert (status, _in_order(refusals)) == expected
        standing, statuses = imported.standing, [outcome.status for outcome in answer.outcomes]
        assert (standing.accepted, standing.known, standing.differing, standing.refused) == tuple(
            map(statuses.count, IngestStatus)
        )
        assert standing.rows == len(rows)
    assert bulk.facts() == online.facts()
    assert bulk.persons() == online.persons()


@quick
@given(ROWS.filter(bool), st.integers(1, 8), st.integers(1, 8), st.integers(1, 9), st.sampled_from(POLICIES))
def test_messages_leave_the_same_facts_however_rows_are_cut(
    wiring: Wiring,
    secret: bytes,
    rows: list[Row],
    one: int,
    other: int,
    linked: int,
    policy: dict[str, Any],
) -> None:
    online, bulk = ImportWorld(wiring, secret, policy), ImportWorld(wiring, secret, policy, linked)
    bulk.open()
    for start in range(0, len(rows), one):
        online.send(rows[start : start + one])
    for start in range(0, len(rows), other):
        assert bulk.take(start, rows[start : start + other]).standing.rows == min(start + other, len(rows))
    assert bulk.facts() == online.facts()


@quick
@given(ROWS.filter(lambda rows: len(rows) > 1), st.data())
def test_rows_that_are_sent_again_change_nothing(
    wiring: Wiring, secret: bytes, rows: list[Row], data: st.DataObject
) -> None:
    """An import that lost its answers goes on from an earlier row: same end, same counts, same refusals."""
    once, again = ImportWorld(wiring, secret), ImportWorld(wiring, secret)
    cut = data.draw(st.integers(1, len(rows) - 1))
    back = data.draw(st.integers(0, cut))
    for world in (once, again):
        world.open()
        world.take(0, rows[:cut])
    last = once.take(cut, rows[cut:])
    assert again.open().standing.rows == cut
    repeated = again.take(back, rows[back:])
    assert repeated.standing == last.standing
    assert [problem.row for problem in repeated.problems if problem.row >= cut] == [
        problem.row for problem in last.problems
    ]
    assert again.facts() == once.facts()
    assert again.persons() == once.persons()


def test_a_row_that_is_known_either_way_is_known(wiring: Wiring, secret: bytes) -> None:
    world = ImportWorld(wiring, secret)
    rows = [Row(f"r{number}", TIMES[0], f"M{number}", name="王小明") for number in range(20)]
    world.open()
    assert world.take(0, rows).standing.accepted == 20
    assert {outcome.status for outcome in world.send(rows).outcomes} == {IngestStatus.REPEATED}
    other = pb.ImportOpening()
    other.CopyFrom(OPENING)
    other.import_id = "summer"
    world.open(other)
    assert world.take(0, rows, other).standing.known == 20
    corrected = [Row("r1", TIMES[0], "M1", name="王大明")]
    answer = world.take(20, corrected, other)
    assert answer.standing.differing == 1
    assert [(problem.row, problem.status) for problem in answer.problems] == [(20, IngestStatus.DIFFERS)]


def test_an_import_goes_on_where_it_stands(wiring: Wiring, secret: bytes) -> None:
    world = ImportWorld(wiring, secret)
    assert world.open().standing.rows == 0
    world.take(0, [Row("r1", NOW_US, "M1"), Row("r2", NOW_US, "M2")])
    assert world.open().standing[1:] == (2, 2, 0, 0, 0)
    with pytest.raises(RowsMissing):
        world.take(3, [Row("r4", NOW_US, "M4")])
    changed = pb.ImportOpening()
    changed.CopyFrom(OPENING)
    changed.source = "shop"
    with pytest.raises(ImportDiffers):
        world.open(changed)


def _in_order(refusals: Any) -> list[Any]:
    """A map of attributes has no order."""
    return sorted(refusals, key=lambda refusal: refusal.field)


def test_a_row_may_name_one_thing_in_two_columns(wiring: Wiring, secret: bytes) -> None:
    rows = [
        Row("r1", TIMES[0], "M1", device="device-1", second_device="device-1"),
        Row("r2", TIMES[0], "M2", phone="13700000002", second_phone="13700000002", granted=True),
        Row("r3", TIMES[0], "M3", device="device-3", second_device="device-4", second_phone="13700000003"),
    ]
    online, bulk = ImportWorld(wiring, secret), ImportWorld(wiring, secret)
    bulk.open()
    online.send(rows)
    assert bulk.take(0, rows).standing.accepted == 3
    assert bulk.facts() == online.facts()
    assert bulk.persons() == online.persons()


@quick
@given(ROWS.filter(bool), ROWS, st.integers(1, 3))
def test_a_message_in_portions_is_answered_as_one_in_a_piece(
    wiring: Wiring, secret: bytes, rows: list[Row], before: list[Row], linked: int
) -> None:
    """Each portion leaves the import where its rows end; sent again after any of them, the message ends the same."""
    whole, portions = ImportWorld(wiring, secret), ImportWorld(wiring, secret, None, linked)
    for world in (whole, portions):
        world.open()
        world.send(before)
    expected = whole.take(0, rows)
    taken = portions.portion(portions.prepared(0, rows), 0).taken
    assert portions.open().standing.rows == taken
    answer = portions.take(0, rows)
    assert answer.standing == expected.standing
    if taken == len(rows):
        again = whole.take(0, rows)
        assert (answer.problems, answer.standing) == (again.problems, again.standing)
    assert portions.facts() == whole.facts()


def test_a_transaction_links_a_bounded_number_of_rows(wiring: Wiring, secret: bytes) -> None:
    """Rows that share nothing are written at once, however many they are."""
    world = ImportWorld(wiring, secret, None, 10)
    world.open()
    lone = [Row(f"r{n}", TIMES[0], f"M{n}") for n in range(200)]
    assert world.portion(world.prepared(0, lone), 0).taken == 200
    known = [Row(f"s{n}", TIMES[1], f"M{n}", phone=f"1370000{n:04d}") for n in range(200)]
    prepared, taken, portions = world.prepared(200, known), 0, 0
    while taken < 200:
        taken = world.portion(prepared, taken).taken
        portions += 1
    assert portions == 20
    assert world.open().standing.accepted == 400
    assert world.portion(prepared, 0).taken == 200
    assert world.open().standing.accepted == 400


def test_a_namespace_that_went_meanwhile_is_named(wiring: Wiring, secret: bytes) -> None:
    world = ImportWorld(wiring, secret)
    world.open()
    prepared = world.prepared(0, [Row("r1", TIMES[0], "M1")])
    columns = prepared.opening.identifiers
    gone = replace(
        prepared,
        opening=replace(
            prepared.opening, identifiers=(*columns[:-1], columns[-1]._replace(namespace="gone"))
        ),
    )
    with pytest.raises(NamespaceGone, match="gone"):
        world.portion(gone, 0)
    assert world.open().standing.rows == 0


def test_the_answer_covers_what_made_a_row_known_meanwhile(wiring: Wiring, secret: bytes) -> None:
    """Live events of the same tenant are committed while an import waits for its turn."""
    world = ImportWorld(wiring, secret)
    world.open()
    rows = [Row("r1", member="M1")]
    with ThreadPoolExecutor(1) as beside:
        importing: list[Future[Imported]] = []

        def start_an_import() -> None:
            importing.append(beside.submit(world.take, 0, rows))
            time.sleep(WAITS_S)

        live = world.send(rows, Lane.LIVE, start_an_import)
        answer = importing[0].result()
    assert answer.standing.known == 1
    assert answer.revision.live >= live.revision.live > 0
