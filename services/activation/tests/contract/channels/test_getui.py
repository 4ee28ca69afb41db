"""What only Getui does."""

import json
from dataclasses import replace

import pytest
from activation.channels.port import BatchRefusedError, CallbackForgedError, ReceiptStatus, Scope, Verdict
from activation.channels.wire import Callback
from channel_rigs.getui import ASLEEP
from sandbox.faults import Fault, Rule
from sandbox.responses import Response

TIMEOUT_S = 60.0


@pytest.fixture
def rig(make_rig):
    return make_rig("getui")


@pytest.fixture
def served():
    return ("getui",)


async def test_a_delivery_that_is_built_anew_is_not_dropped_as_a_repeat(rig):
    batch = await rig.batch(1)
    again = replace(batch, key="another batch")
    for each in (batch, again):
        (outcome,) = await rig.channel.submit(rig.channel.build(each), TIMEOUT_S)
        assert outcome.verdict is Verdict.ACCEPTED
    assert len({effect.key for effect in rig.effects()}) == 2


async def test_a_batch_that_is_built_anew_after_a_refusal_reaches_everybody(rig):
    """One device that is not the app's refuses all: each is then tried alone."""
    good, bad = rig.addresses(1)[0], rig.stranger
    together = await rig.channel.submit(await rig.wire(addresses=[good, bad]), TIMEOUT_S)
    assert [(each.verdict, each.alone) for each in together] == [(Verdict.RETRY, True)] * 2
    (first,) = await rig.channel.submit(await rig.wire(addresses=[good]), TIMEOUT_S)
    (second,) = await rig.channel.submit(await rig.wire(addresses=[bad]), TIMEOUT_S)
    assert first.verdict is Verdict.ACCEPTED
    assert (second.verdict, second.scope, second.reason) == (Verdict.REJECTED, Scope.RECIPIENT, "20001")


async def test_who_was_silent_for_90_days_gets_nothing_and_is_said_so(rig):
    outcomes = await rig.channel.submit(await rig.wire(addresses=["client-1", ASLEEP]), TIMEOUT_S)
    assert [each.verdict for each in outcomes] == [Verdict.ACCEPTED, Verdict.REJECTED]
    assert (outcomes[1].scope, outcomes[1].reason) == (Scope.RECIPIENT, "successed_ignore")
    assert len(rig.effects()) == 1


async def test_each_device_its_own_words(rig):
    batch = await rig.batch(2)
    own = tuple(replace(target, parameters={"alert": f"第{at}条"}) for at, target in enumerate(batch.targets))
    outcomes = await rig.channel.submit(rig.channel.build(replace(batch, targets=own)), TIMEOUT_S)
    assert [effect.text for effect in rig.effects()] == ["第0条", "第1条"]
    assert len({each.message_id for each in outcomes}) == 2


async def test_a_device_twice_in_a_batch_is_refused_before_sending(rig):
    with pytest.raises(BatchRefusedError):
        await rig.wire(addresses=["client-1", "client-1"])


async def test_a_token_that_ended_early_is_renewed_and_the_push_sent_once(rig):
    await rig.channel.submit(await rig.wire(addresses=["client-0"]), TIMEOUT_S)
    rig.suffer(Fault.TOKEN_EXPIRED, calls=(1,))
    (outcome,) = await rig.channel.submit(await rig.wire(addresses=["client-1"]), TIMEOUT_S)
    assert outcome.verdict is Verdict.ACCEPTED
    assert len(rig.effects()) == 2


async def test_tokens_that_never_work_are_said_of_the_account_after_a_minute(rig):
    rig.suffer(Fault.TOKEN_EXPIRED)
    for place, expected in enumerate([Verdict.RETRY, Verdict.RETRY, Verdict.REJECTED]):
        (outcome,) = await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
        assert outcome.verdict is expected, place
        rig.clock.at += 31
    assert (outcome.scope, outcome.reason) == (Scope.ACCOUNT, "10001")


async def test_a_token_serves_for_its_day_and_is_renewed_before_its_end(rig):
    for _ in range(4):
        (outcome,) = await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
        assert outcome.verdict is Verdict.ACCEPTED
        rig.clock.at += 40_000


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.ERROR_BEFORE, Fault.GARBAGE, Fault.THROTTLE])
async def test_without_a_token_the_push_was_certainly_not_sent(rig, fault):
    rig.sandbox.faults.replace((Rule(fault, "getui", "auth", retry_after_s=9),))
    (outcome,) = await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    assert outcome.verdict is Verdict.RETRY
    assert outcome.reason.startswith("TOKEN_")
    assert outcome.after_s == (9.0 if fault is Fault.THROTTLE else 5.0)
    assert rig.effects() == []


async def test_a_receipt_of_a_device_that_is_gone_says_that_it_is_unreachable(rig):
    rig.people.response = Response(delivered=False, failure="401", delivered_after_s=0.0)
    await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    await rig.receiver.wait(lambda: bool(rig.receiver.got))
    (receipt,) = rig.channel.parse_receipts(rig.receiver.got[0])
    assert (receipt.status, receipt.code, receipt.unreachable) == (ReceiptStatus.FAILED, "401", True)


async def test_one_forged_line_condemns_the_callback_and_an_unreadable_one_is_passed_over(rig):
    await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    await rig.receiver.wait(lambda: bool(rig.receiver.got))
    real = rig.receiver.got[0]
    entry = json.loads(real.body)
    forged = Callback("POST", "", {}, real.body + b"\n" + json.dumps({**entry, "cid": "other"}).encode())
    for read in (rig.channel.parse_receipts, rig.channel.parse_inbound, rig.channel.answer):
        with pytest.raises(CallbackForgedError):
            read(forged)
    torn = Callback("POST", "", {}, real.body + b"\n" + real.body[:20])
    assert rig.channel.parse_receipts(torn) == rig.channel.parse_receipts(real)
