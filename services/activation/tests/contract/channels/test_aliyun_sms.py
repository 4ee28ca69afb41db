"""What only Aliyun SMS does."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from activation.channels.aliyun_sms import details
from activation.channels.aliyun_sms.channel import AliyunSmsAccount, AliyunSmsChannel
from activation.channels.port import BatchRefusedError, Found, MessageClass, Scope, Target, Verdict
from sandbox.faults import Fault, Rule

TIMEOUT_S = 60.0


@pytest.fixture
def rig(make_rig):
    return make_rig("aliyun_sms")


async def test_one_number_over_its_limit_is_found_by_sending_each_alone(rig):
    busy, free = rig.addresses(2)
    for _ in range(50):
        await rig.channel.submit(await rig.wire(addresses=[busy]), TIMEOUT_S)
    together = await rig.channel.submit(await rig.wire(addresses=[busy, free]), TIMEOUT_S)
    assert [(each.verdict, each.alone) for each in together] == [(Verdict.RETRY, True)] * 2
    (first,) = await rig.channel.submit(await rig.wire(addresses=[busy]), TIMEOUT_S)
    (second,) = await rig.channel.submit(await rig.wire(addresses=[free]), TIMEOUT_S)
    assert (first.verdict, first.reason, first.after_s) == (
        Verdict.DEFER,
        "isv.BUSINESS_LIMIT_CONTROL",
        86_400,
    )
    assert second.verdict is Verdict.ACCEPTED


async def test_each_gets_the_own_words(rig):
    batch = await rig.batch(2)
    own = tuple(
        replace(target, parameters={"thing": f"第{at}件 a+b&c~%"}) for at, target in enumerate(batch.targets)
    )
    await rig.channel.submit(rig.channel.build(replace(batch, targets=own)), TIMEOUT_S)
    assert [effect.text for effect in rig.effects()] == [
        "【华象】您的第0件 a+b&c~%已到店",
        "【华象】您的第1件 a+b&c~%已到店",
    ]


@pytest.fixture
def off_by(rig, transport):
    """off_by(seconds): the same account on a machine whose clock is off."""
    nonces = itertools.count()

    def make(skew_s: float) -> AliyunSmsChannel:
        account = AliyunSmsAccount("ak", "provider-secret-for-tests")
        return AliyunSmsChannel(
            account,
            transport,
            now=lambda: rig.clock.moment() + timedelta(seconds=skew_s),
            nonce=lambda: f"off-{next(nonces)}",
            base_url=rig.sandbox.url("aliyun_sms"),
        )

    return make


@pytest.mark.parametrize("skew_s", [-360.0, 360.0])
async def test_six_minutes_off_still_signs_well(rig, off_by, skew_s):
    (outcome,) = await off_by(skew_s).submit(await rig.wire(1), TIMEOUT_S)
    assert outcome.verdict is Verdict.ACCEPTED


async def test_a_clock_far_off_is_said_of_the_account_never_of_a_number(rig, off_by):
    outcomes = await off_by(-3_600.0).submit(await rig.wire(2), TIMEOUT_S)
    assert {(each.verdict, each.scope) for each in outcomes} == {(Verdict.REJECTED, Scope.ACCOUNT)}
    assert rig.effects() == []


async def test_a_query_looks_on_both_sides_of_midnight(rig):
    rig.clock.at += 12 * 3600 - 5  # 23:59:55 in China
    wire = await rig.wire(2)
    submitted_at = rig.clock.moment()
    rig.clock.at += 10
    await rig.channel.submit(wire, TIMEOUT_S)
    rig.clock.at += 60
    findings = await rig.channel.query(wire, submitted_at, TIMEOUT_S)
    assert {each.found for each in findings} == {Found.SENT}


async def test_other_sends_to_the_number_do_not_count(rig):
    (address,) = rig.addresses(1)
    for _ in range(49):
        await rig.channel.submit(await rig.wire(addresses=[address]), TIMEOUT_S)
    mine = await rig.wire(addresses=[address])
    submitted_at = rig.clock.moment()
    rig.clock.at += 60
    (finding,) = await rig.channel.query(mine, submitted_at, TIMEOUT_S)
    assert finding.found is Found.ABSENT
    await rig.channel.submit(mine, TIMEOUT_S)
    rig.clock.at += 60
    (finding,) = await rig.channel.query(mine, submitted_at, TIMEOUT_S)
    assert finding.found is Found.SENT


@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.RESET_BEFORE, Fault.GARBAGE, Fault.THROTTLE])
async def test_a_query_that_fails_proves_nothing(rig, fault):
    wire = await rig.wire(2)
    rig.sandbox.faults.replace((Rule(fault, "aliyun_sms", "QuerySendDetails"),))
    findings = await rig.channel.query(wire, rig.clock.moment(), TIMEOUT_S)
    assert {each.found for each in findings} == {Found.UNANSWERED}
    assert all(each.code for each in findings)


async def test_more_rows_than_are_read_prove_nothing(rig, monkeypatch):
    monkeypatch.setattr(details, "PAGE_ROWS", 2)
    monkeypatch.setattr(details, "MAX_PAGES", 2)
    (address,) = rig.addresses(1)
    mine = await rig.wire(addresses=[address])
    submitted_at = rig.clock.moment()
    for wire in [mine, *[await rig.wire(addresses=[address]) for _ in range(5)]]:
        await rig.channel.submit(wire, TIMEOUT_S)
    rig.clock.at += 60
    (finding,) = await rig.channel.query(mine, submitted_at, TIMEOUT_S)
    assert finding.found is not Found.ABSENT


async def test_a_number_twice_in_a_batch_is_refused(rig):
    (address,) = rig.addresses(1)
    batch = await rig.batch(addresses=[address, address])
    with pytest.raises(BatchRefusedError, match="twice"):
        rig.channel.build(batch)


def test_what_is_found_before_sending(rig):
    marketing = replace(rig.message, message_class=MessageClass.MARKETING)
    assert rig.channel.validate(marketing) == ()
    bad = replace(marketing, sign_name="【华象】", template_id="T1", parameters={"thing": "长" * 36})
    abroad = Target("d1", "k", "+85291234567")
    found = [(each.field, each.reason, each.delivery_id) for each in rig.channel.validate(bad, (abroad,))]
    assert found == [
        ("template_id", "TEMPLATE_MISSING", ""),
        ("sign_name", "SIGN_MISSING", ""),
        ("parameters.thing", "PARAMETER_TOO_LONG", ""),
        ("address", "ADDRESS_MALFORMED", "d1"),
    ]
