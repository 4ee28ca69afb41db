"""Runs over a real channel, on both stores."""

import asyncio
from typing import Any

import grpc
import pytest
from huaxiang.segments.v1 import member_upload_service_pb2 as uploads
from huaxiang.segments.v1 import run_service_pb2 as pb
from huaxiang.segments.v1 import run_service_pb2_grpc, segment_pb2, segment_service_pb2
from huaxiang.tagging.v1 import change_pb2
from segments.domain.runs import STOPPED
from segments_tagging import feature_told, values_told
from servicekit.revision import Lane
from servicekit.status import reason_of

ONE_OFF, STATIC = segment_pb2.SEGMENT_KIND_ONE_OFF, segment_pb2.SEGMENT_KIND_STATIC
ORDERS = "COUNT(order_paid)"
RUNNING, SUCCEEDED = pb.RUN_STATE_RUNNING, pb.RUN_STATE_SUCCEEDED
FAILED, CANCELLED = pb.RUN_STATE_FAILED, pb.RUN_STATE_CANCELLED


def stub(suite: Any, role: str = "admin") -> run_service_pb2_grpc.RunServiceStub:
    return run_service_pb2_grpc.RunServiceStub(suite.server.connect(role))


def recomputing(segment_id: str, request_id: str = "r1") -> pb.CreateRunRequest:
    return pb.CreateRunRequest(request_id=request_id, segment_id=segment_id, recompute=pb.RecomputeWork())


async def create(suite: Any, request: pb.CreateRunRequest) -> pb.Run:
    return (await stub(suite).CreateRun(request)).run  # type: ignore[no-any-return]


async def until(suite: Any, run_id: str, state: int, *, total: int = 0) -> pb.Run:
    async with asyncio.timeout(30):
        while True:
            run = (await stub(suite).GetRun(pb.GetRunRequest(run_id=run_id))).run
            if run.state == state and run.total_count >= total:
                return run  # type: ignore[no-any-return]
            await asyncio.sleep(0.01)


async def refused(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return str(reason_of(error.value).reason)


async def test_a_one_off_is_computed_by_a_run(suite: Any) -> None:
    await suite.create("women", "gender = 'female'", kind=ONE_OFF)
    said = suite.tagging.tell(values_told(3, gender="female"))
    await suite.get("women", said)
    suite.tagging.quota = -1
    begun = await create(suite, recomputing("women"))
    ended = await until(suite, begun.run_id, SUCCEEDED)
    assert (ended.kind, ended.segment_id, ended.member_count) == (
        pb.RUN_KIND_RECOMPUTE,
        "women",
        3,
    )
    assert ended.revision.token
    assert ended.HasField("cost")
    assert (await create(suite, recomputing("women"))).run_id == begun.run_id
    assert await refused(create(suite, recomputing("others", "r2"))) == "NOT_FOUND"
    assert await refused(create(suite, recomputing("others"))) == "ALREADY_EXISTS"
    await suite.segments().DeleteSegment(segment_service_pb2.DeleteSegmentRequest(segment_id="women"))
    assert (await create(suite, recomputing("women"))).run_id == begun.run_id, "though its segment is gone"


async def tell_orders(suite: Any) -> None:
    """Of persons 1, 2 and 3; the lanes overtake each other."""
    begun = suite.tagging.tell(feature_told(ORDERS, change_pb2.FEATURE_STATE_BACKFILLING))
    await suite.get("buyers", begun)
    suite.tagging.tell_block(f"feature:{ORDERS}", {1: 10_000, 2: 20_000, 3: 0})
    suite.tagging.tell(feature_told(ORDERS, change_pb2.FEATURE_STATE_LIVE), lane=Lane.BULK)


async def buyers_whose_behaviour_is_given_up(suite: Any) -> None:
    await suite.create("buyers", f"{ORDERS} >= 2", kind=ONE_OFF)
    await tell_orders(suite)
    await suite.until(lambda: suite.members("buyers") == [2])
    gone = suite.tagging.tell(feature_told(ORDERS, change_pb2.FEATURE_STATE_DROPPED))
    assert (await suite.get("buyers", gone)).count == 1


async def test_members_stay_while_a_run_waits_for_behaviour(suite: Any) -> None:
    await buyers_whose_behaviour_is_given_up(suite)
    suite.tagging.required.clear()
    begun = await create(suite, recomputing("buyers"))
    await until(suite, begun.run_id, RUNNING)
    far = suite.tagging.tell(
        feature_told(ORDERS, change_pb2.FEATURE_STATE_BACKFILLING, done_count=1, total_count=3)
    )
    found = await suite.get("buyers", far)
    assert (found.segment.state, found.count) == (segment_pb2.SEGMENT_STATE_LIVE, 1)
    run = await until(suite, begun.run_id, RUNNING, total=3)
    assert (run.done_count, run.total_count) == (1, 3)
    await suite.create("others", "COUNT(order_paid) IN LAST 30 DAYS >= 9")
    required = suite.tagging.required["t1"]
    assert (len(required), ORDERS in required) == (2, True), "what a run waits for is needed, too"
    suite.tagging.tell_block(f"feature:{ORDERS}", {2: 20_000, 3: 30_000})
    suite.tagging.tell(feature_told(ORDERS, change_pb2.FEATURE_STATE_LIVE), lane=Lane.BULK)
    assert (await until(suite, begun.run_id, SUCCEEDED)).member_count == 2
    assert suite.members("buyers") == [2, 3]
    told = suite.wiring.board.current.tenant("t1").get("buyers").told_elsewhere
    assert list(told[Lane.BULK]) == [3], "nobody was told to leave who stayed"


async def test_a_cancelled_run_changes_nothing_and_leaves_a_new_rule_alone(suite: Any) -> None:
    await buyers_whose_behaviour_is_given_up(suite)
    begun = await create(suite, recomputing("buyers"))
    await until(suite, begun.run_id, RUNNING)
    cancel = pb.CancelRunRequest(run_id=begun.run_id)
    assert await refused(stub(suite, "analyst").CancelRun(cancel)) == "STEP_FORBIDDEN"
    await stub(suite).CancelRun(cancel)
    await until(suite, begun.run_id, CANCELLED)
    assert suite.members("buyers") == [2], "those from before"
    assert (await stub(suite).CancelRun(cancel)).run.state == CANCELLED
    begun = await create(suite, recomputing("buyers", "r2"))
    await until(suite, begun.run_id, RUNNING)
    other = segment_pb2.Segment(segment_id="buyers", rule=f"{ORDERS} = 0", kind=ONE_OFF)
    await suite.segments().UpdateSegment(segment_service_pb2.UpdateSegmentRequest(segment=other))
    await stub(suite).CancelRun(pb.CancelRunRequest(run_id=begun.run_id))
    await until(suite, begun.run_id, CANCELLED)
    await tell_orders(suite)
    await suite.until(lambda: suite.members("buyers") == [3])


async def test_an_upload_is_a_run_that_can_be_cancelled(suite: Any) -> None:
    await suite.create("list", "", kind=STATIC)
    told: asyncio.Queue[uploads.UploadMembersRequest | None] = asyncio.Queue()

    async def messages() -> Any:
        while (message := await told.get()) is not None:
            yield message

    call = suite.uploads().UploadMembers(messages())
    await told.put(uploads.UploadMembersRequest(segment_id="list", person_ids=[1, 2]))
    run_id = (await call.read()).run_id
    running = (await stub(suite).GetRun(pb.GetRunRequest(run_id=run_id))).run
    assert (running.state, running.kind, running.done_count) == (RUNNING, pb.RUN_KIND_UPLOAD, 2)
    await stub(suite).CancelRun(pb.CancelRunRequest(run_id=run_id))
    assert await refused(call.read()) == "STATE_CONFLICT", "though its caller says nothing more"
    await told.put(None)
    assert (await until(suite, run_id, CANCELLED)).member_count == 0
    assert suite.members("list") == []


async def test_an_upload_that_is_broken_off_is_never_taken_for_a_whole_one(suite: Any) -> None:
    await suite.create("list", "", kind=STATIC)
    begun = []
    for number in range(10):
        call = suite.uploads().UploadMembers()
        await call.write(uploads.UploadMembersRequest(segment_id="list", person_ids=[number + 1]))
        begun.append((await call.read()).run_id)
        call.cancel()
    for run_id in begun:
        await until(suite, run_id, FAILED)
    assert suite.members("list") == []


async def test_what_a_dead_process_left_has_failed(suite: Any) -> None:
    await suite.create("list", "", kind=STATIC)
    call = suite.uploads().UploadMembers()
    await call.write(uploads.UploadMembersRequest(segment_id="list", person_ids=[1]))
    run_id = (await call.read()).run_id

    def left_running(connection: Any) -> None:
        connection.exec_driver_sql("UPDATE run SET state = 2, problem = ''")

    call.cancel()
    await until(suite, run_id, FAILED)
    await suite.stop()
    from servicekit.database import Database

    database = Database.open(suite.url, synchronous="NORMAL")
    await database.write(left_running)
    await database.close()
    await suite.start()
    ended = (await stub(suite).GetRun(pb.GetRunRequest(run_id=run_id))).run
    assert (ended.state, ended.problem) == (FAILED, STOPPED)


async def test_runs_are_listed_newest_first(suite: Any) -> None:
    await suite.create("women", "gender = 'female'", kind=ONE_OFF)
    made = [(await create(suite, recomputing("women", f"r{number}"))).run_id for number in range(3)]
    for run_id in made:
        await until(suite, run_id, SUCCEEDED)
    first = await stub(suite).ListRuns(pb.ListRunsRequest(segment_id="women", page_size=2))
    rest = await stub(suite).ListRuns(
        pb.ListRunsRequest(segment_id="women", page_size=2, page_token=first.next_page_token)
    )
    assert [each.run_id for each in (*first.runs, *rest.runs)] == made[::-1]
    assert not (await stub(suite).ListRuns(pb.ListRunsRequest(segment_id="others"))).runs
