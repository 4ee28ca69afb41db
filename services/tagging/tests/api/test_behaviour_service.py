"""BehaviourService over a real channel: sets in parts, counts, members, rights, limits."""

import asyncio
import datetime as dt
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf import duration_pb2
from huaxiang.tagging.v1 import behaviour_service_pb2 as pb
from huaxiang.tagging.v1 import tag_pb2
from huaxiang.tagging.v1.behaviour_service_pb2_grpc import BehaviourServiceStub
from pyroaring import BitMap
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.status import reason_of
from servicekit.testing.servers import LocalServer, serving
from servicekit.values import timestamp_of
from sqlalchemy import Connection
from tagging.api import behaviour_room, behaviour_servicer, parse_behaviour
from tagging.app.apply_changes import StoreFacts
from tagging.app.behaviour.analyze import AnalyzeFunnel
from tagging.behaviour_wiring import wire_behaviour
from tagging.domain.events import Event
from tagging.domain.persons import Person, PersonState
from tagging.main import open_store

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOW = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
MOST = parse_behaviour.MAX_SET_PERSONS
FAR = 9_000_000
"""An id in another message than the others."""
WEEK = duration_pb2.Duration(seconds=7 * 86_400)
STEPS = ["view_item", "add_to_cart", "order_paid WHERE amount >= 100"]
DID = {1: STEPS, 2: STEPS[:2], 3: STEPS[:1], FAR: STEPS, 5: []}
"""What each does in the hours before now, in this order."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalServer]:
    folder: Path = tmp_path_factory.mktemp("behaviour")
    database = Database.open(f"sqlite:///{folder / 'tagging.db'}", synchronous="OFF")
    store = open_store(database, folder / "tagging", ManualClock(NOW))

    def write(connection: Connection) -> None:
        persons = [
            Person(each, 1, PersonState.KNOWN, key_ids=(place,)) for place, each in enumerate(DID, start=1)
        ]
        StoreFacts(store.facts, lambda: NOW)(connection, "t1", None, persons, list(events()))

    database.write_now(write)
    service = wire_behaviour(
        database,
        store.changelog,
        store.facts,
        store.relations,
        store.columns,
        store.facts_freshness(),
        store.clock,
        store.kernels,
    )
    async with serving([service], folder) as running:
        yield running
    await database.close()


def events() -> Iterator[Event]:
    sequence = 0
    for key, steps in enumerate(DID.values(), start=1):
        for place, step in enumerate(steps):
            sequence += 1
            type_ = step.split()[0]
            said = {"amount": 1_000_000} if type_ == "order_paid" else {}
            time = NOW - dt.timedelta(hours=10 - place)
            yield Event(sequence, "shop", f"e{sequence}", type_, time, key, properties=said)


def part(number: int, ids: Iterable[int]) -> pb.PersonSetPart:
    return pb.PersonSetPart(set=number, persons=BitMap(ids).serialize())


async def asked(
    server: LocalServer, rpc: str, *messages: Any, role: str = "service", tenant: str = "t1"
) -> list[Any]:
    call = getattr(BehaviourServiceStub(server.connect(role, tenant)), rpc)
    return [each async for each in call(iter(messages))]


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    told = reason_of(error.value)
    return told.reason, told.metadata.get("field", told.metadata.get("suggestion", ""))


def funnel(**said: Any) -> pb.AnalyzeFunnelRequest:
    return pb.AnalyzeFunnelRequest(**{"steps": STEPS, "within": WEEK, **said})


async def test_sets_come_in_parts_and_members_go_in_parts(server: LocalServer) -> None:
    first = funnel(sets=[part(0, [1, 2])], members=pb.LastStepRange(least=2, most=3))
    more = pb.AnalyzeFunnelRequest(sets=[part(0, [3, FAR, 5, 77]), part(1, [2, 3, 88]), part(2, [FAR])])
    head, *tail = await asked(server, "AnalyzeFunnel", first, more)
    assert [list(each.reached) for each in head.counts] == [[4, 3, 2], [2, 1, 0], [1, 1, 1]]
    assert list(head.basis.person_counts) == [5, 2, 1]
    assert head.basis.as_of.ToDatetime(dt.UTC) == NOW
    assert head.basis.revision.token
    assert [list(BitMap.deserialize(each.members)) for each in tail] == [[1, 2], [FAR]]


async def test_sets_of_all_ids_there_can_be_cost_what_the_living_cost(server: LocalServer) -> None:
    (head,) = await asked(
        server, "AnalyzeFunnel", funnel(sets=[part(each, range(MOST)) for each in range(53)])
    )
    assert [list(each.reached) for each in head.counts] == [[4, 3, 2]] * 53
    assert list(head.basis.person_counts) == [5] * 53


async def test_retention_and_paths_answer(server: LocalServer) -> None:
    (found,) = await asked(
        server,
        "AnalyzeRetention",
        pb.AnalyzeRetentionRequest(
            first="view_item",
            returning="order_paid",
            period=pb.CALENDAR_PERIOD_DAY,
            start_day=(NOW.date() - dt.date(1970, 1, 1)).days,
            cohort_count=1,
            period_count=2,
            sets=[part(0, DID)],
        ),
    )
    assert [list(each.sizes) for each in found.counts] == [[4]]
    assert [list(each.returned) for each in found.counts] == [[2, 0]]
    (cohort,) = found.cohorts
    assert (cohort.begun_count, cohort.over_count) == (1, 0)
    head, *tail = await asked(
        server,
        "AnalyzePaths",
        pb.AnalyzePathsRequest(
            start="order_paid",
            steps=["view_item", "add_to_cart"],
            backwards=True,
            depth=2,
            top=3,
            within=WEEK,
            members=pb.WalkPart(event_types=["add_to_cart", "view_item"]),
            sets=[part(0, DID)],
        ),
    )
    assert head.started_count == 2
    assert [(list(each.event_types), each.persons) for each in head.nodes] == [
        (["add_to_cart"], 2),
        (["add_to_cart", "view_item"], 2),
    ]
    assert [list(BitMap.deserialize(each.members)) for each in tail] == [[1], [FAR]]


async def test_what_lies_ahead_is_told_also_where_the_tenant_has_no_year_for_it(server: LocalServer) -> None:
    """In Shanghai it is the year 10000 by then."""
    latest = timestamp_of(dt.datetime(9999, 12, 31, 20, tzinfo=dt.UTC))
    (head,) = await asked(server, "AnalyzeFunnel", funnel(start_time=latest, sets=[part(0, DID)]))
    assert [list(each.reached) for each in head.counts] == [[0, 0, 0]]
    (warning,) = head.basis.warnings
    assert "lies ahead: it begins at 9999-12-31T20:00+00:00" in warning


async def test_it_is_for_services_and_of_one_tenant(server: LocalServer) -> None:
    for role in ("analyst", "app", "viewer"):
        assert (await refused(asked(server, "AnalyzeFunnel", funnel(), role=role)))[0] == "RIGHT_MISSING"
    (other,) = await asked(server, "AnalyzeFunnel", funnel(sets=[part(0, DID)]), tenant="t2")
    assert list(other.counts[0].reached) == [0, 0, 0]


async def test_limits_and_mistakes_are_told(server: LocalServer) -> None:
    for request, reason, field in (
        (funnel(steps=[]), "INVALID_FIELD", "steps"),
        (funnel(steps=["view_item"] * 11), "BATCH_TOO_LARGE", "steps"),
        (funnel(steps=["vew_item"]), "RULE_INVALID", "view_item"),
        (funnel(within=duration_pb2.Duration()), "INVALID_FIELD", "within"),
        (funnel(within=duration_pb2.Duration(seconds=1_099 * 86_400)), "INVALID_FIELD", "within"),
        (funnel(as_of=timestamp_of(NOW + dt.timedelta(1))), "INVALID_FIELD", "as_of"),
        (
            funnel(start_time=timestamp_of(NOW), end_time=timestamp_of(NOW)),
            "INVALID_FIELD",
            "start_time",
        ),
        (funnel(sets=[part(53, [1])]), "INVALID_FIELD", "sets.set"),
        (funnel(members=pb.LastStepRange(least=2, most=1)), "INVALID_FIELD", "members.least"),
        (funnel(members=pb.LastStepRange(least=-1, most=1)), "INVALID_FIELD", "members.least"),
        (funnel(members=pb.LastStepRange(least=1, most=4)), "INVALID_FIELD", "members.most"),
        (funnel(steps=["checkup_completed"], only_grades=[tag_pb2.TAG_GRADE_PUBLIC]), "RIGHT_MISSING", ""),
        (funnel(sets=[pb.PersonSetPart(persons=b"rubbish")]), "INVALID_FIELD", "sets.persons"),
        (funnel(sets=[part(0, range(MOST)), part(0, [MOST])]), "BATCH_TOO_LARGE", "a set"),
    ):
        assert await refused(asked(server, "AnalyzeFunnel", request)) == (reason, field)
    assert (await refused(asked(server, "AnalyzeFunnel")))[0] == "INVALID_FIELD"
    (health,) = await asked(server, "AnalyzeFunnel", funnel(steps=["checkup_completed"]))
    assert list(health.basis.sensitive_purposes) == ["health"]
    cohorts = pb.AnalyzeRetentionRequest(
        first="view_item", returning="view_item", period=pb.CALENDAR_PERIOD_DAY
    )
    for said, field in (
        ({"cohort_count": 61, "period_count": 1}, "cohort_count"),
        ({"cohort_count": 1, "period_count": 0}, "period_count"),
        ({"cohort_count": 1, "period_count": 1, "members": pb.CohortPart(cohort=1)}, "members.cohort"),
    ):
        request = pb.AnalyzeRetentionRequest(**said)
        request.MergeFrom(cohorts)
        assert await refused(asked(server, "AnalyzeRetention", request)) == ("INVALID_FIELD", field)


async def endless(*messages: Any) -> AsyncIterator[Any]:
    """A caller who never says that these were all."""
    for each in messages:
        yield each
    await asyncio.Event().wait()


async def told_early(server: LocalServer, *messages: Any) -> tuple[str, str]:
    call = BehaviourServiceStub(server.connect("service", "t1")).AnalyzeFunnel(endless(*messages))
    return await refused(asyncio.wait_for(call.read(), 10))


async def test_who_finds_no_place_is_told_before_the_sets_are_read(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behaviour_room, "MAX_WAITING", -behaviour_room.COMPUTED_AT_ONCE)
    assert (await told_early(server, funnel()))[0] == "QUEUE_FULL"


async def test_a_question_that_cannot_be_answered_is_refused_before_its_sets_come(
    server: LocalServer,
) -> None:
    assert await told_early(server, funnel(steps=[])) == ("INVALID_FIELD", "steps")
    assert await told_early(server, funnel(steps=["vew_item"])) == ("RULE_INVALID", "view_item")


async def test_who_says_nothing_leaves_the_place_to_others(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behaviour_room, "MAX_WAITING", 1 - behaviour_room.COMPUTED_AT_ONCE)
    with monkeypatch.context() as patched:
        patched.setattr(behaviour_servicer, "RECEIVED_WITHIN_S", 0.01)
        call = BehaviourServiceStub(server.connect("service", "t1")).AnalyzeFunnel(endless())
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await asyncio.wait_for(call.read(), 10)
    assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert await asyncio.wait_for(asked(server, "AnalyzeFunnel", funnel(sets=[part(0, DID)])), 10)


async def test_sets_of_all_questions_together_have_a_limit(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    audience = part(0, DID)
    monkeypatch.setattr(behaviour_room, "MAX_HELD_BYTES", len(audience.persons))
    for _ in range(2):
        assert len(await asked(server, "AnalyzeFunnel", funnel(sets=[audience]))) == 1
        too_much = asked(server, "AnalyzeFunnel", funnel(sets=[audience]), funnel(sets=[audience]))
        assert (await refused(too_much))[0] == "QUEUE_FULL"


async def test_who_fails_leaves_the_place_to_others(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_threads = set()

    def too_many(*_: object) -> Any:
        of_threads.add(threading.current_thread())
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(AnalyzeFunnel, "__call__", too_many)
        patched.setattr(behaviour_room, "MAX_WAITING", 0)
        for _ in range(behaviour_room.COMPUTED_AT_ONCE + 1):
            with pytest.raises(grpc.aio.AioRpcError):
                await asyncio.wait_for(asked(server, "AnalyzeFunnel", funnel()), 10)
    assert threading.current_thread() not in of_threads
    monkeypatch.setattr(behaviour_room, "MAX_WAITING", 1 - behaviour_room.COMPUTED_AT_ONCE)
    assert await asyncio.wait_for(asked(server, "AnalyzeFunnel", funnel(sets=[part(0, DID)])), 10)


async def test_who_goes_leaves_the_place_to_others(server: LocalServer) -> None:
    for _ in range(behaviour_room.COMPUTED_AT_ONCE + 1):
        gone = asyncio.ensure_future(asked(server, "AnalyzeFunnel", funnel(sets=[part(0, DID)])))
        await asyncio.sleep(0)
        gone.cancel()
    (of_nobody,) = await asked(server, "AnalyzeFunnel", funnel(sets=[part(0, [])]))
    assert list(of_nobody.counts[0].reached) == [0, 0, 0]
