"""Addresses that are left in peace, over gRPC: by hand, by a reply, by a dead number."""

import asyncio

import aiohttp
import grpc
import pytest
from activation_world import ACCOUNTS, OFFER, RECEIPTS_SECRET, SMS, WAIT_S, S, World, address, campaign
from huaxiang.activation.v1 import campaign_pb2, suppression_service_pb2_grpc
from huaxiang.activation.v1 import suppression_service_pb2 as pb
from sandbox.responses import Response
from servicekit.status import reason_of

MARKETING = campaign_pb2.MESSAGE_CLASS_MARKETING
GLOBAL, BRAND = pb.SUPPRESSION_SCOPE_GLOBAL, pb.SUPPRESSION_SCOPE_BRAND
CHANNEL, TOPIC = pb.SUPPRESSION_SCOPE_CHANNEL, pb.SUPPRESSION_SCOPE_TOPIC


def stub(world: World) -> suppression_service_pb2_grpc.SuppressionServiceStub:
    assert world.server is not None
    return suppression_service_pb2_grpc.SuppressionServiceStub(world.server.connect("marketer", "t1"))


def stated(*persons: int) -> list[pb.SuppressedAddress]:
    return [pb.SuppressedAddress(channel="sms", address=address(SMS, person)) for person in persons]


async def add(world: World, *persons: int, **fields: object) -> pb.AddSuppressionsResponse:
    return await stub(world).AddSuppressions(pb.AddSuppressionsRequest(addresses=stated(*persons), **fields))


async def listed(world: World, person: int) -> list[tuple[int, str, bool, str]]:
    (address_,) = stated(person)
    answer = await stub(world).ListSuppressions(pb.ListSuppressionsRequest(address=address_))
    return [(each.scope, each.name, each.every_class, each.reason) for each in answer.suppressions]


async def until_listed(world: World, person: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            if await listed(world, person):
                return
            await asyncio.sleep(0.01)


async def test_entries_are_added_listed_by_page_and_taken_away(still_world: World) -> None:
    world = still_world
    await add(world, 1, 2, scope=BRAND, name="north", reason="complained")
    await add(world, 1, scope=GLOBAL, every_class=True)
    await add(world, 1, scope=GLOBAL)
    assert await listed(world, 1) == [(BRAND, "north", False, "complained"), (GLOBAL, "", True, "")]
    found: list[pb.Suppression] = []
    token = ""
    while not found or token:
        request = pb.ListSuppressionsRequest(page_size=2, page_token=token)
        answer = await stub(world).ListSuppressions(request)
        found += answer.suppressions
        token = answer.next_page_token
    assert len(found) == 3
    assert len({each.address_hash for each in found}) == 2
    assert {bool(each.subject) for each in found} == {True}
    remove = pb.RemoveSuppressionsRequest(addresses=stated(1, 2, 3), scope=BRAND, name="north")
    assert (await stub(world).RemoveSuppressions(remove)).removed_count == 2
    assert (await stub(world).RemoveSuppressions(remove)).removed_count == 0
    assert await listed(world, 2) == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"addresses": stated(1)}, "scope"),
        ({"addresses": stated(1), "scope": BRAND}, "name"),
        ({"addresses": stated(1), "scope": GLOBAL, "name": "north"}, "name"),
        ({"addresses": stated(1), "scope": CHANNEL, "name": "aliyun_sms"}, "name"),
        ({"addresses": stated(1), "scope": TOPIC, "name": "t" * 129}, "name"),
        ({"addresses": stated(1), "scope": GLOBAL, "reason": "r" * 257}, "reason"),
        ({"addresses": [], "scope": GLOBAL}, "addresses"),
        ({"addresses": stated(*range(1_001)), "scope": GLOBAL}, "addresses"),
        (
            {"addresses": [pb.SuppressedAddress(channel="fax", address="1")], "scope": GLOBAL},
            "addresses[0].channel",
        ),
        *(
            (
                {"addresses": [pb.SuppressedAddress(channel=channel, address=text)], "scope": GLOBAL},
                "addresses[0].address",
            )
            for channel, text in (("sms", ""), ("sms", "13800000001"), ("email", "Li@example.com"))
        ),
    ],
)
async def test_what_breaks_its_limits_is_refused_by_field(
    still_world: World, fields: dict[str, object], field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub(still_world).AddSuppressions(pb.AddSuppressionsRequest(**fields))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(refused.value).metadata["field"] == field


async def test_refusals_and_dead_numbers_add_themselves(world: World) -> None:
    world.audience(3, SMS)
    world.people.by_address["13800000002"] = Response(delivered_after_s=0.0, reply="R", replied_after_s=0.05)
    world.people.by_address["13800000003"] = Response(
        delivered=False, delivered_after_s=0.0, failure="MOBILE_NOT_ON_SERVICE"
    )
    await add(world, 1, scope=TOPIC, name="summer")
    await world.run(SMS, "c1")
    await world.completed("c1")
    await world.events_of("message_unsubscribed", 1)
    assert await listed(world, 2) == [(CHANNEL, "sms", False, "opt_out")]
    await world.run(SMS, "c2", message_class=MARKETING, template=OFFER, topic="summer")
    report = await world.completed("c2")
    assert dict(report.suppressed) == {"suppressed": 3}
    assert await listed(world, 3) == [(CHANNEL, "sms", False, "unreachable")]
    await world.run(SMS, "c3")
    assert not (await world.completed("c3")).suppressed
    told = await world.deliveries().ExplainDelivery(S.ExplainDeliveryRequest(campaign_id="c2", person_id=2))
    assert told.explanation == "Not sent: the address is on the list of those to be left in peace."


async def test_a_refusal_holds_although_nothing_is_known_to_have_been_sent_there(world: World) -> None:
    """The person may be erased, and come back. Taken off the list, the address does not return by a repeat."""
    await world.create(campaign(SMS))
    target = f"http://127.0.0.1:{world.receipts_port}/replies/{ACCOUNTS[SMS]}/{RECEIPTS_SECRET}"
    refusals = [
        {"phone_number": phone, "send_time": "2026-06-11 12:00:00", "content": "R", "sequence_id": phone}
        for phone in ("13800000008", "13800000009")
    ]
    async with aiohttp.ClientSession() as session:
        (await session.post(target, json=refusals[:1])).raise_for_status()
        await until_listed(world, 8)
        remove = pb.RemoveSuppressionsRequest(addresses=stated(8), scope=CHANNEL, name="sms")
        assert (await stub(world).RemoveSuppressions(remove)).removed_count == 1
        (await session.post(target, json=refusals)).raise_for_status()
        await until_listed(world, 9)
    assert await listed(world, 8) == []
    assert await listed(world, 9) == [(CHANNEL, "sms", False, "opt_out")]
