"""A provider that remembers nothing, but puts a repeat in the place of the first: APNs, through the whole service."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from activation.app.accounts import Account
from activation_world import CONTACTS, FAST, PUSH, S, World, campaigns_pb2
from channel_rigs import KINDS
from channel_rigs.kind import SECRET, Means
from huaxiang.activation.v1 import campaign_pb2
from sandbox.effects import REPLACED, address_hash
from sandbox.faults import Fault, Rule
from sandbox.main import build
from sandbox.server import Sandbox
from sandbox.settings import read

KIND = KINDS["apns"]
CAMPAIGN = campaign_pb2.Campaign(
    campaign_id="c1",
    snapshot_id="snap",
    channel="apns",
    provider_account="apple",
    message_class=campaign_pb2.MESSAGE_CLASS_TRANSACTIONAL,
    template=campaign_pb2.MessageTemplate(parameters={"alert": "您的包裹已到店"}),
)


@pytest.fixture
async def apple(still_world: World, tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A sandbox beside the world's, and an account for it."""
    settings = read({"apns": KIND.section("", tmp_path)})
    clock, people = still_world.clock, still_world.people
    async with build(settings, tmp_path / "apple", clock=clock, responses=people) as sandbox:
        channel = KIND.make(Means(None, clock.moment, str), SECRET, sandbox.url("apns"))
        still_world.accounts["apple"] = Account("apple", channel, "app", 1_000, FAST)
        await still_world.stop()
        await still_world.start()
        yield sandbox
        await channel.close()


async def test_unknown_outcomes_are_sent_again_and_nobody_sees_two(
    still_world: World, apple: Sandbox
) -> None:
    world, devices = still_world, KIND.addresses(13)
    persons = list(range(1, 13))
    for person in persons:
        world.identity.addresses[person, CONTACTS[PUSH]] = devices[person]
    world.segments.snapshots["snap"] = persons
    faults = (Fault.ERROR_AFTER, Fault.RESET_AFTER, Fault.GARBAGE, Fault.RESET_BEFORE, Fault.GO_AWAY)
    apple.faults.replace(tuple(Rule(fault, "apns", "device", limit=2) for fault in faults))
    await world.create(CAMPAIGN)
    await world.campaigns().StartCampaign(campaigns_pb2.StartCampaignRequest(campaign_id="c1"))
    await world.until(lambda each: each.report.accepted == len(persons))
    world.clock.advance(FAST.no_receipt_s + 1)  # Apple reports nothing
    report = await world.completed()
    assert (report.planned, report.no_receipt, report.open, report.abandoned) == (12, 12, 0, 0)
    rows = apple.log.page()
    seen = Counter(row.address_hash for row in rows if row.outcome != REPLACED)
    assert seen == dict.fromkeys((address_hash("apns", devices[each]) for each in persons), 1)
    assert any(row.outcome == REPLACED for row in rows)
    histories = [dict(await world.history(each)) for each in persons]
    assert any(S.DELIVERY_STATE_UNKNOWN in each for each in histories)
