"""What every channel keeps, each against the sandbox that stands in for its provider."""

import json
from collections import Counter

import pytest
from activation.channels.port import (
    BatchRefusedError,
    CallbackMalformedError,
    Found,
    Idempotency,
    InboundKind,
    KeySource,
    ReceiptKind,
    ReceiptStatus,
    Reconcilable,
    Scope,
    Verdict,
)
from activation.channels.wire import Callback, WireRequest
from sandbox.faults import Fault, Rule
from sandbox.responses import Response

TIMEOUT_S = 60.0
SECRET = "provider-secret-for-tests"
AFTER = [Fault.ERROR_AFTER, Fault.TIMEOUT_AFTER, Fault.RESET_AFTER, Fault.GARBAGE]
BEFORE = [Fault.ERROR_BEFORE, Fault.TIMEOUT_BEFORE, Fault.RESET_BEFORE]


def verdicts(outcomes) -> set[Verdict]:
    return {outcome.verdict for outcome in outcomes}


def small(rig) -> int:
    return min(4, rig.channel.caps.max_batch)


def reports(rig) -> None:
    """Leave the test unless the provider tells later what became of messages."""
    if rig.channel.caps.receipt in (ReceiptKind.NONE, ReceiptKind.TOTALS):
        pytest.skip("the provider reports nothing of anybody")


def assert_one_effect_each(rig, wire: WireRequest, addresses: list[str]) -> None:
    effects = rig.effects()
    assert Counter(effect.address_hash for effect in effects) == Counter(rig.hashes(addresses))
    assert {effect.key for effect in effects} == set(wire.keys)


def test_caps_say_which_abilities_there_are(rig):
    caps = rig.channel.caps
    assert isinstance(rig.channel, Reconcilable) == (caps.idempotency is Idempotency.QUERYABLE)
    assert isinstance(rig.channel, KeySource) == caps.keys_from_provider
    assert (caps.idempotency_window_s is not None) == (caps.idempotency is Idempotency.KEYED)
    assert caps.max_batch >= 1


async def test_building_is_a_function_of_the_batch(rig):
    batch = await rig.batch(small(rig))
    wire, again = rig.channel.build(batch), rig.make("other", "http://elsewhere").build(batch)
    assert wire == again
    assert wire.digest == again.digest
    assert WireRequest.load(wire.dump()) == wire
    assert wire.deliveries == tuple(target.delivery_id for target in batch.targets)


async def test_a_wire_request_holds_no_secret_and_shows_no_address(rig):
    wire = await rig.wire(1)
    assert SECRET.encode() not in wire.dump()
    assert rig.local(rig.addresses(1)[0]) not in repr(wire)
    assert rig.addresses(1)[0] not in repr(await rig.batch(1))


@pytest.mark.parametrize("count", [0, 1])
async def test_batches_beyond_the_caps_are_refused(rig, count):
    one = await rig.batch(1)
    targets = one.targets * (count * (rig.channel.caps.max_batch + 1))
    with pytest.raises(BatchRefusedError):
        rig.channel.build(type(one)(one.key, one.message, targets))


async def test_the_largest_batch_is_accepted_with_one_effect_each(rig):
    count = rig.channel.caps.max_batch
    wire = await rig.wire(count)
    outcomes = await rig.channel.submit(wire, TIMEOUT_S)
    assert verdicts(outcomes) == {Verdict.ACCEPTED}
    assert tuple(outcome.delivery_id for outcome in outcomes) == wire.deliveries
    assert {bool(outcome.message_id) for outcome in outcomes} == {rig.names_messages}
    assert_one_effect_each(rig, wire, rig.addresses(count))


async def test_without_a_connection_nothing_was_sent(rig, unused_tcp_port):
    wire = await rig.wire(1)
    channel = rig.make(SECRET, f"http://127.0.0.1:{unused_tcp_port}")
    outcomes = await channel.submit(wire, TIMEOUT_S)
    assert tuple(outcome.delivery_id for outcome in outcomes) == wire.deliveries
    assert {(each.verdict, each.reason) for each in outcomes} == {(Verdict.RETRY, "NOT_CONNECTED")}
    assert all(outcome.after_s > 0 for outcome in outcomes)


async def test_throttled_is_not_sent_and_waits_as_told(rig):
    wire = await rig.wire(small(rig))
    rig.suffer(Fault.THROTTLE, retry_after_s=7)
    outcomes = await rig.channel.submit(wire, TIMEOUT_S)
    assert {(outcome.verdict, outcome.after_s) for outcome in outcomes} == {(Verdict.RETRY, 7.0)}
    assert rig.effects() == []


@pytest.mark.parametrize("fault", AFTER)
async def test_sent_but_unanswered_resolves_to_exactly_one_effect(rig, fault):
    if fault is Fault.GARBAGE and rig.provider == "webhook":
        pytest.skip("any 2xx is a success, whatever the receiver writes below it")
    count = small(rig)
    wire = await rig.wire(count)
    rig.suffer(fault)
    assert verdicts(await rig.channel.submit(wire, TIMEOUT_S)) == {Verdict.UNKNOWN}
    rig.recover()
    stored = WireRequest.load(wire.dump())
    if isinstance(rig.channel, Reconcilable):
        submitted_at = rig.clock.moment()
        rig.settle()
        findings = await rig.channel.query(stored, submitted_at, TIMEOUT_S)
        assert [(each.delivery_id, each.found) for each in findings] == [
            (id_, Found.SENT) for id_ in wire.deliveries
        ]
        assert {each.status for each in findings} == {ReceiptStatus.DELIVERED}
    elif rig.channel.caps.idempotency is not Idempotency.NONE:
        rig.clock.at += (rig.channel.caps.idempotency_window_s or 0.0) * 0.8
        assert verdicts(await rig.channel.submit(stored, TIMEOUT_S)) == {Verdict.ACCEPTED}
    assert_one_effect_each(rig, wire, rig.addresses(count))


@pytest.mark.parametrize("fault", BEFORE)
async def test_neither_sent_nor_answered_resolves_without_a_loss(rig, fault):
    count = small(rig)
    wire = await rig.wire(count)
    rig.suffer(fault)
    assert verdicts(await rig.channel.submit(wire, TIMEOUT_S)) == {Verdict.UNKNOWN}
    rig.recover()
    if isinstance(rig.channel, Reconcilable):
        submitted_at = rig.clock.moment()
        rig.settle()
        findings = await rig.channel.query(wire, submitted_at, TIMEOUT_S)
        assert {each.found for each in findings} == {Found.ABSENT}
        wire = await rig.wire(count)
    if rig.channel.caps.idempotency is Idempotency.NONE:
        assert rig.effects() == []
        return  # nobody can know, so nobody may send again
    assert verdicts(await rig.channel.submit(wire, TIMEOUT_S)) == {Verdict.ACCEPTED}
    assert_one_effect_each(rig, wire, rig.addresses(count))


@pytest.mark.parametrize("seed", range(5))
async def test_everybody_gets_one_message_whatever_happens_in_between(rig, seed):
    """Deliver by the rules of the port alone, while the provider stumbles at every second call."""
    faults = [*AFTER, *BEFORE, Fault.PARTIAL, Fault.THROTTLE, Fault.TOKEN_EXPIRED]
    first = [Rule(fault, rig.provider, rig.action, rate=0.1, delay_s=0.02) for fault in faults[seed:]]
    then = [Rule(fault, rig.provider, rig.action, rate=0.1, delay_s=0.02) for fault in faults[:seed]]
    rig.sandbox.faults.replace((*first, *then))
    addresses = rig.addresses(small(rig))
    lost_sight: list[str] = []
    match rig.channel.caps.idempotency:
        case Idempotency.KEYED | Idempotency.REPLACING:
            await deliver_keyed(rig, addresses)
        case Idempotency.QUERYABLE:
            await deliver_queryable(rig, addresses)
        case Idempotency.NONE:
            lost_sight = await deliver_unprotected(rig, addresses)
    got, unsure = Counter(effect.address_hash for effect in rig.effects()), Counter(rig.hashes(lost_sight))
    assert got <= Counter(rig.hashes(addresses)) <= got + unsure


async def deliver_keyed(rig, addresses: list[str]) -> None:
    wire = await rig.wire(addresses=addresses)
    for _ in range(50):
        if verdicts(await rig.channel.submit(wire, TIMEOUT_S)) == {Verdict.ACCEPTED}:
            return
        rig.pause()
    pytest.fail("never accepted")


async def deliver_queryable(rig, addresses: list[str]) -> None:
    for _ in range(50):
        wire = await rig.wire(addresses=addresses)
        if verdicts(await rig.channel.submit(wire, TIMEOUT_S)) == {Verdict.ACCEPTED}:
            return
        submitted_at = rig.clock.moment()
        rig.settle()
        findings = await rig.channel.query(wire, submitted_at, TIMEOUT_S)
        addresses = [a for a, each in zip(addresses, findings, strict=True) if each.found is Found.ABSENT]
        if not addresses:
            return
    pytest.fail("never accepted")


async def deliver_unprotected(rig, addresses: list[str]) -> list[str]:
    """Who was never said to have or not to have a message: at most one was sent, and nobody sends another."""
    lost_sight = []
    for _ in range(50):
        outcomes = await rig.channel.submit(await rig.wire(addresses=addresses), TIMEOUT_S)
        said = [(a, each.verdict) for a, each in zip(addresses, outcomes, strict=True)]
        lost_sight += [address for address, verdict in said if verdict is Verdict.UNKNOWN]
        addresses = [address for address, verdict in said if verdict is Verdict.RETRY]
        if not addresses:
            return lost_sight
    pytest.fail("never accepted")


async def test_a_provider_that_breaks_in_the_middle_is_found_out(rig):
    count = small(rig)
    wire = await rig.wire(count)
    rig.suffer(Fault.PARTIAL, share=0.5)
    assert verdicts(await rig.channel.submit(wire, TIMEOUT_S)) == {Verdict.UNKNOWN}
    rig.recover()
    if isinstance(rig.channel, Reconcilable):
        submitted_at = rig.clock.moment()
        rig.settle()
        findings = await rig.channel.query(wire, submitted_at, TIMEOUT_S)
        assert [each.found for each in findings] == [Found.SENT, Found.SENT, Found.ABSENT, Found.ABSENT]
        assert len(rig.effects()) == 2
    elif rig.channel.caps.idempotency is not Idempotency.NONE:
        assert verdicts(await rig.channel.submit(wire, TIMEOUT_S)) == {Verdict.ACCEPTED}
        assert_one_effect_each(rig, wire, rig.addresses(count))


WORDS = [
    "a+b c&d=e~f%2F",
    "\"引号\" \\ 'x'",
    "换行\n制表\t",
    "😀👍🏽",
    "]]><x/>&amp;",
    "${thing}{{thing.DATA}}",
    "é ̈ ㎡",
]


@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
async def test_words_arrive_as_they_were_said(rig, words):
    message, text = rig.says(words)
    wire = await rig.wire(1, message)
    assert verdicts(await rig.channel.submit(wire, TIMEOUT_S)) == {Verdict.ACCEPTED}
    assert [effect.text for effect in rig.effects()] == [text] * len(wire.deliveries)


async def test_what_the_campaign_did_wrong_is_said_of_the_campaign(rig):
    outcomes = await rig.channel.submit(await rig.wire(small(rig), rig.bad_message), TIMEOUT_S)
    assert {(each.verdict, each.scope) for each in outcomes} == {(Verdict.REJECTED, Scope.CAMPAIGN)}
    assert rig.effects() == []


async def test_wrong_keys_are_said_of_the_account(rig):
    wire = await rig.wire(small(rig))
    channel = rig.make("wrong", rig.sandbox.url(rig.provider))
    outcomes = await channel.submit(wire, TIMEOUT_S)
    assert {(each.verdict, each.scope) for each in outcomes} == {(Verdict.REJECTED, Scope.ACCOUNT)}
    assert rig.effects() == []


async def test_a_stranger_is_said_of_the_recipient(rig):
    if not rig.stranger:
        pytest.skip("the provider takes every well-formed number")
    (outcome,) = await rig.channel.submit(await rig.wire(addresses=[rig.stranger]), TIMEOUT_S)
    assert (outcome.verdict, outcome.scope) == (Verdict.REJECTED, Scope.RECIPIENT)
    assert rig.effects() == []


async def test_receipts_come_back_to_their_targets(rig):
    reports(rig)
    count = small(rig)
    addresses = rig.addresses(count)
    wire = await rig.wire(count)
    outcomes = await rig.channel.submit(wire, TIMEOUT_S)
    receipts = []

    def all_there() -> bool:
        receipts[:] = [each for callback in rig.receiver.got for each in rig.channel.parse_receipts(callback)]
        return len(receipts) >= count

    await rig.receiver.wait(all_there)
    assert sorted(each.address for each in receipts) == sorted(addresses)
    assert {each.status for each in receipts} == {ReceiptStatus.DELIVERED}
    assert {each.message_id for each in receipts} == {each.message_id for each in outcomes}
    assert {each.at.timestamp() for each in receipts} == {rig.clock.at}
    assert len({each.dedupe_key for each in receipts}) == count
    assert all(each.address not in repr(each) for each in receipts)
    assert [each for callback in rig.receiver.got for each in rig.channel.parse_inbound(callback)] == []
    assert rig.sandbox.reports.given_up == 0


async def test_a_failure_and_what_people_do_come_back(rig):
    if not rig.tells_acts:
        pytest.skip("the provider does not tell what people do")
    reports(rig)
    wire = await rig.wire(1)
    rig.people.response = Response(reply="R", replied_after_s=3.0, clicked_after_s=2.0, delivered_after_s=1.0)
    await rig.channel.submit(wire, TIMEOUT_S)
    rig.clock.at += 5
    kinds = {
        "sms": InboundKind.OPT_OUT,
        "wechat": InboundKind.OPT_OUT,
        "push": InboundKind.CLICK,
        "email": InboundKind.OPT_OUT,
    }
    inbound = []

    def there() -> bool:
        inbound[:] = [each for callback in rig.receiver.got for each in rig.channel.parse_inbound(callback)]
        return bool(inbound)

    await rig.receiver.wait(there)
    assert inbound[0].kind is kinds[rig.channel.caps.contact_channel]
    assert inbound[0].address == rig.addresses(1)[0]


@pytest.mark.parametrize("body", [b"", b"\x00", b"{", b"<xml>", b'{"a": 1}', b"[1]", b"<xml><a/></xml>"])
async def test_an_unreadable_callback_is_said_to_be_so(rig, body):
    reports(rig)
    await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    await rig.receiver.wait(lambda: bool(rig.receiver.got))
    real = rig.receiver.got[0]
    broken = Callback("POST", real.raw_query, real.headers, body)
    try:
        assert rig.channel.parse_receipts(broken) == ()
    except CallbackMalformedError:
        with pytest.raises(CallbackMalformedError):
            rig.channel.parse_inbound(broken)


def test_a_message_that_cannot_be_sent_is_found_before(rig):
    assert rig.channel.validate(rig.message) == ()
    (first, *_) = rig.channel.validate(type(rig.message)(rig.message.message_class))
    assert first.hint
    assert json.dumps(first.reason).isupper()
