"""What only FCM does."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from activation.channels.fcm.channel import FcmChannel
from activation.channels.port import CallbackForgedError, Idempotency, Scope, Verdict
from activation.channels.wire import Callback
from channel_rigs.fcm import account
from channel_rigs.kind import SECRET
from sandbox.effects import REPLACED
from sandbox.faults import Fault, Rule
from sandbox.responses import Response

TIMEOUT_S = 60.0


@pytest.fixture
def rig(make_rig):
    return make_rig("fcm")


@pytest.fixture
def served():
    return ("fcm",)


@pytest.mark.parametrize(
    ("address", "reason"),
    [("uninstalled", "UNREGISTERED"), ("of-another-sender", "SENDER_ID_MISMATCH"), ("x", "INVALID_ARGUMENT")],
)
async def test_a_token_at_fault_is_said_of_the_recipient(rig, address, reason):
    (outcome,) = await rig.channel.submit(await rig.wire(addresses=[address]), TIMEOUT_S)
    assert (outcome.verdict, outcome.scope, outcome.reason) == (Verdict.REJECTED, Scope.RECIPIENT, reason)
    assert rig.effects() == []


async def test_a_repeat_takes_the_place_of_what_the_screen_shows(rig):
    assert rig.channel.caps.idempotency is Idempotency.REPLACING
    wire = await rig.wire(1)
    for _ in range(2):
        (outcome,) = await rig.channel.submit(wire, TIMEOUT_S)
        assert outcome.verdict is Verdict.ACCEPTED
        rig.clock.at += 86_400
    assert [each.outcome for each in rig.sandbox.log.page()] == ["DELIVERED", REPLACED]
    other = await rig.wire(1)
    await rig.channel.submit(other, TIMEOUT_S)
    assert len(rig.effects()) == 2


async def test_who_has_tapped_it_away_sees_a_repeat(rig):
    """Why the class is about what the screen shows."""
    rig.people.response = Response(delivered_after_s=0.0, clicked_after_s=30.0)
    wire = await rig.wire(1)
    await rig.channel.submit(wire, TIMEOUT_S)
    rig.clock.at += 31
    await rig.channel.submit(wire, TIMEOUT_S)
    assert len(rig.effects()) == 2


async def test_without_a_time_to_wait_it_is_a_minute(rig):
    wire = await rig.wire(1)
    rig.suffer(Fault.THROTTLE, retry_after_s=0)
    (outcome,) = await rig.channel.submit(wire, TIMEOUT_S)
    assert (outcome.verdict, outcome.after_s) == (Verdict.RETRY, 60.0)


async def test_a_token_that_ended_early_is_renewed_and_the_message_sent_once(rig):
    await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    rig.suffer(Fault.TOKEN_EXPIRED, calls=(1,))
    (outcome,) = await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    assert outcome.verdict is Verdict.ACCEPTED
    assert len(rig.effects()) == 2


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.ERROR_BEFORE, Fault.GARBAGE, Fault.THROTTLE])
async def test_without_a_token_the_message_was_certainly_not_sent(rig, fault):
    rig.sandbox.faults.replace((Rule(fault, "fcm", "token"),))
    (outcome,) = await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    assert outcome.verdict is Verdict.RETRY
    assert outcome.after_s > 0
    assert rig.effects() == []


async def test_a_grant_dated_wrong_is_said_of_the_account(rig, transport):
    url = rig.sandbox.url("fcm")
    own = replace(account(SECRET), token_uri=f"{url}/token")
    ahead = FcmChannel(own, transport, lambda: rig.clock.moment() + timedelta(hours=2), url)
    (outcome,) = await ahead.submit(await rig.wire(1), TIMEOUT_S)
    assert (outcome.verdict, outcome.scope, outcome.reason) == (
        Verdict.REJECTED,
        Scope.ACCOUNT,
        "invalid_grant",
    )


async def test_what_is_shown_and_what_goes_to_the_app(rig):
    message, _ = rig.says("您的包裹已到店")
    parameters = {**message.parameters, "order": "A1"}
    wire = await rig.wire(1, replace(message, parameters=parameters, url="https://shop.example/o/1"))
    content = json.loads(wire.body)["message"]
    assert content["notification"] == {"title": "到店", "body": "您的包裹已到店"}
    assert content["data"] == {"order": "A1", "url": "https://shop.example/o/1"}
    (key,) = wire.keys
    assert content["android"]["notification"]["tag"] == content["apns"]["headers"]["apns-collapse-id"] == key


def test_no_callback_can_be_fcm_s(rig):
    for read in (rig.channel.parse_receipts, rig.channel.parse_inbound, rig.channel.answer):
        with pytest.raises(CallbackForgedError):
            read(Callback("POST", "", {}, b"{}"))
