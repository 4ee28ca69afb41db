"""What only e-mail does: one-click unsubscription, signatures, servers that speak less, doubt of one mail alone."""

import asyncio
import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from activation.channels.email.channel import EmailAccount, EmailChannel
from activation.channels.port import Batch, BatchRefusedError, Message, MessageClass, Scope, Target, Verdict
from activation.channels.wire import WireRequest
from channel_rigs.email import BOUNCES, SENDER, TEMPLATES
from channel_rigs.kind import SECRET
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from sandbox.faults import Fault

TIMEOUT_S = 60.0
MARKETING = Message(MessageClass.MARKETING, "T1", parameters={"thing": "新品"})
URL = "https://go.example/u/abc"


@pytest.fixture
def rig(make_rig):
    return make_rig("email")


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(65_537, 1_024)


@pytest.fixture
def signing(document, key):
    """The server wants every mail signed; called with the private key's text."""
    raw = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = f"v=DKIM1; p={base64.b64encode(raw).decode()}"
    document["smtp"]["dkim_keys"] = [{"name": "s1._domainkey.mail.example", "record": record}]
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def plain(document):
    document["smtp"]["pipelining"] = False


def unconnected(account: EmailAccount | None = None, url: str = "smtp://mx.example") -> EmailChannel:
    return EmailChannel(account or EmailAccount(SENDER), TEMPLATES, lambda: datetime.now(UTC), url)


def address(rig, server: str = "smtp") -> str:
    return rig.sandbox.url(server).replace("http://", "smtp://")


async def test_marketing_can_be_unsubscribed_with_one_click(rig):
    batch = await rig.batch(2, MARKETING)
    targets = tuple(replace(each, parameters={"unsubscribe_url": URL + each.key}) for each in batch.targets)
    outcomes = await rig.channel.submit(rig.channel.build(replace(batch, targets=targets)), TIMEOUT_S)
    assert [each.verdict for each in outcomes] == [Verdict.ACCEPTED] * 2
    assert [each.marketing for each in rig.effects()] == [True, True]
    with pytest.raises(BatchRefusedError, match="unsubscribes"):
        rig.channel.build(batch)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"parameters": {}}, "UNSUBSCRIBE_MISSING"),
        ({"parameters": {"unsubscribe_url": "http://go.example/u"}}, "URL_MALFORMED"),
        ({"parameters": {"unsubscribe_url": URL + "\r\nBcc: x@y.example"}}, "URL_MALFORMED"),
        ({"parameters": {"unsubscribe_url": URL + "u" * 900}}, "URL_MALFORMED"),
        ({"address": "a@b>\r\nRCPT TO:<c@d.example"}, "ADDRESS_MALFORMED"),
    ],
)
def test_what_cannot_be_sent_is_found_before(changed, reason):
    target = replace(Target("d", "d", "a@b.example", {"unsubscribe_url": URL}), **changed)
    assert [each.reason for each in unconnected().validate(MARKETING, [target])] == [reason]


def test_templates_and_their_values_are_looked_for_before():
    service, target = (
        replace(MARKETING, message_class=MessageClass.TRANSACTIONAL),
        Target("d", "d", "a@b.example"),
    )
    said = {
        "TEMPLATE_UNKNOWN": replace(service, template_id="T9"),
        "PARAMETERS_MISSING": replace(service, parameters={}),
        "TEMPLATE_MISSING": replace(service, template_id="", parameters={"subject": "s"}),
    }
    for reason, message in said.items():
        assert [each.reason for each in unconnected().validate(message, [target])] == [reason]
    text = replace(service, template_id="", parameters={"subject": "s", "text": "t"})
    assert unconnected().validate(text, [target]) == ()


async def test_a_server_that_wants_signatures_gets_them(signing, make_rig):
    rig = make_rig("email")
    wire = await rig.wire(2)
    unsigned = await rig.channel.submit(wire, TIMEOUT_S)
    assert {(each.verdict, each.scope, each.reason) for each in unsigned} == {
        (Verdict.REJECTED, Scope.ACCOUNT, "550 5.7.20")
    }
    account = EmailAccount(SENDER, "shop", SECRET, BOUNCES, "s1", signing)
    channel = EmailChannel(account, TEMPLATES, rig.clock.moment, address(rig))
    outcomes = await channel.submit(wire, TIMEOUT_S)
    assert [each.verdict for each in outcomes] == [Verdict.ACCEPTED] * 2
    assert signing not in repr(account)
    await channel.close()


async def test_a_server_without_pipelining_takes_the_same_mails(plain, make_rig):
    rig = make_rig("email")
    addresses = [*rig.addresses(2), rig.stranger, *rig.addresses(3)[2:]]
    outcomes = await rig.channel.submit(await rig.wire(addresses=addresses), TIMEOUT_S)
    assert [each.verdict is Verdict.ACCEPTED for each in outcomes] == [True, True, False, True]
    assert len(rig.effects()) == 3


async def test_a_stranger_among_others_is_refused_alone(rig):
    addresses = [rig.stranger, *rig.addresses(2), rig.stranger]
    outcomes = await rig.channel.submit(await rig.wire(addresses=addresses), TIMEOUT_S)
    assert [(each.verdict, each.reason) for each in outcomes] == [
        (Verdict.REJECTED, "550 5.1.1"),
        (Verdict.ACCEPTED, ""),
        (Verdict.ACCEPTED, ""),
        (Verdict.REJECTED, "550 5.1.1"),
    ]


async def test_batches_wait_for_the_only_connection(rig):
    account = EmailAccount(SENDER, "shop", SECRET, BOUNCES, connections="1")
    channel = EmailChannel(account, TEMPLATES, rig.clock.moment, address(rig))
    wires = [await rig.wire(3) for _ in range(4)]
    said = await asyncio.gather(*(channel.submit(wire, TIMEOUT_S) for wire in wires))
    assert {each.verdict for outcomes in said for each in outcomes} == {Verdict.ACCEPTED}
    assert len(rig.effects()) == 12
    await channel.close()


async def test_one_mail_in_doubt_leaves_no_doubt_about_the_others(rig):
    rig.suffer(Fault.RESET_AFTER, calls=(2,))
    outcomes = await rig.channel.submit(await rig.wire(4), TIMEOUT_S)
    assert [each.verdict for each in outcomes] == [
        Verdict.ACCEPTED,
        Verdict.UNKNOWN,
        Verdict.ACCEPTED,
        Verdict.ACCEPTED,
    ]
    assert len(rig.effects()) == 4


async def test_when_time_is_up_only_the_mail_that_was_sent_is_in_doubt(rig, monkeypatch):
    """Time is up when the server has the second mail and keeps silent."""
    made, timeout = [], asyncio.timeout

    def noted(delay_s: float | None) -> asyncio.Timeout:
        made.append(timeout(delay_s))
        return made[-1]

    wire = await rig.wire(4)
    rig.suffer(Fault.SLOW, calls=(2,), delay_s=30.0)
    monkeypatch.setattr(asyncio, "timeout", noted)
    sending = asyncio.create_task(rig.channel.submit(wire, 60.0))
    while rig.sandbox.faults.fired() != [1]:  # noqa: ASYNC110 - a plan cannot be waited for
        await asyncio.sleep(0.01)
    made[0].reschedule(asyncio.get_running_loop().time())
    assert [(each.verdict, each.reason) for each in await sending] == [
        (Verdict.ACCEPTED, ""),
        (Verdict.UNKNOWN, "TIMEOUT"),
        (Verdict.RETRY, "TIMEOUT"),
        (Verdict.RETRY, "TIMEOUT"),
    ]


async def test_the_bytes_that_are_stored_are_the_bytes_that_are_sent(rig):
    """But for the date of the submission, which stands in front."""
    wire = await rig.wire(1)
    await rig.channel.submit(WireRequest.load(wire.dump()), TIMEOUT_S)
    content = wire.body.split(b"DATA\r\n")[1].removesuffix(b".\r\n")
    assert wire.content_type == "application/batch-SMTP"
    assert b"Date:" not in content
    assert b"\r\nMessage-ID: <key-" in content


async def test_where_a_tap_leads_is_the_templates_url(rig):
    said = {"subject": "s", "text": "see ${url}"}
    message = Message(MessageClass.TRANSACTIONAL, parameters=said, url="https://shop.example/x")
    await rig.channel.submit(await rig.wire(1, message), TIMEOUT_S)
    assert [each.text for each in rig.effects()] == ["see https://shop.example/x"]


def test_mails_that_are_too_long_together_are_not_built_together():
    text = Message(MessageClass.TRANSACTIONAL, parameters={"subject": "s", "text": "x" * 200_000})
    targets = tuple(Target(f"d{at}", f"d{at}", "a@b.example") for at in range(50))
    assert len(unconnected().build(Batch("b", text, targets[:1])).body) > 200_000
    with pytest.raises(BatchRefusedError, match="bytes"):
        unconnected().build(Batch("b", text, targets))


@pytest.mark.parametrize(
    ("account", "url", "fault"),
    [
        (EmailAccount("nobody"), "smtp://h", "sender"),
        (EmailAccount(SENDER), "http://h", "base_url"),
        (EmailAccount(SENDER), "smtp://user:secret@h", "base_url"),
        (EmailAccount(SENDER, bounce_address="a" * 32 + "@b.example"), "smtp://h", "bounce_address"),
        (EmailAccount(SENDER, connections="17"), "smtp://h", "connections"),
        (EmailAccount(SENDER, connections="many"), "smtp://h", "connections"),
        (EmailAccount(SENDER, dkim_selector="s1"), "smtp://h", "dkim_selector"),
        (EmailAccount(SENDER, dkim_selector="s1", dkim_key="secret"), "smtp://h", "dkim_key"),
    ],
)
def test_an_account_that_cannot_be_used_is_refused_unshown(account, url, fault):
    with pytest.raises(ValueError, match=f"^{fault}: ") as raised:
        unconnected(account, url)
    assert "secret" not in str(raised.value)
