"""What is no answer says nothing of a message, and what is no token sends none: no channel raises for either."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from activation.channels.port import Batch, Found, Reconcilable, Target, Verdict
from activation.channels.transport import HttpReply
from channel_rigs import KINDS
from channel_rigs.kind import SECRET, Means

AT = datetime(2026, 1, 5, 4, tzinfo=UTC)
TOKENS = ("/token", "/auth", "/stable_token")
OVER_HTTP = sorted(KINDS.keys() - {"apns", "email", "webhook"})
WITH_TOKENS = sorted(name for name in OVER_HTTP if name.startswith(("wechat", "getui", "fcm")))
ODD = [
    b"",
    b"[]",
    b"{}",
    b"null",
    b"\xff",
    b"[" * 100_000,
    b'{"Response": null}',
    b'{"Response": {"SendStatusSet": [1], "PullSmsSendStatusSet": [1]}}',
    b'{"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": [1]}}',
    b'{"errcode": "0"}',
    b'{"code": "0", "error": 1, "data": 1}',
    b'{"k0": {}, "k1": {}}',
]


def grant(**changed: object) -> bytes:
    """Of each provider the part that it would say."""
    said = {"access_token": "t", "expires_in": 7_200, "code": 0}
    ends_ms = str(int((AT + timedelta(hours=2)).timestamp() * 1_000))
    return json.dumps({**said, "data": {"token": "t", "expire_time": ends_ms}, **changed}).encode()


class Line:
    """Gives tokens, and answers everything else alike."""

    def __init__(self, answer: bytes, given: bytes) -> None:
        self._answer = answer
        self._given = given
        self.sent = 0

    async def send(self, method: str, url: str, *_: object) -> HttpReply:
        if url.endswith(TOKENS):
            return HttpReply(200, {}, self._given)
        self.sent += 1
        return HttpReply(200, {}, self._answer)


def channel_and_wire(name: str, line: Line):
    kind = KINDS[name]
    channel = kind.make(Means(line, lambda: AT, lambda: "nonce"), SECRET, "http://provider.invalid")
    count = max(2, channel.caps.min_batch) if channel.caps.max_batch > 1 else 1
    message, _ = kind.says("1234")
    targets = tuple(Target(f"d{at}", f"k{at}", each) for at, each in enumerate(kind.addresses(count)))
    return channel, channel.build(Batch("k0", message, targets))


@pytest.mark.parametrize("name", OVER_HTTP)
@pytest.mark.parametrize("answer", ODD, ids=range(len(ODD)))
async def test_an_odd_answer_leaves_everybody_unknown(name, answer):
    channel, wire = channel_and_wire(name, Line(answer, grant()))
    if name.startswith("aliyun") and b"OK" in answer:
        pytest.skip("Aliyun's Code alone is its word for a submission")
    outcomes = await channel.submit(wire, 1.0)
    assert {each.verdict for each in outcomes} == {Verdict.UNKNOWN}
    if isinstance(channel, Reconcilable):
        findings = await channel.query(wire, AT, 5.0)
        assert {each.found for each in findings} == {Found.UNANSWERED}


@pytest.mark.parametrize("name", WITH_TOKENS)
@pytest.mark.parametrize("token", ["", "t\r\nx: y", "词", 1])
async def test_what_no_header_can_carry_is_no_token(name, token):
    given = grant(access_token=token, data={"token": token, "expire_time": "1767600000000"})
    line = Line(b"{}", given)
    channel, wire = channel_and_wire(name, line)
    outcomes = await channel.submit(wire, 1.0)
    assert ({each.verdict for each in outcomes}, line.sent) == ({Verdict.RETRY}, 0)


@pytest.mark.parametrize("name", WITH_TOKENS)
@pytest.mark.parametrize("lasts", [float("inf"), float("nan"), 10**400, 1e15, -1])
async def test_whatever_time_a_token_is_said_to_last_it_is_used(name, lasts):
    line = Line(b"{}", grant(expires_in=lasts))
    channel, wire = channel_and_wire(name, line)
    assert {each.verdict for each in await channel.submit(wire, 1.0)} == {Verdict.UNKNOWN}
    assert line.sent == 1


async def test_a_time_of_getui_s_beyond_all_calendars_gives_no_token():
    line = Line(b"{}", grant(data={"token": "t", "expire_time": "9" * 400}))
    channel, wire = channel_and_wire("getui", line)
    assert {each.verdict for each in await channel.submit(wire, 1.0)} == {Verdict.RETRY}
    assert line.sent == 0
