"""Tencent Cloud SMS on paper: golden signatures, answers that say less than they should, callbacks as documented."""

import asyncio
import contextlib
import json
from datetime import UTC, datetime

import pytest
from activation.channels.port import (
    Batch,
    CallbackMalformedError,
    InboundKind,
    Message,
    MessageClass,
    ReceiptStatus,
    Target,
    Verdict,
)
from activation.channels.tencent_sms import callbacks
from activation.channels.tencent_sms.channel import TencentSmsAccount, TencentSmsChannel
from activation.channels.tencent_sms.pace import ALLOWED_PER_S, AT_ONCE, Pace
from activation.channels.tencent_sms.signing import signature, signed_headers
from activation.channels.transport import Transport
from activation.channels.wire import Callback

AT = datetime(2026, 1, 1, tzinfo=UTC)
REPORT = {
    "user_receive_time": "2015-10-17 08:03:04",
    "nationcode": "86",
    "mobile": "13800000001",
    "report_status": "SUCCESS",
    "errmsg": "DELIVRD",
    "description": "用户短信送达成功",
    "sid": "5000:1045710669157053657849499619",
}
REPLY = {
    "extend": "",
    "mobile": "13800000001",
    "nationcode": "86",
    "sign": "华象",
    "text": "R",
    "time": 1457336869,
}


def headers(**changed: object) -> dict[str, str]:
    parts = {
        "secret_id": "testid",
        "secret": "testsecret",
        "host": "sms.tencentcloudapi.com",
        "action": "SendSms",
        "region": "ap-guangzhou",
        "body": b'{"PhoneNumberSet":["+8613800000001"]}',
        "at": AT,
    }
    return signed_headers(**{**parts, **changed})


def test_the_golden_vector():
    """Computed with the sign.py of Tencent's SDK."""
    assert headers()["authorization"] == (
        "TC3-HMAC-SHA256 Credential=testid/2026-01-01/sms/tc3_request, SignedHeaders=content-type;host, "
        "Signature=1fb52d5d21f913707c3026001baeeeede9b464068508052030fc1921d6a50052"
    )


def test_body_host_secret_and_second_are_signed():
    changes = ({"secret": "x"}, {"host": "x"}, {"body": b"x"}, {"at": AT.replace(second=1)}, {})
    assert len({headers(**changed)["authorization"] for changed in changes}) == len(changes)


def test_the_key_is_of_the_day_in_utc():
    late = datetime.fromisoformat("2026-01-02T07:59:59+08:00")
    assert "/2026-01-01/" in headers(at=late)["authorization"]
    assert signature("s", "h", b"", late) == signature("s", "h", b"", late.astimezone(UTC))


@contextlib.asynccontextmanager
async def answering(content: object):
    """A provider that gives one answer to everything."""
    body = json.dumps(content).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Transport() as transport:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield TencentSmsChannel(TencentSmsAccount("id", "secret", "14"), transport, lambda: AT, url)


async def outcomes(content: object):
    message = Message(MessageClass.TRANSACTIONAL, "1001", "华象")
    targets = tuple(Target(f"d{at}", "k", f"+861380000000{at}") for at in range(3))
    async with answering(content) as channel:
        return await channel.submit(channel.build(Batch("k", message, targets)), 5.0)


async def test_answers_are_matched_by_number_and_who_is_not_named_is_unknown():
    statuses = [
        {"PhoneNumber": "+8613800000002", "Code": "InternalError.Timeout", "SerialNo": ""},
        {"PhoneNumber": "+8613800000000", "Code": "Ok", "SerialNo": "s0"},
    ]
    said = await outcomes({"Response": {"SendStatusSet": statuses, "RequestId": "r"}})
    assert [(each.verdict, each.reason, each.message_id) for each in said] == [
        (Verdict.ACCEPTED, "", "s0"),
        (Verdict.UNKNOWN, "UNREADABLE", ""),
        (Verdict.UNKNOWN, "InternalError.Timeout", ""),
    ]


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"Response": None},
        {"Response": {}},
        {"Response": {"Error": "x"}},
        {"Response": {"SendStatusSet": [1]}},
        {"Response": {"SendStatusSet": [{"PhoneNumber": "+8613800000000", "Code": ["Ok"]}]}},
    ],
)
async def test_answers_that_cannot_be_read_leave_everything_unknown(content):
    assert {each.verdict for each in await outcomes(content)} == {Verdict.UNKNOWN}


def post(content: object) -> Callback:
    return Callback("POST", "", {}, json.dumps(content).encode())


def test_a_report():
    (receipt,) = callbacks.receipts(post([REPORT]))
    assert (receipt.key, receipt.message_id) == ("", "5000:1045710669157053657849499619")
    assert (receipt.address, receipt.status) == ("+8613800000001", ReceiptStatus.DELIVERED)
    assert receipt.at == datetime(2015, 10, 17, 0, 3, 4, tzinfo=UTC)
    assert callbacks.inbound(post([REPORT])) == ()


@pytest.mark.parametrize(("code", "unreachable"), [("MK:0001", True), ("UNDELIV", False), ("EXPIRED", False)])
def test_a_failed_report_says_whether_the_number_is_dead(code, unreachable):
    (receipt,) = callbacks.receipts(post([REPORT | {"report_status": "FAIL", "errmsg": code}]))
    assert (receipt.status, receipt.code, receipt.unreachable) == (ReceiptStatus.FAILED, code, unreachable)


@pytest.mark.parametrize(("words", "kind"), [("退订", InboundKind.OPT_OUT), ("好的", InboundKind.REPLY)])
def test_a_reply_comes_alone(words, kind):
    (inbound,) = callbacks.inbound(post(REPLY | {"text": words}))
    assert (inbound.kind, inbound.address) == (kind, "+8613800000001")
    assert inbound.at == datetime(2016, 3, 7, 7, 47, 49, tzinfo=UTC)
    assert callbacks.receipts(post(REPLY)) == ()


@pytest.mark.parametrize("lacking", ["mobile", "nationcode", "user_receive_time", "errmsg", "report_status"])
def test_a_report_that_lacks_something_is_malformed(lacking):
    entry = {name: value for name, value in REPORT.items() if name != lacking}
    with pytest.raises(CallbackMalformedError, match=lacking):
        callbacks.receipts(post([entry]))


def test_no_second_holds_more_questions_than_tencent_answers():
    pace = Pace()
    asked_s = [now_s + pace.turn(now_s) for now_s in [0.0] * 60 + [3.0] * 60 + [100.0] * 60]
    assert asked_s[:AT_ONCE] == [0.0] * AT_ONCE
    busiest = max(sum(start <= each < start + 1.0 for each in asked_s) for start in asked_s)
    assert busiest <= ALLOWED_PER_S
    assert asked_s[120:][:AT_ONCE] == [100.0] * AT_ONCE
    assert max(asked_s[:60]) < 4.0
