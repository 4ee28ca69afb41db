"""What only the WeChat channels do whose messages use up what a person allowed: notices and answers."""

from dataclasses import replace

import pytest
from activation.channels.port import InboundKind, Problem, ReceiptStatus, Scope, Verdict
from sandbox.responses import Response

TIMEOUT_S = 60.0
PERSON = "openid-0"


@pytest.fixture
def served():
    return ("wechat",)


@pytest.fixture
def strict(document):
    """Nobody has allowed anything yet."""
    document["wechat"]["subscription_templates"][0]["granted"] = 0
    document["wechat"]["answers"] = 0


@pytest.fixture
def act(sandbox):
    """act(**what the person does) as in the sandbox's People.act"""
    return lambda **asked: sandbox.act({"provider": "wechat", "account": "wx", "address": PERSON, **asked})


@pytest.fixture
def heard(rig):
    """await heard(count): what people did, when there are so many"""

    async def wait(count: int):
        found = []

        def there() -> bool:
            found[:] = [each for callback in rig.receiver.got for each in rig.channel.parse_inbound(callback)]
            return len(found) >= count

        await rig.receiver.wait(there)
        return found

    return wait


@pytest.mark.parametrize("rig", ["wechat_subscription"], indirect=True)
async def test_an_acceptance_is_a_grant_and_a_refusal_ends_them(strict, rig, act, heard):
    (refused,) = await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    assert (refused.verdict, refused.scope, refused.reason) == (Verdict.REJECTED, Scope.RECIPIENT, "43101")
    act(act="accept", template_id="S1")
    (grant,) = await heard(1)
    assert (grant.kind, grant.address, grant.template_id) == (InboundKind.GRANT, PERSON, "S1")
    assert (grant.grants, grant.ends_at) == (1, None)
    verdicts = [(await rig.channel.submit(await rig.wire(1), TIMEOUT_S))[0].verdict for _ in range(2)]
    assert verdicts == [Verdict.ACCEPTED, Verdict.REJECTED]
    act(act="refuse", template_id="S1")
    ended = (await heard(2))[-1]
    assert (ended.kind, ended.template_id, ended.grants) == (InboundKind.GRANTS_ENDED, "S1", 0)
    assert len({grant.dedupe_key, ended.dedupe_key}) == 2


@pytest.mark.parametrize("rig", ["wechat_subscription"], indirect=True)
async def test_a_receipt_names_no_message_only_its_person(rig):
    rig.people.response = Response(delivered=False, delivered_after_s=0.0, failure="refused")
    await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    await rig.receiver.wait(lambda: bool(rig.receiver.got))
    (receipt,) = rig.channel.parse_receipts(rig.receiver.got[0])
    assert (receipt.key, receipt.message_id, receipt.address) == ("", "", PERSON)
    assert (receipt.status, receipt.code) == (ReceiptStatus.FAILED, "1")


@pytest.mark.parametrize("rig", ["wechat_customer_service"], indirect=True)
async def test_who_writes_may_be_answered_for_two_days(strict, rig, act, heard):
    (refused,) = await rig.channel.submit(await rig.wire(1), TIMEOUT_S)
    assert (refused.verdict, refused.scope, refused.reason) == (Verdict.REJECTED, Scope.RECIPIENT, "45015")
    act(act="write", text="在吗")
    reply, grant = await heard(2)
    assert (reply.kind, grant.kind) == (InboundKind.REPLY, InboundKind.GRANT)
    assert (grant.grants, grant.template_id) == (5, "")
    assert grant.ends_at.timestamp() == rig.clock.at + 48 * 3_600
    outcomes = [(await rig.channel.submit(await rig.wire(1), TIMEOUT_S))[0] for _ in range(6)]
    assert [each.verdict for each in outcomes] == [Verdict.ACCEPTED] * 5 + [Verdict.REJECTED]
    assert outcomes[-1].reason == "45047"


@pytest.mark.parametrize("rig", ["wechat_customer_service"], indirect=True)
async def test_a_tap_allows_three_answers_in_a_minute_and_words_may_refuse_all(rig, act, heard):
    act(act="tap")
    act(act="write", text="退订")
    allowed = {each.kind: each for each in await heard(3)}
    assert {InboundKind.OPT_OUT, InboundKind.GRANT} == allowed.keys()
    tapped = next(each for each in await heard(3) if each.grants == 3)
    assert tapped.ends_at.timestamp() == rig.clock.at + 60


@pytest.mark.parametrize("rig", ["wechat_subscription"], indirect=True)
def test_what_of_a_notice_is_found_before_sending(rig):
    def found(**parameters: str) -> list[str]:
        problems: tuple[Problem, ...] = rig.channel.validate(replace(rig.message, parameters=parameters))
        return [f"{each.field} {each.reason}" for each in problems]

    assert found(thing1="长" * 20, date2="2026年11月11日", character_string3="x" * 32) == []
    assert found(thing1="长" * 21) == ["parameters.thing1 PARAMETER_TOO_LONG"]
    assert found(first="x") == ["parameters.first PARAMETER_UNKNOWN"]
