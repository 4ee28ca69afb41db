"""OperationService over a real channel: merge, split, bind, unbind, undo, dry runs, refusals."""

import grpc
import pytest
import pytest_asyncio
from huaxiang.identity.v1 import (
    link_pb2,
    operation_pb2,
    operation_service_pb2,
    person_pb2,
    record_pb2,
)
from identity_desk import REASON, Desk, id_of, named
from identity_records import text
from kept_service import KeptService, TenantsServer
from servicekit.status import reason_of
from servicekit.testing.servers import LocalServer
from sqlalchemy import text as sql

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE, OTHER_PHONE = "13912345670", "13912345671"


@pytest.fixture
def server(kept_server: TenantsServer) -> TenantsServer:
    return kept_server


@pytest_asyncio.fixture(loop_scope="module")
async def desk(server: LocalServer) -> Desk:
    return Desk(server)


async def refused(call: object) -> tuple[str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    said = reason_of(caught.value)
    return said.reason, dict(said.metadata)


async def test_two_persons_become_one_and_two_again(desk: Desk) -> None:
    one = await desk.say({"attributes": {"city": text("上海")}}, phone=PHONE)
    other = await desk.say({"attributes": {"gender": text("male")}}, phone=OTHER_PHONE)
    before = [await desk.detail(one), await desk.detail(other)]
    merged = await desk.merge(one, other)
    assert merged.outcome.effect == operation_pb2.Effect(
        persons_changed=2,
        persons_redirected=1,
        largest=[
            operation_pb2.PersonSize(person_id=one, keys_before=1, keys_after=2),
            operation_pb2.PersonSize(person_id=other, keys_before=1),
        ],
    )
    both = await desk.detail(other)
    assert both.person.person_id == one
    assert list(both.redirected_person_ids) == [other]
    assert set(both.attributes) == {"city", "gender"}
    undone = await desk.undo(id_of(merged))
    assert undone.outcome.effect.persons_created == 1
    after = [await desk.detail(one), await desk.detail(other)]
    for detail in (*before, *after):
        detail.person.version = 0
    assert after == before


async def test_a_validation_says_the_effect_and_changes_nothing(
    desk: Desk, server: TenantsServer, kept: KeptService
) -> None:
    one, other = await desk.say(phone=PHONE), await desk.say(phone=OTHER_PHONE)
    tried = await desk.merge(one, other, validate_only=True)
    assert tried.outcome.effect.persons_changed == 2
    assert not tried.HasField("revision")
    assert (await desk.detail(other)).person.person_id == other
    listed = await desk.operations.ListOperations(operation_service_pb2.ListOperationsRequest())
    assert not listed.operations
    done = await desk.merge(one, other)
    assert done.outcome.effect == tried.outcome.effect
    assert id_of(done) == id_of(tried) == 1
    audit = kept.wiring.database.read_now(
        lambda connection: connection.execute(
            sql(
                "SELECT subject, action, reason FROM audit WHERE tenant = :tenant AND action LIKE 'operation%'"
            ),
            {"tenant": server.tenant},
        ).all()
    )
    assert [tuple(row) for row in audit] == [(f"admin-{server.tenant}", "operation_merge", REASON)]


async def test_later_evidence_does_not_override_a_split_and_an_undo_does(desk: Desk) -> None:
    person = await desk.say(member_id="M1", phone=PHONE)
    done = await desk.split(person, named(phone=PHONE))
    assert done.outcome.effect.persons_created == 1
    await desk.say(member_id="M1", phone=PHONE)
    apart = await desk.why(named(member_id="M1"), named(phone=PHONE))
    assert not apart.linked
    assert [each.reason for each in apart.conflicts] == [person_pb2.CONFLICT_REASON_CANNOT_LINK]
    assert (await refused(desk.merge(person, apart.other.person_id))) == (
        "CANNOT_LINK",
        {"operation_id": "1"},
    )
    await desk.undo(id_of(done))
    assert (await desk.why(named(member_id="M1"), named(phone=PHONE))).linked
    assert (await desk.detail(apart.other.person_id)).person.person_id == person


async def test_evidence_that_came_between_a_merge_and_its_undo_is_kept(desk: Desk) -> None:
    one, other = await desk.say(phone=PHONE), await desk.say(phone=OTHER_PHONE)
    merged = await desk.merge(one, other)
    await desk.say({"attributes": {"city": text("杭州")}}, phone=OTHER_PHONE, email="a@example.com")
    await desk.undo(id_of(merged))
    detail = await desk.detail(other)
    assert detail.person.person_id == other
    assert [shown.identifier.namespace for shown in detail.identifiers] == ["phone", "email"]
    assert detail.attributes["city"].text_value == "杭州"
    assert "city" not in (await desk.detail(one)).attributes


async def test_bind_and_unbind_of_the_same_two_supersede_each_other(desk: Desk) -> None:
    one, other = await desk.say(phone=PHONE), await desk.say(email="a@example.com")
    pair = named(phone=PHONE), named(email="a@example.com")
    await desk.bind(*pair)
    assert (await desk.detail(other)).person.person_id == one
    await desk.unbind(*pair)
    assert (await desk.detail(other)).person.person_id == other
    await desk.bind(*pair)
    assert (await desk.detail(other)).person.person_id == one
    await desk.undo(3)
    assert (await desk.detail(other)).person.person_id == other
    await desk.undo(2)
    assert (await desk.detail(other)).person.person_id == one
    await desk.undo(1)
    assert (await desk.detail(other)).person.person_id == other


async def test_an_undo_is_undone_and_undone_again(desk: Desk) -> None:
    one, other = await desk.say(phone=PHONE), await desk.say(phone=OTHER_PHONE)
    await desk.merge(one, other)
    merged = False
    for operation_id in range(1, 6):
        await desk.undo(operation_id)
        assert ((await desk.detail(other)).person.person_id == one) is merged
        merged = not merged
        assert await refused(desk.undo(operation_id)) == (
            "OPERATION_NOT_IN_FORCE",
            {"operation_id": str(operation_id), "undone_by_operation_id": str(operation_id + 1)},
        )
    listed = await desk.operations.ListOperations(operation_service_pb2.ListOperationsRequest(page_size=2))
    assert [each.operation_id for each in listed.operations] == [6, 5]
    assert [each.undoes_operation_id for each in listed.operations] == [5, 4]
    assert [each.undone_by_operation_id for each in listed.operations] == [0, 6]
    following = await desk.operations.ListOperations(
        operation_service_pb2.ListOperationsRequest(page_size=2, page_token=listed.next_page_token)
    )
    assert [each.operation_id for each in following.operations] == [4, 3]


async def test_an_undo_that_was_overtaken_is_not_undone(desk: Desk) -> None:
    one, other = await desk.say(phone=PHONE), await desk.say(phone=OTHER_PHONE)
    await desk.merge(one, other)
    await desk.undo(1)
    await desk.undo(2)
    await desk.undo(1)
    assert await refused(desk.undo(3)) == (
        "OPERATION_NOT_IN_FORCE",
        {"operation_id": "3", "undone_by_operation_id": "4"},
    )


async def test_what_no_person_may_be_is_refused_and_tears_nobody_apart(desk: Desk) -> None:
    one = await desk.say({"source": "crm"}, member_id="M1", crm_id="C1", phone=PHONE)
    other = await desk.say({"source": "crm"}, crm_id="C2", phone=OTHER_PHONE)
    forbidden = ("POLICY_FORBIDS", {"conflict": "UNIQUE", "namespace": "crm_id"})
    assert await refused(desk.merge(one, other)) == forbidden
    assert await refused(desk.bind(named(phone=PHONE), named(phone=OTHER_PHONE))) == forbidden
    assert [len((await desk.detail(each)).identifiers) for each in (one, other)] == [3, 2]


async def test_a_repeated_request_answers_as_the_first_time(desk: Desk) -> None:
    one, other = await desk.say(phone=PHONE), await desk.say(phone=OTHER_PHONE)
    answers = [await desk.merge(one, other, request_id="r1") for _ in range(2)]
    assert answers[0] == answers[1]
    assert (await refused(desk.merge(other, one, request_id="r1")))[0] == "ALREADY_EXISTS"
    assert (await refused(desk.merge(one, other)))[0] == "STATE_CONFLICT"


async def test_a_record_names_its_strongest_identifier(desk: Desk) -> None:
    one = await desk.say(member_id="M1", phone=PHONE)
    other = await desk.say(email="a@example.com")
    by_record = [
        link_pb2.KeyRef(record=link_pb2.RecordRef(source="shop", record_id=f"said-{n}")) for n in (1, 2)
    ]
    await desk.bind(*by_record)
    why = await desk.why(*by_record)
    assert why.key.identifier.namespace == "member_id"
    assert [link.rule for link in why.path] == [link_pb2.LINK_RULE_HUMAN]
    assert (await desk.detail(other)).person.person_id == one


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (operation_service_pb2.MergeRequest(person_id=1, other_person_id=2), "INVALID_FIELD"),
        (operation_service_pb2.MergeRequest(person_id=1, other_person_id=0, reason="x"), "INVALID_FIELD"),
        (operation_service_pb2.MergeRequest(person_id=1, other_person_id=99, reason="x"), "NOT_FOUND"),
        (operation_service_pb2.SplitRequest(person_id=1, reason="x"), "INVALID_FIELD"),
        (
            operation_service_pb2.SplitRequest(
                person_id=1, reason="x", keys=[named(phone=PHONE), named(member_id="M1")]
            ),
            "INVALID_FIELD",
        ),
        (
            operation_service_pb2.SplitRequest(person_id=1, reason="x", keys=[named(member_id="M2")]),
            "INVALID_FIELD",
        ),
        (
            operation_service_pb2.SplitRequest(
                person_id=1, reason="x", keys=[link_pb2.KeyRef(key_id=1)] * 1_001
            ),
            "BATCH_TOO_LARGE",
        ),
        (operation_service_pb2.BindRequest(key=named(phone=PHONE), reason="x"), "INVALID_FIELD"),
        (
            operation_service_pb2.BindRequest(key=named(phone=PHONE), other=named(phone=PHONE), reason="x"),
            "INVALID_FIELD",
        ),
        (
            operation_service_pb2.BindRequest(
                key=named(phone=PHONE), other=named(phone=OTHER_PHONE), reason="x"
            ),
            "NOT_FOUND",
        ),
        (
            operation_service_pb2.UnbindRequest(key=named(phone=PHONE), other=named(crm_id="C1"), reason="x"),
            "INVALID_FIELD",
        ),
        (operation_service_pb2.UndoOperationRequest(operation_id=7, reason="x"), "NOT_FOUND"),
        (operation_service_pb2.UndoOperationRequest(operation_id=-7, reason="x"), "INVALID_FIELD"),
        (operation_service_pb2.UndoOperationRequest(operation_id=7, reason="x" * 501), "INVALID_FIELD"),
    ],
)
async def test_bad_requests_are_refused(desk: Desk, request_: object, reason: str) -> None:
    await desk.say(member_id="M1", phone=PHONE)
    await desk.say(member_id="M2")
    rpc = type(request_).__name__.removesuffix("Request")
    assert (await refused(getattr(desk.operations, rpc)(request_)))[0] == reason


async def test_only_the_right_lets_decide(desk: Desk, server: LocalServer) -> None:
    assert (await refused(Desk(server, "analyst").merge(1, 2)))[0] == "RIGHT_MISSING"


async def test_a_cycle_of_binds_and_unbinds_ends_where_the_last_human_says(desk: Desk) -> None:
    await desk.say(phone=PHONE, email="a@example.com")
    pair = named(phone=PHONE), named(email="a@example.com")
    for _ in range(3):
        await desk.unbind(*pair)
        await desk.say({"link_kind": record_pb2.LINK_KIND_BIND}, phone=PHONE, email="a@example.com")
        assert not (await desk.why(*pair)).linked
        await desk.bind(*pair)
        await desk.say({"link_kind": record_pb2.LINK_KIND_UNBIND}, phone=PHONE, email="a@example.com")
        assert (await desk.why(*pair)).linked
