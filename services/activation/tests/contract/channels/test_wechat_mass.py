"""What only WeChat mass messages do."""

from dataclasses import replace

import pytest
from activation.channels.port import (
    BatchRefusedError,
    CallbackForgedError,
    InboundKind,
    ReceiptStatus,
    Verdict,
)
from activation.channels.wire import Callback
from sandbox.faults import Fault
from sandbox.responses import Response

TIMEOUT_S = 60.0


@pytest.fixture
def served():
    return ("wechat",)


@pytest.fixture
def rig(make_rig):
    return make_rig("wechat_mass")


@pytest.fixture
def rationed(document):
    """As many messages for a person in a month as WeChat allows."""
    document["wechat"]["mass_per_person_month"] = 4


async def test_the_same_key_is_unknown_within_a_minute_and_accepted_afterwards(rig):
    wire = await rig.wire(2)
    rig.suffer(Fault.RESET_AFTER)
    await rig.channel.submit(wire, TIMEOUT_S)
    rig.recover()
    early = await rig.channel.submit(wire, TIMEOUT_S)
    assert {(each.verdict, each.reason) for each in early} == {(Verdict.UNKNOWN, "45066")}
    rig.clock.at += 60
    late = await rig.channel.submit(wire, TIMEOUT_S)
    assert {each.verdict for each in late} == {Verdict.ACCEPTED}
    assert {each.message_id for each in late} == {effect.message_id for effect in rig.effects()}
    assert len(rig.effects()) == 2


async def test_after_a_day_nothing_protects(rig):
    """Why a resend stops at 0.8 of the window."""
    wire = await rig.wire(2)
    await rig.channel.submit(wire, TIMEOUT_S)
    rig.clock.at += rig.channel.caps.idempotency_window_s + 1
    await rig.channel.submit(wire, TIMEOUT_S)
    assert len(rig.effects()) == 4


async def test_whom_it_does_not_reach_is_never_said(rig):
    addresses = [*rig.addresses(2), "stranger"]
    outcomes = await rig.channel.submit(await rig.wire(addresses=addresses), TIMEOUT_S)
    assert {each.verdict for each in outcomes} == {Verdict.ACCEPTED}
    assert [effect.address_hash for effect in rig.effects()] == rig.hashes(addresses[:2])


async def test_a_person_gets_four_a_month(rationed, rig):
    for _ in range(5):
        await rig.channel.submit(await rig.wire(2), TIMEOUT_S)
    assert len(rig.effects()) == 8
    rig.clock.at += 20 * 86_400  # July
    await rig.channel.submit(await rig.wire(2), TIMEOUT_S)
    assert len(rig.effects()) == 10


async def test_an_article_is_named_by_its_media_id(rig):
    article = replace(rig.message, template_id="M1", parameters={})
    assert rig.channel.validate(article) == ()
    await rig.channel.submit(await rig.wire(2, article), TIMEOUT_S)
    assert {effect.text for effect in rig.effects()} == {"新品上市"}


async def test_batches_that_cannot_be_one_message_are_refused(rig):
    batch = await rig.batch(2)
    first, second = batch.targets
    for targets in (
        (first,),
        (first, replace(second, address=first.address)),
        (first, replace(second, parameters={"text": "另一件"})),
    ):
        with pytest.raises(BatchRefusedError):
            rig.channel.build(replace(batch, targets=targets))


@pytest.mark.parametrize(("template", "words"), [("M1", "x"), ("", ""), ("", "长" * 1_000)])
def test_a_message_is_an_article_or_a_text(rig, template, words):
    message = replace(rig.message, template_id=template, parameters={"text": words} if words else {})
    assert [each.delivery_id for each in rig.channel.validate(message)] == [""]


async def test_its_end_tells_of_all_or_of_nobody(rig):
    (first, *_) = await rig.channel.submit(await rig.wire(2), TIMEOUT_S)
    await rig.channel.submit(await rig.wire(addresses=[*rig.addresses(2), "stranger"]), TIMEOUT_S)
    await rig.receiver.wait(lambda: len(rig.receiver.got) == 2)
    (receipt,) = [each for callback in rig.receiver.got for each in rig.channel.parse_receipts(callback)]
    assert (receipt.address, receipt.key, receipt.message_id) == ("", "", first.message_id)
    assert (receipt.status, receipt.at.timestamp()) == (ReceiptStatus.DELIVERED, rig.clock.at)


async def test_who_leaves_is_an_opt_out_and_what_is_forged_is_refused(rig):
    rig.people.response = Response(delivered_after_s=0.0, reply="R", replied_after_s=0.0)
    await rig.channel.submit(await rig.wire(2), TIMEOUT_S)
    await rig.receiver.wait(lambda: len(rig.receiver.got) == 3)
    left = [each for callback in rig.receiver.got for each in rig.channel.parse_inbound(callback)]
    assert {each.kind for each in left} == {InboundKind.OPT_OUT}
    assert sorted(each.address for each in left) == rig.addresses(2)
    real = rig.receiver.got[0]
    forged = Callback("POST", real.raw_query.replace("nonce=", "nonce=1"), real.headers, real.body)
    for read in (rig.channel.parse_receipts, rig.channel.parse_inbound, rig.channel.answer):
        with pytest.raises(CallbackForgedError):
            read(forged)
