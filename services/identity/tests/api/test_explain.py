"""ExplainService over a real channel: chains of links with their grounds, history, conflicts, masked values."""

import grpc
import pytest
import pytest_asyncio
from huaxiang.identity.v1 import explain_service_pb2 as pb
from huaxiang.identity.v1 import link_pb2, person_pb2, record_pb2
from identity_desk import REASON, Desk, id_of, named
from identity_records import NOW, stamp
from kept_service import TenantsServer
from servicekit.status import reason_of
from servicekit.testing.servers import LocalServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE, OTHER_PHONE = "13912345670", "13912345671"


@pytest.fixture
def server(kept_server: TenantsServer) -> TenantsServer:
    return kept_server


@pytest_asyncio.fixture(loop_scope="module")
async def desk(server: LocalServer) -> Desk:
    return Desk(server)


async def test_the_shortest_chain_is_told_with_sources_times_and_rules(desk: Desk) -> None:
    await desk.say({"source": "crm"}, member_id="M1", phone=PHONE)
    await desk.say({"source": "app", "link_kind": record_pb2.LINK_KIND_LOGIN}, member_id="M1", phone=PHONE)
    await desk.say(phone=PHONE, email="ann@example.com")
    await desk.say(email="ann@example.com", device_id="D-1")
    why = await desk.why(named(member_id="M1"), named(device_id="D-1"))
    assert why.linked
    assert [(each.key.key_id, each.other.key_id) for each in why.path] == [(1, 2), (2, 3), (3, 4)]
    assert {each.rule for each in why.path} == {link_pb2.LINK_RULE_JOINED}
    first = why.path[0].seen_together
    assert list(first.sources) == ["app", "crm"]
    assert (first.co_occurrence, first.login, first.bind) == (True, True, False)
    day = NOW.replace(hour=0)
    assert (first.first_time, first.last_time) == (stamp(day), stamp(day))
    assert why.path[1].key.identifier.value == "139****70"
    assert not any(secret in str(why) for secret in (PHONE, "ann@", 'M1"'))


async def test_a_decision_is_told_with_who_and_why(desk: Desk, server: TenantsServer) -> None:
    one, other = await desk.say(member_id="M1"), await desk.say(phone=PHONE)
    merged = await desk.merge(one, other)
    why = await desk.why(named(phone=PHONE), named(member_id="M1"))
    (link,) = why.path
    assert link.rule == link_pb2.LINK_RULE_HUMAN
    assert link.key.identifier.namespace == "phone"
    assert link.decision.operation_id == id_of(merged)
    assert (link.decision.actor, link.decision.reason) == (f"admin-{server.tenant}", REASON)
    await desk.undo(id_of(merged))
    apart = await desk.why(named(phone=PHONE), named(member_id="M1"))
    assert (apart.linked, len(apart.path), len(apart.conflicts)) == (False, 0, 0)
    assert (apart.key.person_id, apart.other.person_id) == (other, one)


async def test_what_keeps_two_apart_is_told(desk: Desk) -> None:
    for number in (1, 2):
        await desk.say(member_id=f"M{number}", phone=PHONE)
    apart = await desk.why(named(member_id="M1"), named(phone=PHONE))
    assert not apart.linked
    (conflict,) = apart.conflicts
    assert conflict.reason == person_pb2.CONFLICT_REASON_SHARED
    assert conflict.key.identifier.namespace == "phone"
    listed = await desk.explain.ListConflicts(pb.ListConflictsRequest(page_size=1))
    following = await desk.explain.ListConflicts(
        pb.ListConflictsRequest(page_size=1, page_token=listed.next_page_token)
    )
    both = [*listed.conflicts, *following.conflicts]
    assert {each.other.identifier.namespace for each in both} == {"member_id"}
    assert len({each.other.key_id for each in both}) == 2
    of_person = await desk.explain.ListConflicts(pb.ListConflictsRequest(person_id=apart.key.person_id))
    assert list(of_person.conflicts) == [conflict]


async def test_a_person_is_shown_with_the_evidence(desk: Desk) -> None:
    person = await desk.say(member_id="M1", phone=PHONE)
    await desk.say(phone=PHONE, device_id="D-1")
    links = (await desk.person(person)).links
    assert [(link.key.identifier.namespace, link.other.identifier.namespace) for link in links] == [
        ("member_id", "phone"),
        ("phone", "device_id"),
    ]
    assert list(links[0].seen_together.sources) == ["shop"]


async def test_history_says_who_became_whom_and_why(desk: Desk) -> None:
    one, other = await desk.say(member_id="M1"), await desk.say(phone=PHONE)
    await desk.say(member_id="M1", phone=PHONE)
    split = await desk.split(one, named(phone=PHONE))
    await desk.undo(id_of(split))
    await desk.say(member_id="M2")
    history = await desk.explain.ListMergeHistory(pb.ListMergeHistoryRequest(person_id=other))
    told = [(step.kind, step.person_id, step.other_person_id, step.cause.id) for step in history.steps]
    assert told == [
        (link_pb2.MERGE_KIND_MERGED, one, other, "2"),
        (link_pb2.MERGE_KIND_SPLIT, one, other, "1"),
        (link_pb2.MERGE_KIND_MERGED, one, other, "said-3"),
    ]
    assert [step.cause.kind for step in history.steps] == [
        link_pb2.CAUSE_KIND_OPERATION,
        link_pb2.CAUSE_KIND_OPERATION,
        link_pb2.CAUSE_KIND_RECORD,
    ]
    assert [list(step.moved_key_ids) for step in history.steps] == [[2]] * 3
    first = await desk.explain.ListMergeHistory(pb.ListMergeHistoryRequest(page_size=2))
    rest = await desk.explain.ListMergeHistory(
        pb.ListMergeHistoryRequest(page_size=2, page_token=first.next_page_token)
    )
    assert [*first.steps, *rest.steps] == list(history.steps)


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        (link_pb2.KeyRef(), "INVALID_FIELD"),
        (link_pb2.KeyRef(key_id=99), "NOT_FOUND"),
        (named(phone="139"), "INVALID_FIELD"),
        (named(passport="E1"), "INVALID_FIELD"),
        (named(phone="13800138000"), "NOT_FOUND"),
        (link_pb2.KeyRef(record=link_pb2.RecordRef(source="Shop", record_id="r")), "INVALID_FIELD"),
        (link_pb2.KeyRef(record=link_pb2.RecordRef(source="shop", record_id="r")), "NOT_FOUND"),
        (link_pb2.KeyRef(record=link_pb2.RecordRef(source="shop")), "INVALID_FIELD"),
    ],
)
async def test_bad_names_are_refused(desk: Desk, ref: link_pb2.KeyRef, reason: str) -> None:
    await desk.say(member_id="M1")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await desk.why(named(member_id="M1"), ref)
    assert reason_of(caught.value).reason == reason


async def test_only_the_right_lets_ask(desk: Desk, server: LocalServer) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await Desk(server, "viewer").why(named(member_id="M1"), named(member_id="M1"))
    assert reason_of(caught.value).reason == "RIGHT_MISSING"
