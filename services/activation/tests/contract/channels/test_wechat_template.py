"""What only WeChat template messages do."""

from dataclasses import replace

import pytest
from activation.channels.port import CallbackForgedError, MessageClass, Scope, Verdict
from activation.channels.wire import Callback
from sandbox.faults import Fault, Rule

TIMEOUT_S = 60.0


@pytest.fixture
def rig(make_rig):
    return make_rig("wechat_template")


async def test_a_token_that_ended_early_is_renewed_without_force(rig):
    await rig.channel.submit(await rig.wire(addresses=["openid-0"]), TIMEOUT_S)
    rig.suffer(Fault.TOKEN_EXPIRED, calls=(1,))
    (outcome,) = await rig.channel.submit(await rig.wire(addresses=["openid-1"]), TIMEOUT_S)
    assert outcome.verdict is Verdict.ACCEPTED
    assert len(rig.effects()) == 2


async def test_a_token_that_ends_right_after_its_renewal_is_waited_out(rig):
    rig.suffer(Fault.TOKEN_EXPIRED)
    (outcome,) = await rig.channel.submit(await rig.wire(addresses=["openid-0"]), TIMEOUT_S)
    assert (outcome.verdict, outcome.scope, outcome.reason) == (Verdict.RETRY, None, "TOKEN_42001")
    assert outcome.after_s > 0
    rig.sandbox.faults.replace(())
    (outcome,) = await rig.channel.submit(await rig.wire(addresses=["openid-0"]), TIMEOUT_S)
    assert outcome.verdict is Verdict.ACCEPTED
    assert len(rig.effects()) == 1


async def test_tokens_that_never_work_are_said_of_the_account(rig):
    rig.suffer(Fault.TOKEN_EXPIRED)
    for place, expected in enumerate([Verdict.RETRY, Verdict.RETRY, Verdict.REJECTED]):
        (outcome,) = await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
        assert outcome.verdict is expected, place
        rig.clock.at += 31
    assert (outcome.scope, outcome.reason) == (Scope.ACCOUNT, "42001")


async def test_a_token_that_was_taken_ends_the_count(rig):
    rig.suffer(Fault.TOKEN_EXPIRED)
    await rig.channel.submit(await rig.wire(addresses=["openid-0"]), TIMEOUT_S)
    rig.sandbox.faults.replace(())
    await rig.channel.submit(await rig.wire(addresses=["openid-1"]), TIMEOUT_S)
    rig.clock.at += 61
    rig.suffer(Fault.TOKEN_EXPIRED)
    (outcome,) = await rig.channel.submit(await rig.wire(addresses=["openid-2"]), TIMEOUT_S)
    assert outcome.verdict is Verdict.RETRY


async def test_a_token_serves_for_its_time_and_is_renewed_before_its_end(rig):
    for _ in range(3):
        await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
        rig.clock.at += 3_000
    answers = [await rig.channel.submit(await rig.wire(1), TIMEOUT_S) for _ in range(2)]
    assert {each.verdict for outcomes in answers for each in outcomes} == {Verdict.ACCEPTED}


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.ERROR_BEFORE, Fault.GARBAGE, Fault.TIMEOUT_AFTER])
async def test_without_a_token_the_message_was_certainly_not_sent(rig, fault):
    rig.sandbox.faults.replace((Rule(fault, "wechat", "stable_token", delay_s=0.05),))
    (outcome,) = await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    assert outcome.verdict is Verdict.RETRY
    assert outcome.reason.startswith("TOKEN_")
    assert outcome.after_s > 0
    assert rig.effects() == []


async def test_after_ten_minutes_nothing_protects(rig):
    """Why a resend stops at 0.8 of the window."""
    wire = await rig.wire(1)
    await rig.channel.submit(wire, TIMEOUT_S)
    rig.clock.at += rig.channel.caps.idempotency_window_s + 1
    await rig.channel.submit(wire, TIMEOUT_S)
    assert len(rig.effects()) == 2


def test_marketing_is_refused_before_sending(rig):
    (problem,) = rig.channel.validate(replace(rig.message, message_class=MessageClass.MARKETING))
    assert problem.reason == "MARKETING_REFUSED"


async def test_a_forged_event_is_refused(rig):
    await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    await rig.receiver.wait(lambda: bool(rig.receiver.got))
    real = rig.receiver.got[0]
    forged = Callback("POST", real.raw_query.replace("nonce=", "nonce=1"), real.headers, real.body)
    for read in (rig.channel.parse_receipts, rig.channel.parse_inbound, rig.channel.answer):
        with pytest.raises(CallbackForgedError):
            read(forged)


async def test_the_probe_of_the_url_gets_its_echo(rig):
    await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    await rig.receiver.wait(lambda: bool(rig.receiver.got))
    query = rig.receiver.got[0].raw_query
    assert rig.channel.answer(Callback("GET", f"{query}&echostr=e1", {}, b"")).body == b"e1"
    assert rig.channel.answer(rig.receiver.got[0]).body == b"success"
