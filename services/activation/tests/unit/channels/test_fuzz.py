"""Whatever is pushed at us, a callback is read, refused as forged or refused as malformed."""

import contextlib
import hashlib
import json

import pytest
from activation.channels.aliyun_sms import callbacks as aliyun
from activation.channels.getui import callbacks as getui
from activation.channels.jpush import callbacks as jpush
from activation.channels.port import CallbackForgedError, CallbackMalformedError
from activation.channels.tencent_sms import callbacks as tencent
from activation.channels.wechat_customer_service import callbacks as wechat_answers
from activation.channels.wechat_mass import callbacks as wechat_mass
from activation.channels.wechat_subscription import callbacks as wechat_notices
from activation.channels.wechat_template import callbacks as wechat
from activation.channels.wire import Callback
from hypothesis import given
from hypothesis import strategies as st

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = (
    leaves
    | st.lists(leaves, max_size=2)
    | st.sampled_from([4, 6, 10**18, -(10**18), "9" * 30, "²", "\ud800", "+\udfff"])
)
SMS = {
    "phone_number": "13800000001",
    "report_time": "2026-01-31 08:00:00",
    "send_time": "2026-01-31 08:00:00",
    "success": True,
    "err_code": "DELIVERED",
    "biz_id": "1^0",
    "out_id": "b1",
    "content": "R",
}
TENCENT = {
    "user_receive_time": "2026-01-31 08:00:00",
    "nationcode": "86",
    "mobile": "13800000001",
    "report_status": "SUCCESS",
    "errmsg": "DELIVRD",
    "sid": "1:2",
    "text": "R",
    "time": 1_700_000_000,
}
PUSH = {"type": 4, "msgid": "1", "registration_id": "r", "time": 1_700_000_000_000}
EVENT = {
    "Event": "TEMPLATESENDJOBFINISH",
    "FromUserName": "o",
    "CreateTime": "1700000000",
    "MsgID": "1",
    "Status": "success",
    "MsgType": "event",
    "Content": "R",
}
ENTRY = {
    "TemplateId": "t",
    "SubscribeStatusString": "accept",
    "MsgID": "1",
    "ErrorCode": "0",
}


def spoilt(
    entry: dict[str, object], spoiling: st.SearchStrategy[object]
) -> st.SearchStrategy[dict[str, object]]:
    """A real entry in which some fields are replaced or gone."""
    names = list(entry)
    return st.builds(
        lambda changed, gone: {name: each for name, each in (entry | changed).items() if name not in gone},
        st.dictionaries(st.sampled_from(names), spoiling, max_size=2),
        st.sets(st.sampled_from(names), max_size=1),
    )


def read(module, callback: Callback) -> None:
    for parse in filter(None, (getattr(module, "receipts", None), module.inbound)):
        try:
            parse(callback)
        except CallbackMalformedError:
            continue


@given(entries=st.lists(spoilt(SMS, values) | leaves, max_size=3) | leaves)
def test_sms(entries):
    read(aliyun, Callback("POST", "", {}, json.dumps(entries).encode()))


@given(entries=st.lists(spoilt(TENCENT, values) | leaves, max_size=3) | spoilt(TENCENT, values) | leaves)
def test_tencent_sms(entries):
    read(tencent, Callback("POST", "", {}, json.dumps(entries).encode()))


@given(entries=st.lists(spoilt(PUSH, values) | leaves, max_size=3) | leaves)
def test_push(entries):
    read(jpush, Callback("POST", "", {}, json.dumps(entries).encode()))


WECHAT = [
    "unsubscribe",
    "text",
    "CLICK",
    "reject",
    "subscribe_msg_popup_event",
    "subscribe_msg_change_event",
    "subscribe_msg_sent_event",
]
spoiled_texts = st.text(max_size=20) | st.sampled_from([*WECHAT, "9" * 30, "²", ""])


def xml(fields: dict[str, object]) -> str:
    return "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())


@given(fields=spoilt(EVENT, spoiled_texts), entries=st.lists(spoilt(ENTRY, spoiled_texts), max_size=2))
def test_event(fields, entries):
    lists = "".join(f"<List>{xml(entry)}</List>" for entry in entries)
    body = f"<xml>{xml(fields)}<SubscribeMsgEvent>{lists}</SubscribeMsgEvent></xml>"
    for module in (wechat, wechat_notices, wechat_mass, wechat_answers):
        read(module, Callback("POST", "", {}, body.encode("utf-8", "replace")))


@pytest.mark.parametrize("module", [aliyun, jpush, tencent, wechat], ids=lambda module: module.__name__)
@given(body=st.binary(max_size=100))
def test_bytes(module, body):
    read(module, Callback("POST", "", {}, body))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b'["\xed\xa0\x80"]'])
def test_what_is_nested_too_deep_and_what_is_no_text(body):
    callback = Callback("POST", "", {}, body)
    for module in (aliyun, tencent, jpush):
        with pytest.raises(CallbackMalformedError):
            module.receipts(callback)
    with pytest.raises(CallbackMalformedError):
        getui.authentic(callback, "secret")


LINE = {
    "appid": "gt",
    "cid": "c",
    "taskid": "t",
    "msgid": "m",
    "code": "200",
    "sign": hashlib.md5(b"gtctmsecret").hexdigest(),
    "recvtime": 1_700_000_000_000,
}


@given(lines=st.lists(spoilt(LINE, values) | leaves, max_size=3), junk=st.binary(max_size=10))
def test_lines(lines, junk):
    body = b"\n".join([*(json.dumps(line).encode() for line in lines), junk])
    with contextlib.suppress(CallbackForgedError, CallbackMalformedError):
        getui.receipts(getui.authentic(Callback("POST", "", {}, body), "secret"))
