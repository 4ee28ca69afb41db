"""What only APNs does."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from activation.channels.apns.channel import ApnsChannel
from activation.channels.apns.tokens import ApnsAccount
from activation.channels.port import CallbackForgedError, Scope, Verdict
from activation.channels.wire import Callback
from channel_rigs.apns import GONE_SINCE_EPOCH_S, OF_ANOTHER_APP, REMOVED, TOPIC, private
from channel_rigs.kind import SECRET
from sandbox.effects import REPLACED
from sandbox.faults import Fault, Rule

TIMEOUT_S = 60.0


@pytest.fixture
def rig(make_rig):
    return make_rig("apns")


@pytest.fixture
def served():
    return ("apns",)


async def test_a_device_that_removed_the_app_tells_since_when(rig):
    (outcome,) = await rig.channel.submit(await rig.wire(addresses=[REMOVED]), TIMEOUT_S)
    assert (outcome.verdict, outcome.scope, outcome.reason) == (
        Verdict.REJECTED,
        Scope.RECIPIENT,
        "Unregistered",
    )
    assert outcome.unreachable
    assert outcome.gone_since == datetime.fromtimestamp(GONE_SINCE_EPOCH_S, UTC)


async def test_a_token_of_another_app_is_said_of_the_recipient(rig):
    (outcome,) = await rig.channel.submit(await rig.wire(addresses=[OF_ANOTHER_APP]), TIMEOUT_S)
    assert (outcome.scope, outcome.reason, outcome.gone_since) == (
        Scope.RECIPIENT,
        "DeviceTokenNotForTopic",
        None,
    )


async def test_a_topic_that_is_not_the_team_s_is_said_of_the_account(rig):
    account = ApnsAccount.read("TEAM", "KEY1", "example.other", private(SECRET))
    channel = ApnsChannel(account, rig.clock.moment, rig.sandbox.url("apns"))
    (outcome,) = await channel.submit(await rig.wire(1), TIMEOUT_S)
    await channel.close()
    assert (outcome.scope, outcome.reason) == (Scope.ACCOUNT, "TopicDisallowed")


async def test_the_answer_echoes_the_id_and_a_repeat_is_replaced(rig):
    wire = await rig.wire(1)
    first = await rig.channel.submit(wire, TIMEOUT_S)
    assert first[0].message_id == dict(wire.query)["apns-id"]
    assert await rig.channel.submit(wire, TIMEOUT_S) == first
    assert [each.outcome for each in rig.sandbox.log.page()] == ["DELIVERED", REPLACED]
    assert {each.key for each in rig.sandbox.log.page()} == set(wire.keys)


async def test_many_at_once_keep_to_one_until_the_first_has_proven_the_key(rig):
    wires = [await rig.wire(addresses=[address]) for address in rig.addresses(50)]
    outcomes = await asyncio.gather(*(rig.channel.submit(wire, TIMEOUT_S) for wire in wires))
    assert {outcome.verdict for (outcome,) in outcomes} == {Verdict.ACCEPTED}
    assert len(rig.effects()) == 50


async def test_who_is_told_to_go_away_sends_on_a_new_connection(rig):
    await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    rig.suffer(Fault.GO_AWAY, limit=1)
    (outcome,) = await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    assert outcome.verdict is Verdict.ACCEPTED
    assert len(rig.effects()) == 2


async def test_a_provider_that_always_goes_away_has_not_been_sent_anything(rig):
    rig.suffer(Fault.GO_AWAY)
    (outcome,) = await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "NOT_CONNECTED")
    assert rig.effects() == []


async def test_requests_under_way_end_well_although_the_connection_goes_away(rig):
    await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    slow = Rule(Fault.SLOW, "apns", "device", calls=(1,), delay_s=0.05)
    rig.sandbox.faults.replace((slow, Rule(Fault.GO_AWAY, "apns", "device", calls=(2,))))
    wires = [await rig.wire(addresses=[address]) for address in rig.addresses(3)[1:]]
    outcomes = await asyncio.gather(*(rig.channel.submit(wire, TIMEOUT_S) for wire in wires))
    assert [outcome.verdict for (outcome,) in outcomes] == [Verdict.ACCEPTED] * 2
    assert len(rig.effects()) == 3


async def test_a_provider_token_serves_for_forty_minutes_and_is_renewed_before_its_hour(rig):
    for _ in range(5):
        (outcome,) = await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
        assert outcome.verdict is Verdict.ACCEPTED
        rig.clock.at += 1_500


async def test_a_token_said_to_be_old_is_renewed_when_it_may_be(rig):
    await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    rig.clock.at += 1_260
    rig.suffer(Fault.TOKEN_EXPIRED, calls=(1,))
    (outcome,) = await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    assert outcome.verdict is Verdict.ACCEPTED


async def test_a_new_token_said_to_be_old_is_a_clock_that_is_wrong(rig):
    account = ApnsAccount.read("TEAM", "KEY1", TOPIC, private(SECRET))
    late = ApnsChannel(account, lambda: rig.clock.moment() - timedelta(hours=2), rig.sandbox.url("apns"))
    (outcome,) = await late.submit(await rig.wire(1), TIMEOUT_S)
    await late.close()
    assert (outcome.scope, outcome.reason) == (Scope.ACCOUNT, "ExpiredProviderToken")


async def test_what_is_shown_and_what_goes_to_the_app(rig):
    wire = await rig.wire(1)
    assert json.loads(wire.body) == {"aps": {"alert": {"title": "到店", "body": "包裹"}, "sound": "default"}}
    stated = dict(wire.query)
    assert (stated["apns-collapse-id"],) == wire.keys
    assert (stated["apns-push-type"], stated["apns-priority"]) == ("alert", "10")


def test_no_callback_can_be_apple_s(rig):
    for read in (rig.channel.parse_receipts, rig.channel.parse_inbound, rig.channel.answer):
        with pytest.raises(CallbackForgedError):
            read(Callback("POST", "", {}, b"{}"))
