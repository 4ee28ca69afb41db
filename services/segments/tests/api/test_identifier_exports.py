"""Exports with identifiers, and what goes without a second person, over a real channel on both stores."""

import datetime as dt
from typing import Any

import grpc
import pytest
from huaxiang.identity.v1 import identifier_service_pb2 as identifiers
from huaxiang.segments.v1 import export_service_pb2 as pb
from huaxiang.segments.v1.export_service_pb2_grpc import ExportServiceStub
from huaxiang.tagging.v1 import tag_pb2
from segments_identity import FakeIdentity
from segments_tagging import persons_told, tag_told, values_told
from servicekit.status import reason_of
from servicekit.values import timestamp_of

SAID = {"identifier_namespaces": ["phone", "taobao_id"], "purpose": "marketing", "tag_ids": ["gender"]}
KNOWN = {
    ("phone", "+8613912345671"): 1,
    ("phone", "+8613912345672"): 1,
    ("taobao_id", "tb2"): 2,
    ("phone", "+8613912345674"): 4,
}


async def request(suite: Any, number: int, role: str = "admin", days: int = 3, **said: Any) -> pb.Export:
    due = timestamp_of(suite.clock.now() + dt.timedelta(days=days))
    wanted = {
        "segment_id": "women",
        "reason": "a letter",
        "recipient": "the printer",
        "due_time": due,
        **said,
    }
    stub = ExportServiceStub(suite.server.connect(role))
    return (await stub.RequestExport(pb.RequestExportRequest(request_id=f"r{number}", **wanted))).export


async def approve(suite: Any, export: pb.Export, role: str = "reviewer") -> pb.Export:
    stub = ExportServiceStub(suite.server.connect(role))
    return (
        await stub.ApproveExport(pb.ApproveExportRequest(export_id=export.export_id, reason="fine"))
    ).export


async def fetch(suite: Any, export: pb.Export, role: str = "admin") -> list[pb.FetchExportResponse]:
    stub = ExportServiceStub(suite.server.connect(role))
    return [part async for part in stub.FetchExport(pb.FetchExportRequest(export_id=export.export_id))]


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return reason_of(error.value).reason, error.value.details() or ""


async def served(suite: Any, limit: int) -> FakeIdentity:
    """Five women, and identity beside segments."""
    told = suite.tagging.tell(
        *persons_told([4, 5, 6]), *(values_told(each, gender="female") for each in (4, 5, 6))
    )
    suite.people, suite.export_row_limit = FakeIdentity(KNOWN), limit
    suite.people.withheld = {
        4: identifiers.IDENTIFIERS_STATUS_WITHDRAWN,
        5: identifiers.IDENTIFIERS_STATUS_NO_IDENTIFIER,
        6: identifiers.IDENTIFIERS_STATUS_NO_PERSON,
    }
    await suite.restart()
    await suite.create("women", "gender = 'female'", brand="one")
    await suite.get("women", told)
    return suite.people  # type: ignore[no-any-return]


async def test_identifiers_leave_by_right_and_limit_with_a_mark_and_an_end(suite: Any) -> None:
    people = await served(suite, 5)
    assert (await refused(request(suite, 1, "marketer", **SAID)))[0] == "RIGHT_MISSING"
    export = await request(suite, 1, **SAID)
    assert (export.state, export.count, export.brand) == (pb.EXPORT_STATE_APPROVED, 5, "one")
    parts = await fetch(suite, export)
    assert (parts[0].total_count, parts[0].watermark) == (
        5,
        f"export {export.export_id} by admin-t1 at 2026-03-31T04:00:00+00:00 until 2026-04-03T04:00:00+00:00 "
        "for the printer: a letter",
    )
    rows = {row.person_id: row for part in parts for row in part.rows}
    assert {person: [list(each.values) for each in row.identifiers] for person, row in rows.items()} == {
        1: [["+8613912345671", "+8613912345672"], []],
        2: [[], ["tb2@tmall"]],
    }
    assert {row.values[0].text_value for row in rows.values()} == {"female"}
    assert parts[1].left_out == pb.LeftOut(no_consent=1, no_identifier=1, erased=1)
    (asked,) = people.asked
    assert (asked.reason, asked.requester, asked.purpose, asked.brand, sorted(asked.person_ids)) == (
        f"export {export.export_id}: a letter",
        "admin-t1",
        "marketing",
        "one",
        [1, 2, 4, 5, 6],
    )
    stub = ExportServiceStub(suite.server.connect("viewer"))
    found = (await stub.GetExport(pb.GetExportRequest(export_id=export.export_id))).export
    assert [(each.action, each.subject) for each in found.history] == [
        (pb.EXPORT_ACTION_REQUEST, "admin-t1"),
        (pb.EXPORT_ACTION_PASS, ""),
        (pb.EXPORT_ACTION_FETCH, "admin-t1"),
    ]
    assert (await refused(approve(suite, export)))[0] == "EXPORT_DECIDED"
    suite.clock.advance(dt.timedelta(days=3))
    assert (await refused(fetch(suite, export)))[0] == "STATE_CONFLICT"
    assert len(people.asked) == 1


async def test_beyond_the_limit_somebody_else_approves_lists_in_parts_too(suite: Any) -> None:
    people = await served(suite, 9)
    assert (await request(suite, 1)).state == pb.EXPORT_STATE_APPROVED
    export = await request(suite, 2, **SAID)
    assert export.state == pb.EXPORT_STATE_REQUESTED, "ten rows within a day"
    assert (await request(suite, 3, "marketer")).state == pb.EXPORT_STATE_APPROVED, "of somebody else"
    assert (await refused(fetch(suite, export)))[0] == "STATE_CONFLICT"
    assert (await refused(approve(suite, export, "admin")))[0] == "EXPORT_FORBIDDEN"
    assert people.asked == []
    assert (await approve(suite, export)).state == pb.EXPORT_STATE_APPROVED
    assert sum(len(part.rows) for part in await fetch(suite, export)) == 2
    suite.clock.advance(dt.timedelta(days=1))
    assert (await request(suite, 4)).state == pb.EXPORT_STATE_APPROVED


async def test_what_is_sensitive_never_goes_by_itself(suite: Any) -> None:
    await served(suite, 1_000)
    sensitive = {"grade": tag_pb2.TAG_GRADE_SENSITIVE, "purpose": "health"}
    told = suite.tagging.tell(tag_told("allergy", tag_pb2.BASE_TYPE_TEXT, "nuts", **sensitive))
    await suite.get("women", told)
    assert (await request(suite, 1, tag_ids=["allergy"])).state == pb.EXPORT_STATE_REQUESTED


async def test_what_is_no_request_for_identifiers_is_refused(suite: Any) -> None:
    await served(suite, 5)
    for number, (change, reason) in enumerate(
        (
            ({"purpose": ""}, "INVALID_FIELD"),
            ({"identifier_namespaces": []}, "INVALID_FIELD"),
            ({"identifier_namespaces": ["phone", "phone"]}, "INVALID_FIELD"),
            ({"identifier_namespaces": ["Phone!"]}, "INVALID_FIELD"),
            ({"identifier_namespaces": ["hat_size"]}, "INVALID_FIELD"),
            ({"identifier_namespaces": [f"n{each}" for each in range(11)]}, "BATCH_TOO_LARGE"),
            ({"reason": "a\nb"}, "INVALID_FIELD"),
        )
    ):
        assert (await refused(request(suite, number, **{**SAID, **change})))[0] == reason, change
    taken_away = await request(suite, 9, **{**SAID, "identifier_namespaces": ["shoe_size"]})
    told = await refused(fetch(suite, taken_away))
    assert told[0] == "INVALID_FIELD"
    assert "shoe_size" in told[1]
