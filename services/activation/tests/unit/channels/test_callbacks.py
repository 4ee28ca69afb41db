"""Callbacks as the providers' documentation shows them."""

import json
from datetime import UTC, datetime

import pytest
from activation.channels.aliyun_sms import callbacks as aliyun
from activation.channels.port import CallbackMalformedError, InboundKind, ReceiptStatus
from activation.channels.wechat_mass import callbacks as mass
from activation.channels.wechat_subscription import callbacks as notices
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


POPUP = """<xml><ToUserName><![CDATA[gh_123456789abc]]></ToUserName>
<FromUserName><![CDATA[otFpruAK8D-E6EfStSYonYSBZ8_4]]></FromUserName><CreateTime>1610969440</CreateTime>
<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{event}]]></Event><{outer}>
<List><TemplateId><![CDATA[T1]]></TemplateId><SubscribeStatusString><![CDATA[accept]]></SubscribeStatusString>
<PopupScene>2</PopupScene></List>
<List><TemplateId><![CDATA[T2]]></TemplateId><SubscribeStatusString><![CDATA[reject]]></SubscribeStatusString>
<PopupScene>2</PopupScene></List></{outer}></xml>"""


@pytest.mark.parametrize(
    ("event", "kind", "template", "grants"),
    [
        ("subscribe_msg_popup_event", InboundKind.GRANT, "T1", 1),
        ("subscribe_msg_change_event", InboundKind.GRANTS_ENDED, "T2", 0),
    ],
)
def test_what_a_person_answers_when_asked_for_notices(event, kind, template, grants):
    """A refusal when asked takes back nothing; one in the settings takes back all."""
    (inbound,) = notices.inbound(post(POPUP.format(event=event, outer="SubscribeMsgPopupEvent")))
    assert (inbound.kind, inbound.template_id, inbound.grants) == (kind, template, grants)
    assert inbound.address == "otFpruAK8D-E6EfStSYonYSBZ8_4"
    assert inbound.at == datetime(2021, 1, 18, 11, 30, 40, tzinfo=UTC)


def test_words_that_look_like_declarations_are_words():
    said = EVENT.format(status="success").replace("gh_7f083739789a", "<!ENTITY a>")
    (receipt,) = wechat.receipts(post(said))
    assert receipt.message_id == "200163836"


MASS = """<xml><FromUserName><![CDATA[mphelper]]></FromUserName><CreateTime>1394524295</CreateTime>
<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[MASSSENDJOBFINISH]]></Event><MsgID>1988</MsgID>
<Status><![CDATA[{status}]]></Status><TotalCount>100</TotalCount><FilterCount>80</FilterCount>
<SentCount>{sent}</SentCount><ErrorCount>5</ErrorCount></xml>"""


@pytest.mark.parametrize(
    ("status", "sent", "told"),
    [
        ("send success", 100, [ReceiptStatus.DELIVERED]),
        ("sendsuccess", 99, []),
        ("send success", "²", []),
        ("err(10001)", 0, [ReceiptStatus.FAILED]),
    ],
)
def test_the_end_of_a_mass_message_tells_only_what_is_true_of_all(status, sent, told):
    receipts = mass.receipts(post(MASS.format(status=status, sent=sent)))
    assert [each.status for each in receipts] == told
    assert all((each.address, each.message_id) == ("", "1988") for each in receipts)
