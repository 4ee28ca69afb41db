"""A campaign by e-mail: what arrives, what bounces, who complains, and the one mail that nobody can know of."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from activation.app.accounts import Account
from activation.channels.email.channel import EmailAccount, EmailChannel
from activation_world import FAST, RECEIPTS_SECRET, SECRET, World, campaigns_pb2, made_world
from huaxiang.activation.v1 import campaign_pb2
from huaxiang.identity.v1 import record_pb2
from sandbox.faults import Fault, Rule
from sandbox.main import build
from sandbox.responses import Response
from sandbox.server import Sandbox
from sandbox.settings import read

MAIL = "mail_main"
PERSONS = 60
"""Two batches."""
STRANGER, GONE, ANGRY = 4, 5, 6


def mailbox(person: int) -> str:
    return f"person-{person}@mailbox.example"


@pytest.fixture
async def posted(tmp_path: Path, migrated_sqlite_url: str) -> AsyncIterator[tuple[World, Sandbox]]:
    """A world with an account for mails, and the mail server's stand-in."""
    async with made_world(tmp_path, migrated_sqlite_url) as world:
        receipts = f"http://127.0.0.1:{world.receipts_port}/receipts/{MAIL}/{RECEIPTS_SECRET}"
        known = [mailbox(each) for each in range(1, PERSONS + 1) if each != STRANGER]
        server = {
            "accounts": [{"username": "shop", "password": SECRET, "receipts_url": receipts}],
            "people": {"listed": known, "gone": [mailbox(GONE)]},
            "reports_success": True,
        }
        settings = read({"smtp": server})
        async with build(settings, tmp_path / "mails", clock=world.clock, responses=world.people) as sandbox:
            account = EmailAccount("news@mail.example", "shop", SECRET, "bounce@back.example")
            url = sandbox.url("smtp").replace("http://", "smtp://")
            channel = EmailChannel(account, {}, world.clock.moment, url)
            world.accounts[MAIL] = Account(MAIL, channel, "", 1_000, FAST)
            await world.start()
            yield world, sandbox
            await world.stop()
            await channel.close()


async def test_a_campaign_by_mail(posted):
    world, sandbox = posted
    persons = list(range(1, PERSONS + 1))
    world.segments.snapshots["snap"] = persons
    world.identity.addresses |= {(each, record_pb2.CHANNEL_EMAIL): mailbox(each) for each in persons}
    world.people.by_address[mailbox(ANGRY)] = Response(
        delivered_after_s=0.0, reply="spam", replied_after_s=0.1
    )
    sandbox.faults.replace((Rule(Fault.RESET_BEFORE, "smtp", "mail", calls=(30,)),))
    message = campaign_pb2.Campaign(
        campaign_id="c1",
        snapshot_id="snap",
        channel="email",
        provider_account=MAIL,
        message_class=campaign_pb2.MESSAGE_CLASS_TRANSACTIONAL,
        template=campaign_pb2.MessageTemplate(parameters={"subject": "到店", "text": "您的包裹已到店"}),
    )
    await world.create(message)
    await world.campaigns().StartCampaign(campaigns_pb2.StartCampaignRequest(campaign_id="c1"))
    report = await world.completed()
    assert dict(report.rejected) == {"550 5.1.1": 1}
    assert (report.undelivered, report.abandoned, report.delivered) == (1, 1, PERSONS - 3)
    assert len(sandbox.log.page()) == PERSONS - 2  # the stranger, and the mail of which nobody can know
    assert {each.text for each in sandbox.log.page()} == {"您的包裹已到店"}
    (left,) = await world.events_of("message_unsubscribed", 1)
    assert left.anchor_key_id == 1_000_000 + ANGRY
    assert len(await world.events_of("message_failed", 1)) == 1
