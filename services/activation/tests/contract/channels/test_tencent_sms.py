"""What only Tencent Cloud SMS does."""

from dataclasses import replace
from datetime import timedelta

import pytest
from activation.channels.port import BatchRefusedError, Found, MessageClass, Scope, Target, Verdict
from activation.channels.tencent_sms import statuses
from activation.channels.tencent_sms.channel import TencentSmsAccount, TencentSmsChannel
from channel_rigs.kind import SECRET
from channel_rigs.tencent_sms import APP, BLACKLISTED
from sandbox.faults import Fault, Rule
from sandbox.responses import Response

TIMEOUT_S = 60.0
HOUR_S = 3_600.0


@pytest.fixture
def served():
    return ("tencent_sms",)


@pytest.fixture
def rig(make_rig):
    return make_rig("tencent_sms")


@pytest.fixture
def limited(document):
    """One message in thirty seconds to a number."""
    document["tencent_sms"]["per_number"]["thirty_seconds"] = 1


@pytest.fixture
def without_context(document):
    """The app as Tencent makes it: pulled statuses carry no SessionContext."""
    document["tencent_sms"]["apps"][0]["session_context"] = False


@pytest.fixture
def selling(document):
    """A message that sells something."""
    offer = {"template_id": "1002", "kind": "marketing", "content": "新品上市，拒收请回复R"}
    document["tencent_sms"]["templates"].append(offer)


async def ask(rig, wire, after_s: float):
    """The first finding of a query so long after the submission, which was just now."""
    submitted_at = rig.clock.moment()
    rig.clock.at += after_s
    return (await rig.channel.query(wire, submitted_at, TIMEOUT_S))[0]


async def test_one_refused_number_keeps_nobody_from_the_message(rig):
    first, last = rig.addresses(2)
    outcomes = await rig.channel.submit(await rig.wire(addresses=[first, BLACKLISTED, last]), TIMEOUT_S)
    assert [(each.verdict, each.scope) for each in outcomes] == [
        (Verdict.ACCEPTED, None),
        (Verdict.REJECTED, Scope.RECIPIENT),
        (Verdict.ACCEPTED, None),
    ]
    assert outcomes[1].reason == "FailedOperation.PhoneNumberInBlacklist"
    assert [effect.address_hash for effect in rig.effects()] == rig.hashes([first, last])
    assert outcomes[0].message_id != outcomes[2].message_id


async def test_a_number_over_its_limit_waits_by_itself(limited, rig):
    busy, free = rig.addresses(2)
    await rig.channel.submit(await rig.wire(addresses=[busy]), TIMEOUT_S)
    late, sent = await rig.channel.submit(await rig.wire(addresses=[busy, free]), TIMEOUT_S)
    assert (late.verdict, late.after_s, late.alone) == (Verdict.DEFER, 30, False)
    assert late.reason == "LimitExceeded.PhoneNumberThirtySecondLimit"
    assert sent.verdict is Verdict.ACCEPTED


async def test_marketing_outside_of_the_hours_waits(selling, rig):
    offer = replace(rig.message, template_id="1002", parameters={}, message_class=MessageClass.MARKETING)
    rig.clock.at += 10 * HOUR_S  # 22:00 in China
    (late,) = await rig.channel.submit(await rig.wire(1, offer), TIMEOUT_S)
    assert (late.verdict, late.scope) == (Verdict.DEFER, None)
    rig.clock.at += 10 * HOUR_S
    (sent,) = await rig.channel.submit(await rig.wire(1, offer), TIMEOUT_S)
    assert sent.verdict is Verdict.ACCEPTED


async def test_who_replied_r_gets_no_more(rig):
    rig.people.response = Response(reply="R", delivered_after_s=0.0, replied_after_s=0.0)
    await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    (again,) = await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    assert (again.verdict, again.scope) == (Verdict.REJECTED, Scope.RECIPIENT)
    assert len(rig.effects()) == 1


@pytest.mark.parametrize("skew_s", [-360.0, -240.0, 240.0, 360.0])
async def test_a_clock_six_minutes_off_is_said_of_the_account_never_of_a_number(rig, transport, skew_s):
    off = TencentSmsChannel(
        TencentSmsAccount("id", SECRET, APP),
        transport,
        now=lambda: rig.clock.moment() + timedelta(seconds=skew_s),
        base_url=rig.sandbox.url("tencent_sms"),
    )
    outcomes = await off.submit(await rig.wire(2), TIMEOUT_S)
    if abs(skew_s) < 300:
        assert {each.verdict for each in outcomes} == {Verdict.ACCEPTED}
        return
    assert {(each.verdict, each.scope) for each in outcomes} == {(Verdict.REJECTED, Scope.ACCOUNT)}
    assert {each.reason for each in outcomes} == {"AuthFailure.SignatureExpire"}
    assert rig.effects() == []


@pytest.mark.parametrize(
    ("after_s", "found", "code"),
    [
        (60.0, Found.UNANSWERED, statuses.NOT_REPORTED_YET),
        (72 * HOUR_S, Found.ABSENT, ""),
        (7 * 24 * HOUR_S - 600, Found.UNANSWERED, statuses.TOO_OLD),
    ],
)
async def test_what_is_not_shown_was_not_sent_only_when_every_report_is_in(rig, after_s, found, code):
    finding = await ask(rig, await rig.wire(1), after_s)
    assert (finding.found, finding.code) == (found, code)


async def test_a_phone_that_is_off_shows_its_message_late(rig):
    rig.people.response = Response(delivered_after_s=5 * HOUR_S)
    wire, submitted_at = await rig.wire(1), rig.clock.moment()
    await rig.channel.submit(wire, TIMEOUT_S)
    early = await ask(rig, wire, HOUR_S)
    assert early.found is Found.UNANSWERED
    rig.clock.at += 5 * HOUR_S
    (late,) = await rig.channel.query(wire, submitted_at, TIMEOUT_S)
    assert (late.found, late.code) == (Found.SENT, "DELIVRD")
    assert late.message_id == rig.effects()[0].message_id


async def test_rows_without_context_prove_nothing(without_context, rig):
    await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    finding = await ask(rig, await rig.wire(1), 72 * HOUR_S)
    assert (finding.found, finding.code) == (Found.UNANSWERED, statuses.NO_SESSION_CONTEXT)


@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.RESET_BEFORE, Fault.GARBAGE, Fault.THROTTLE])
async def test_a_query_that_fails_proves_nothing(rig, fault):
    rig.sandbox.faults.replace((Rule(fault, "tencent_sms", statuses.ACTION),))
    findings = await rig.channel.query(await rig.wire(2), rig.clock.moment(), TIMEOUT_S)
    assert {each.found for each in findings} == {Found.UNANSWERED}
    assert all(each.code for each in findings)


async def test_more_rows_than_are_shown_prove_nothing(rig, monkeypatch):
    monkeypatch.setattr(statuses, "MAX_ROWS", 2)
    for _ in range(2):
        await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    finding = await ask(rig, await rig.wire(1), 72 * HOUR_S)
    assert (finding.found, finding.code) == (Found.UNANSWERED, statuses.TOO_MANY_ROWS)


async def test_batches_whose_answers_or_texts_would_be_mixed_up_are_refused(rig):
    batch = await rig.batch(2)
    first, second = batch.targets
    for targets, reason in (
        ((first, replace(second, address=first.address)), "twice"),
        ((first, replace(second, parameters={"1": "另一件"})), "one text"),
        ((replace(first, parameters={"name": "x"}),), "numbered"),
        ((replace(first, address="+85291234567"),), "mainland"),
    ):
        with pytest.raises(BatchRefusedError, match=reason):
            rig.channel.build(replace(batch, targets=targets))


def test_what_is_found_before_sending(rig):
    bad = replace(rig.message, sign_name="", template_id="SMS_1", parameters={"2": "x"})
    abroad = Target("d1", "k", "+85291234567")
    found = [(each.field, each.reason, each.delivery_id) for each in rig.channel.validate(bad, (abroad,))]
    assert found == [
        ("template_id", "TEMPLATE_MISSING", ""),
        ("sign_name", "SIGN_MISSING", ""),
        ("parameters", "PARAMETERS_NOT_NUMBERED", ""),
        ("address", "ADDRESS_MALFORMED", "d1"),
        ("parameters", "PARAMETERS_NOT_NUMBERED", "d1"),
    ]
