"""What only JPush does."""

import base64
from dataclasses import replace

import pytest
from activation.channels.port import (
    BatchRefusedError,
    CallbackForgedError,
    KeysUnavailableError,
    ReceiptStatus,
    Scope,
    Verdict,
)
from activation.channels.wire import Callback
from sandbox.faults import Fault, Rule

TIMEOUT_S = 60.0


@pytest.fixture
def rig(make_rig):
    return make_rig("jpush")


@pytest.fixture
def personal(make_rig):
    return make_rig("jpush_personal")


async def test_keys_come_from_the_pool(rig):
    keys = await rig.channel.reserve_keys(1_000, TIMEOUT_S)
    assert len(set(keys)) == 1_000
    with pytest.raises(ValueError, match="1 to 1000"):
        await rig.channel.reserve_keys(1_001, TIMEOUT_S)


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.ERROR_BEFORE, Fault.RESET_AFTER, Fault.GARBAGE])
async def test_without_keys_it_says_when_to_come_back(rig, fault):
    rig.sandbox.faults.replace((Rule(fault, "jpush", "cid", retry_after_s=9),))
    with pytest.raises(KeysUnavailableError) as raised:
        await rig.channel.reserve_keys(1, TIMEOUT_S)
    assert raised.value.after_s == (9.0 if fault is Fault.THROTTLE else 5.0)


async def test_a_key_of_our_own_is_refused(rig):
    batch = await rig.batch(1)
    (outcome,) = await rig.channel.submit(rig.channel.build(replace(batch, key="jp-made-up")), TIMEOUT_S)
    assert (outcome.verdict, outcome.scope, outcome.reason) == (Verdict.REJECTED, Scope.CAMPAIGN, "1003")


async def test_a_device_unknown_among_known_ones_ends_with_a_receipt(rig):
    outcomes = await rig.channel.submit(await rig.wire(addresses=["device-1", "unknown"]), TIMEOUT_S)
    assert {each.verdict for each in outcomes} == {Verdict.ACCEPTED}
    receipts = []

    def both() -> bool:
        receipts[:] = [each for got in rig.receiver.got for each in rig.channel.parse_receipts(got)]
        return len(receipts) == 2

    await rig.receiver.wait(both)
    (failed,) = (each for each in receipts if each.address == "unknown")
    assert (failed.status, failed.code, failed.unreachable) == (ReceiptStatus.FAILED, "target_invalid", True)
    assert len(rig.effects()) == 1


async def test_only_strangers_are_tried_alone(rig):
    outcomes = await rig.channel.submit(await rig.wire(addresses=["x", "y"]), TIMEOUT_S)
    assert [(each.verdict, each.alone) for each in outcomes] == [(Verdict.RETRY, True)] * 2


async def test_each_device_its_own_words(personal):
    batch = await personal.batch(2)
    own = tuple(replace(target, parameters={"alert": f"第{at}条"}) for at, target in enumerate(batch.targets))
    outcomes = await personal.channel.submit(personal.channel.build(replace(batch, targets=own)), TIMEOUT_S)
    assert [effect.text for effect in personal.effects()] == ["第0条", "第1条"]
    assert len({each.message_id for each in outcomes}) == 2


async def test_a_batch_entry_fails_alone(personal):
    outcomes = await personal.channel.submit(
        await personal.wire(addresses=["device-1", "unknown"]), TIMEOUT_S
    )
    assert [each.verdict for each in outcomes] == [Verdict.ACCEPTED, Verdict.REJECTED]
    assert outcomes[1].scope is Scope.RECIPIENT


async def test_one_text_to_all_means_no_words_of_their_own(rig):
    batch = await rig.batch(1)
    own = (replace(batch.targets[0], parameters={"alert": "x"}),)
    assert [each.reason for each in rig.channel.validate(batch.message, own)] == ["PARAMETERS_DIFFER"]
    with pytest.raises(BatchRefusedError):
        rig.channel.build(replace(batch, targets=own))


async def test_the_rate_window_tells_when_it_opens(rig):
    wire = await rig.wire(1)
    rig.suffer(Fault.THROTTLE, retry_after_s=42)
    (outcome,) = await rig.channel.submit(wire, TIMEOUT_S)
    assert (outcome.verdict, outcome.after_s) == (Verdict.RETRY, 42.0)


def test_a_forged_callback_is_refused_and_the_probe_gets_its_echo(rig):
    forged = Callback("POST", "", {"authorization": "Basic eDp5"}, b"[]")
    for read in (rig.channel.parse_receipts, rig.channel.parse_inbound, rig.channel.answer):
        with pytest.raises(CallbackForgedError):
            read(forged)
    proof = base64.b64encode(b"jp:provider-secret-for-tests").decode()
    real = Callback("GET", "echostr=e1", {"authorization": f"Basic {proof}"}, b"")
    assert rig.channel.answer(real).body == b"e1"
