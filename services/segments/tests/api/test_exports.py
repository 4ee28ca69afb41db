"""Exports over a real channel, on both stores."""

import asyncio
import datetime as dt
import threading
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.segments.v1 import export_service_pb2 as pb
from huaxiang.segments.v1.export_service_pb2_grpc import ExportServiceStub
from huaxiang.tagging.v1 import change_pb2, tag_pb2
from segments.app import exports
from segments_tagging import person_told, persons_told, tag_told, values_told
from servicekit.status import Reason, reason_of
from servicekit.values import timestamp_of

REQUEST, APPROVE = pb.EXPORT_ACTION_REQUEST, pb.EXPORT_ACTION_APPROVE
FETCH = pb.EXPORT_ACTION_FETCH
LIVING = exports._living


def stub(suite: Any, role: str) -> ExportServiceStub:
    return ExportServiceStub(suite.server.connect(role))


def asked(suite: Any, days: float = 3, **said: Any) -> pb.RequestExportRequest:
    due = timestamp_of(suite.clock.now() + dt.timedelta(days=days))
    defaults = {"request_id": "r1", "segment_id": "women", "reason": "a letter", "recipient": "the printer"}
    return pb.RequestExportRequest(**{**defaults, "due_time": due, **said})


async def request(suite: Any, role: str = "marketer", **said: Any) -> pb.Export:
    return (await stub(suite, role).RequestExport(asked(suite, **said))).export  # type: ignore[no-any-return]


async def approve(suite: Any, export: pb.Export, role: str = "reviewer", **said: Any) -> pb.Export:
    wanted = pb.ApproveExportRequest(**{"export_id": export.export_id, "reason": "fine", **said})
    return (await stub(suite, role).ApproveExport(wanted)).export  # type: ignore[no-any-return]


async def fetch(suite: Any, export: pb.Export, role: str = "marketer", after: int = 0) -> list[pb.ExportRow]:
    wanted = pb.FetchExportRequest(export_id=export.export_id, after_person_id=after)
    return [row async for part in stub(suite, role).FetchExport(wanted) for row in part.rows]


async def refusal(call: Any) -> Reason:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return reason_of(error.value)


async def refused(call: Any) -> str:
    return (await refusal(call)).reason


async def test_an_export_leaves_by_two_people_and_is_recorded(suite: Any) -> None:
    told = suite.tagging.tell(
        tag_told("likes", tag_pb2.BASE_TYPE_TEXT, "tea", "cake", multi_valued=True),
        values_told(2, likes=("cake", "tea")),
    )
    await suite.create("women", "gender = 'female'")
    await suite.get("women", told)
    export = await request(suite, tag_ids=["gender", "points", "likes"])
    assert (export.state, export.count, export.subject) == (pb.EXPORT_STATE_REQUESTED, 2, "marketer-t1")
    assert (await request(suite, tag_ids=["gender", "points", "likes"])).export_id == export.export_id
    assert await refused(request(suite, tag_ids=["gender"])) == "ALREADY_EXISTS"
    assert await refused(fetch(suite, export)) == "STATE_CONFLICT"
    assert await refused(approve(suite, export, "marketer")) == "RIGHT_MISSING"
    assert (await approve(suite, export)).state == pb.EXPORT_STATE_APPROVED
    assert await refused(fetch(suite, export, "analyst")) == "EXPORT_FORBIDDEN"
    rows = {each.person_id: each.values for each in await fetch(suite, export)}
    assert {person: values[0].text_value for person, values in rows.items()} == {1: "female", 2: "female"}
    assert rows[1][1].WhichOneof("kind") is None, "unknown"
    assert [each.text_value for each in rows[2][2].list_value.values] == ["cake", "tea"]
    told = suite.tagging.tell(person_told(1, 2, change_pb2.UNIVERSE_STATE_ERASED))
    await suite.get("women", told)
    assert [each.person_id for each in await fetch(suite, export)] == [2], "the erased stay"
    found = (await stub(suite, "viewer").GetExport(pb.GetExportRequest(export_id=export.export_id))).export
    assert [(each.action, each.subject, each.row_count) for each in found.history] == [
        (REQUEST, "marketer-t1", 0),
        (APPROVE, "reviewer-t1", 0),
        (FETCH, "marketer-t1", 2),
        (FETCH, "marketer-t1", 1),
    ]
    suite.clock.advance(dt.timedelta(days=4))
    assert await refused(fetch(suite, export)) == "STATE_CONFLICT"
    (listed,) = (await stub(suite, "viewer").ListExports(pb.ListExportsRequest())).exports
    assert listed.state == pb.EXPORT_STATE_EXPIRED


async def test_who_asks_does_not_approve_and_may_withdraw(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    export = await request(suite, "admin")
    assert await refused(approve(suite, export, "admin")) == "EXPORT_FORBIDDEN"
    reject = pb.RejectExportRequest(export_id=export.export_id, reason="not needed")
    assert await refused(stub(suite, "marketer").RejectExport(reject)) == "EXPORT_FORBIDDEN"
    assert (await stub(suite, "admin").RejectExport(reject)).export.state == pb.EXPORT_STATE_REJECTED
    assert await refused(approve(suite, export)) == "EXPORT_DECIDED"


async def test_an_export_is_decided_once_and_a_repeat_is_known_as_one(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    export = await request(suite)
    first = {
        "decision": "approved",
        "who": "reviewer-t1",
        "time": suite.clock.now().isoformat("T", "seconds"),
    }
    assert (await approve(suite, export, request_id="d1")).state == pb.EXPORT_STATE_APPROVED
    suite.clock.advance(dt.timedelta(hours=1))
    assert (await approve(suite, export, request_id="d1")).state == pb.EXPORT_STATE_APPROVED
    for role, said in (
        ("admin", {"request_id": "d1"}),
        ("reviewer", {"request_id": "d1", "reason": "another one"}),
        ("reviewer", {"request_id": "d2"}),
        ("reviewer", {}),
    ):
        told = await refusal(approve(suite, export, role, **said))
        assert (told.reason, told.metadata) == ("EXPORT_DECIDED", {"export_id": export.export_id, **first})
    assert await refused(approve(suite, export, request_id="d" * 129)) == "INVALID_FIELD"
    reject = pb.RejectExportRequest(export_id=export.export_id, reason="not any more", request_id="d3")
    for _ in range(2):
        assert (await stub(suite, "marketer").RejectExport(reject)).export.state == pb.EXPORT_STATE_REJECTED
    told = await refusal(stub(suite, "reviewer").RejectExport(reject))
    assert (told.metadata["decision"], told.metadata["who"]) == ("rejected", "marketer-t1")
    found = (await stub(suite, "viewer").GetExport(pb.GetExportRequest(export_id=export.export_id))).export
    steps = [(each.action, each.subject, each.reason) for each in found.history[1:]]
    assert steps == [
        (APPROVE, "reviewer-t1", "fine"),
        (pb.EXPORT_ACTION_REJECT, "marketer-t1", "not any more"),
    ]


async def test_who_may_approve_may_refuse(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    reject = pb.RejectExportRequest(export_id=(await request(suite)).export_id, reason="for nobody")
    assert (await stub(suite, "reviewer").RejectExport(reject)).export.state == pb.EXPORT_STATE_REJECTED


async def test_a_list_tells_which_export_it_comes_from(suite: Any) -> None:
    persons = range(4, 44)
    suite.tagging.tell(*persons_told([*persons]), *(values_told(each, gender="female") for each in persons))
    await suite.create("women", "gender = 'female'")
    await suite.until(lambda: len(suite.members("women")) == 42)
    asked_for = [await request(suite, request_id=f"r{number}") for number in range(3)]
    for each in asked_for:
        await approve(suite, each)
    order = [row.person_id for row in await fetch(suite, asked_for[1])]
    assert sorted(order) == suite.members("women") != order
    assert [row.person_id for row in await fetch(suite, asked_for[1], after=order[20])] == order[21:]
    trace = pb.TraceExportRequest(person_ids=order[5:40:2])
    found = (await stub(suite, "reviewer").TraceExport(trace)).exports
    assert [each.export_id for each in found] == [asked_for[1].export_id]
    assert await refused(stub(suite, "marketer").TraceExport(trace)) == "RIGHT_MISSING"


async def test_a_fetch_that_has_begun_heeds_erasures_and_the_end_of_the_export(
    suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(exports, "PERSONS_AT_ONCE", 6)
    persons = [1, 2, *range(4, 24)]
    suite.tagging.tell(
        *persons_told(persons), *(values_told(each, gender="female", points=each) for each in persons)
    )
    await suite.create("women", "gender = 'female'")
    await suite.until(lambda: suite.members("women") == persons)
    export = await request(suite, tag_ids=["points"])
    await approve(suite, export)
    found = await fetch(suite, export)
    assert [each.values[0].number_value for each in found] == [each.person_id for each in found]
    order = [each.person_id for each in found]
    assert sorted(order) == persons
    held = _held_at_the_second_part(monkeypatch)
    running = asyncio.ensure_future(fetch(suite, export))
    await suite.until(held.is_waited_for)
    told = suite.tagging.tell(person_told(order[-1], 1, change_pb2.UNIVERSE_STATE_ERASED))
    await suite.get("women", told)
    held.set()
    assert [each.person_id for each in await running] == order[:-1]
    held = _held_at_the_second_part(monkeypatch)
    ended = asyncio.ensure_future(refused(fetch(suite, export)))
    await suite.until(held.is_waited_for)
    reject = pb.RejectExportRequest(export_id=export.export_id, reason="not any more")
    await stub(suite, "marketer").RejectExport(reject)
    held.set()
    assert await ended == "STATE_CONFLICT"


class _Held(threading.Event):
    """Lets one go on, and holds the others until it is set."""

    def __init__(self) -> None:
        super().__init__()
        self._arrived = 0

    def arrive(self) -> None:
        self._arrived += 1
        if self._arrived > 1:
            self.wait(30)

    def is_waited_for(self) -> bool:
        return self._arrived > 1


def _held_at_the_second_part(monkeypatch: pytest.MonkeyPatch) -> _Held:
    held, living = _Held(), LIVING

    def after_waiting(segments: Any, persons: Any) -> Any:
        held.arrive()
        return living(segments, persons)

    monkeypatch.setattr(exports, "_living", after_waiting)
    return held


async def test_what_is_no_request_is_refused(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    for said, reason in (
        ({"days": 31}, "INVALID_FIELD"),
        ({"days": 0}, "INVALID_FIELD"),
        ({"due_time": None}, "INVALID_FIELD"),
        ({"due_time": Timestamp(seconds=10**14)}, "INVALID_FIELD"),
        ({"reason": " "}, "INVALID_FIELD"),
        ({"recipient": ""}, "INVALID_FIELD"),
        ({"segment_id": "nobody"}, "NOT_FOUND"),
        ({"tag_ids": ["nothing"]}, "NOT_FOUND"),
        ({"tag_ids": ["gender", "gender"]}, "INVALID_FIELD"),
        ({"tag_ids": [f"t{each}" for each in range(21)]}, "BATCH_TOO_LARGE"),
    ):
        assert await refused(request(suite, **said)) == reason, said
