"""Callbacks as the providers' documentation shows them."""

import json
from datetime import UTC, datetime

import pytest
from activation.channels.aliyun_sms import callbacks as aliyun
from activation.channels.port import CallbackMalformedError, InboundKind, ReceiptStatus
from activation.channels.wechat_template import callbacks as wechat
from activation.channels.wire import Callback, WireRequest

REPORT = {
    "phone_number": "18612345678",
    "send_time": "2017-08-30 00:00:00",
    "report_time": "2017-08-30 00:00:00",
    "success": True,
    "err_code": "DELIVERED",
    "err_msg": "用户接收成功",
    "sms_size": "1",
    "biz_id": "932702304080415357^0",
    "out_id": "1184585343",
}
UP = {
    "phone_number": "8618612345678",
    "send_time": "2017-09-01 11:12:13",
    "content": "R",
    "sign_name": "华象",
    "dest_code": "1000",
    "sequence_id": 1234567890,
}
EVENT = """<xml><ToUserName><![CDATA[gh_7f083739789a]]></ToUserName>
<FromUserName><![CDATA[oia2TjuEGTNoeX76QEjQNrcURxG8]]></FromUserName><CreateTime>1395658920</CreateTime>
<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[TEMPLATESENDJOBFINISH]]></Event><MsgID>200163836</MsgID>
<Status><![CDATA[{status}]]></Status></xml>"""


def post(content: object) -> Callback:
    body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    return Callback("POST", "", {}, body)


def test_sms_report():
    (receipt,) = aliyun.receipts(post([REPORT]))
    assert (receipt.key, receipt.message_id) == ("1184585343", "932702304080415357^0")
    assert receipt.address == "+8618612345678"
    assert (receipt.status, receipt.code) == (ReceiptStatus.DELIVERED, "DELIVERED")
    assert receipt.at == datetime(2017, 8, 29, 16, tzinfo=UTC)
    assert aliyun.inbound(post([REPORT])) == ()


def test_the_same_report_has_the_same_dedupe_key_and_another_number_another():
    first, again, other = aliyun.receipts(post([REPORT, REPORT, REPORT | {"phone_number": "18612345679"}]))
    assert first.dedupe_key == again.dedupe_key != other.dedupe_key
    (failed,) = aliyun.receipts(post([REPORT | {"success": False}]))
    assert failed.dedupe_key not in {first.dedupe_key, other.dedupe_key}


@pytest.mark.parametrize(("code", "unreachable"), [("MOBILE_NOT_ON_SERVICE", True), ("NO_ROUTE", False)])
def test_a_failed_report_says_whether_the_number_is_dead(code, unreachable):
    (receipt,) = aliyun.receipts(post([REPORT | {"success": False, "err_code": code}]))
    assert (receipt.status, receipt.unreachable) == (ReceiptStatus.FAILED, unreachable)


@pytest.mark.parametrize("content", ["R", "r", " TD ", "T", "N", "退订", "0000"])
def test_these_replies_are_opt_outs(content):
    (inbound,) = aliyun.inbound(post([UP | {"content": content}]))
    assert (inbound.kind, inbound.address) == (InboundKind.OPT_OUT, "+8618612345678")


@pytest.mark.parametrize("content", ["好的", "Right", "", "不退订"])
def test_other_replies_are_not(content):
    (inbound,) = aliyun.inbound(post([UP | {"content": content}]))
    assert inbound.kind is InboundKind.REPLY


@pytest.mark.parametrize("lacking", ["phone_number", "report_time", "err_code"])
def test_a_report_that_lacks_something_is_malformed(lacking):
    entry = {name: value for name, value in REPORT.items() if name != lacking}
    with pytest.raises(CallbackMalformedError, match=lacking):
        aliyun.receipts(post([entry]))


@pytest.mark.parametrize(
    ("status", "expected", "unreachable"),
    [
        ("success", ReceiptStatus.DELIVERED, False),
        ("failed:user block", ReceiptStatus.FAILED, True),
        ("failed: system failed", ReceiptStatus.FAILED, False),
        ("failed:freq limit", ReceiptStatus.FAILED, False),
    ],
)
def test_the_end_of_a_template_message(status, expected, unreachable):
    (receipt,) = wechat.receipts(post(EVENT.format(status=status)))
    assert (receipt.message_id, receipt.address) == ("200163836", "oia2TjuEGTNoeX76QEjQNrcURxG8")
    assert (receipt.status, receipt.unreachable, receipt.code) == (expected, unreachable, status)
    assert receipt.at == datetime(2014, 3, 24, 11, 2, tzinfo=UTC)


def test_entities_are_refused_unread():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><xml><Event>&b;</Event></xml>'
    with pytest.raises(CallbackMalformedError, match="entities"):
        wechat.receipts(post(bomb))


@pytest.mark.parametrize("stored", [b"", b"[]", b"{}", b'{"format": 2}'])
def test_stored_bytes_of_another_kind_are_refused(stored):
    with pytest.raises(ValueError, match=r".+"):
        WireRequest.load(stored)
