"""One wrong merge that did happen: seen in a tag and an audience, explained, undone, and gone from both."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import cycle, islice
from typing import Any

import grpc
import pyarrow.parquet as pq
from huaxiang.identity.v1 import explain_service_pb2 as explain_pb
from huaxiang.identity.v1 import identifier_pb2, link_pb2
from huaxiang.identity.v1 import operation_service_pb2 as pb
from huaxiang.identity.v1 import person_service_pb2 as person_pb
from huaxiang.identity.v1.explain_service_pb2_grpc import ExplainServiceStub
from huaxiang.identity.v1.operation_service_pb2_grpc import OperationServiceStub
from huaxiang.identity.v1.person_service_pb2_grpc import PersonServiceStub
from huaxiang.segments.v1 import membership_service_pb2 as membership_pb
from huaxiang.segments.v1.membership_service_pb2_grpc import MembershipServiceStub
from huaxiang.tagging.v1 import portrait_service_pb2 as portrait_pb
from huaxiang.tagging.v1.portrait_service_pb2_grpc import PortraitServiceStub

from cli.calls.segments import fresh
from cli.calls.values import plain
from cli.demo.audiences import RECENT_BUYERS
from cli.demo.state import Demo
from cli.exits import Refusal
from cli.suite.patience import patiently

CANDIDATES = 500
TRIED_PAIRS = 2_000
ANSWER_WITHIN_S = 30.0
TAGS = ("order_count_90d", "last_order_channel", "lifetime_orders", "rfm_frequency", "city")
"""Looked at in this order for one that the merge changes; then all others."""
REASON = "a clerk took two customers for one"
Identifier = identifier_pb2.Identifier


async def merge_and_undo(demo: Demo) -> None:
    """Merges a member who bought nothing lately with a customer without a card who did. Raises Refusal when anything is
    not as before in the end."""
    demo.notes["undone"] = None
    pair = await _choose(demo)
    if pair is None:
        demo.say.line("nobody is there to be taken for another")
        return
    (member, one), (account, other), survivor = pair
    before = await _seen(demo, one, demo.revision), await _seen(demo, other, demo.revision)
    merged = await _operate(demo, pb.MergeRequest(request_id="demo", person_id=one, other_person_id=other))
    wrong = await _seen(demo, survivor, merged.revision.token)
    tag_id = _changed_tag(before[0][0], wrong[0])
    if not wrong[1] or tag_id is None:
        raise Refusal("a merge of two persons reached no tag or no audience")
    link = await _explain(demo, member, account)
    undone = await _operate(
        demo,
        pb.UndoOperationRequest(request_id="demo", operation_id=merged.outcome.operation.operation_id),
    )
    token = undone.revision.token
    after = await _seen(demo, one, token), await _seen(demo, other, token)
    if after != before:
        raise Refusal("after the undo of a merge tags or audiences are not as before")
    demo.revision = token
    demo.notes["undone"] = {
        "persons": (one, other),
        "tag": (tag_id, before[0][0].get(tag_id), wrong[0].get(tag_id)),
        "segment": RECENT_BUYERS.segment_id,
        "operation": link.decision.operation_id,
        "identifiers": (link.key.identifier.namespace, link.other.identifier.namespace),
    }
    demo.say.line(
        f"persons {one} and {other} were merged by mistake: {tag_id} went from {before[0][0].get(tag_id)} to "
        f"{wrong[0].get(tag_id)}, and {RECENT_BUYERS.segment_id} took a member more"
    )
    demo.say.line(
        f"the explanation names operation {link.decision.operation_id} of {link.decision.actor}; "
        "undone, both are as before"
    )


async def _choose(
    demo: Demo,
) -> tuple[tuple[Identifier, int], tuple[Identifier, int], int] | None:
    """A member outside the audience, somebody without a card inside, and who of the two would remain."""
    members = sorted(demo.person_ids.items())[:CANDIDATES]
    outside = await _with_membership(demo, [person for _, person in members], inside=False)
    accounts = dict(await _cardless(demo))
    inside = await _with_membership(demo, sorted(accounts), inside=True)
    carded = set(demo.person_ids.values())
    named = [
        (Identifier(namespace="member_id", value=member), person)
        for member, person in members
        if person in outside
    ]
    buyers = [each for each in inside if each not in carded]
    if not buyers or not named:
        return None
    for other, (member, one) in islice(zip(cycle(buyers), cycle(named), strict=False), TRIED_PAIRS):
        survivor = await _survivor(demo, one, other)
        if survivor:
            return (member, one), (accounts[other], other), survivor
    return None


async def _survivor(demo: Demo, one: int, other: int) -> int:
    """Who would remain of two persons; 0 when no person may be both."""
    request = pb.MergeRequest(person_id=one, other_person_id=other, validate_only=True)
    try:
        tried = await _operate(demo, request)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
            raise
        return 0
    return next((size.person_id for size in tried.outcome.effect.largest if size.keys_after), 0)


async def _cardless(demo: Demo) -> Sequence[tuple[int, Identifier]]:
    """Persons of accounts whose people have no member id, with one identifier each."""
    found: dict[int, Identifier] = {}
    of_source: dict[str, list[Identifier]] = defaultdict(list)
    for source, identifier in islice(_accounts_without_card(demo), CANDIDATES):
        of_source[source].append(identifier)
    async with demo.channel("identity") as channel:
        stub = PersonServiceStub(channel)
        for source, identifiers in of_source.items():
            request = person_pb.ResolveIdentifiersRequest(identifiers=identifiers, source=source)
            answer = await patiently(partial(stub.ResolveIdentifiers, request))
            for identifier, result in zip(identifiers, answer.results, strict=True):
                if result.person_id:
                    found.setdefault(result.person_id, identifier)
    return list(found.items())


def _accounts_without_card(demo: Demo) -> Iterator[tuple[str, Identifier]]:
    table = pq.read_table(demo.truth("persons"), columns=["person", "member_id"]).to_pylist()
    cardless = {row["person"] for row in table if not row["member_id"]}
    rows = pq.read_table(demo.truth("accounts")).to_pylist()
    rows.sort(key=lambda row: (row["person"], row["source"], row["namespace"], row["account"]))
    for row in rows:
        if row["person"] in cardless and row["namespace"] != "device_id":
            scope = row["scope"] or (row["source"] if row["namespace"].endswith("_id") else "")
            yield row["source"], Identifier(namespace=row["namespace"], value=row["account"], scope=scope)


async def _with_membership(demo: Demo, person_ids: Sequence[int], *, inside: bool) -> list[int]:
    """Those of the persons who are in the audience, or are not."""
    if not person_ids:
        return []
    answer = await _memberships(demo, person_ids, demo.revision)
    return [person for person, found in zip(person_ids, answer, strict=True) if found is inside]


async def _memberships(demo: Demo, person_ids: Sequence[int], token: str) -> list[bool]:
    request = membership_pb.CheckMembershipRequest(
        person_ids=person_ids, segment_ids=[RECENT_BUYERS.segment_id], consistency=fresh(token)
    )
    async with demo.channel("segments") as channel:
        stub = MembershipServiceStub(channel)
        answer = await patiently(lambda: stub.CheckMembership(request, timeout=ANSWER_WITHIN_S))
    return [each.members[0] for each in answer.persons]


async def _seen(demo: Demo, person_id: int, token: str) -> tuple[dict[str, Any], bool]:
    """Tags, and whether the person is in the audience."""
    request = portrait_pb.BatchGetTagValuesRequest(
        person_ids=[person_id], tag_ids=sorted(demo.found["tags"])[:100], consistency=fresh(token)
    )
    async with demo.channel("tagging") as channel:
        stub = PortraitServiceStub(channel)
        answer = await patiently(lambda: stub.BatchGetTagValues(request, timeout=ANSWER_WITHIN_S))
    values = {each.tag_id: plain(each.value) for each in answer.persons[0].values if each.HasField("value")}
    return values, (await _memberships(demo, [person_id], token))[0]


def _changed_tag(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    for tag_id in (*TAGS, *sorted(after)):
        if tag_id in after and before.get(tag_id) != after[tag_id]:
            return tag_id
    return None


async def _operate(demo: Demo, request: pb.MergeRequest | pb.UndoOperationRequest) -> Any:
    request.reason = REASON
    async with demo.channel("identity") as channel:
        stub = OperationServiceStub(channel)
        if isinstance(request, pb.MergeRequest):
            return await patiently(lambda: stub.Merge(request))
        return await patiently(lambda: stub.UndoOperation(request))


async def _explain(demo: Demo, one: Identifier, other: Identifier) -> link_pb2.Link:
    """The link of the chain that a human made."""
    request = explain_pb.ExplainLinkRequest(
        key=link_pb2.KeyRef(identifier=one), other=link_pb2.KeyRef(identifier=other)
    )
    async with demo.channel("identity") as channel:
        stub = ExplainServiceStub(channel)
        answer = await patiently(lambda: stub.ExplainLink(request))
    for link in answer.path:
        if link.WhichOneof("ground") == "decision":
            return link
    raise Refusal("the explanation of a merge names no operation")
