"""Whatever is pushed through them, the stand-ins for Getui, FCM and APNs answer."""

import json

from hypothesis import given
from hypothesis import strategies as st
from sandbox.apns import requests as apns
from sandbox.apns.settings import Key
from sandbox.fcm import requests as fcm
from sandbox.getui import requests as getui
from sandbox.provider import Call, Refusal

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
values = leaves | st.lists(leaves, max_size=2) | st.dictionaries(st.text(max_size=4), leaves, max_size=2)
NOTIFICATION = {"title": "t", "body": "b", "click_type": "url", "url": "https://x"}
SINGLE = {
    "request_id": "r" * 10,
    "audience": {"cid": ["c"]},
    "settings": {"ttl": 1},
    "push_message": {"notification": NOTIFICATION},
    "push_channel": {"android": {"ups": {"notification": NOTIFICATION, "options": {"VV": {}}}}},
}
MESSAGE = {
    "token": "t",
    "notification": {"body": "b"},
    "data": {"a": "1"},
    "android": {"ttl": "1s", "notification": {"tag": "d"}},
    "apns": {"headers": {"apns-collapse-id": "d"}},
}
HEADERS = {
    "apns-topic": "shop",
    "apns-push-type": "alert",
    "apns-expiration": "1",
    "apns-priority": "10",
    "apns-id": "",
    "apns-collapse-id": "d",
}


def spoilt(content: object, spoiling: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """A real request in which one part, however deep, is another or gone."""
    if not isinstance(content, dict):
        return spoiling
    one = [
        spoilt(part, spoiling).map(lambda changed, name=name: {**content, name: changed})
        for name, part in content.items()
    ]
    gone = [st.just({name: part for name, part in content.items() if name != each}) for each in content]
    return st.one_of(st.just(content), spoiling, *one, *gone)


def tried(reading, *arguments: object) -> None:
    """Read, or be refused with an answer that puts the fault on the customer."""
    status = 200
    try:
        reading(*arguments)
    except Refusal as refusal:
        status = refusal.reply.status
    assert 200 <= status < 500


@given(asked=spoilt(SINGLE, values))
def test_getui(asked):
    if isinstance(asked, dict):
        tried(getui.read_single, asked)
    tried(getui.read_batch, {"msg_list": [asked]})
    getui.count_batch(json.dumps({"msg_list": asked}).encode())


@given(asked=spoilt({"message": MESSAGE}, values) | st.binary(max_size=8))
def test_fcm(asked):
    body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    tried(fcm.read_message, Call("POST", "/", "", {}, body))


@given(
    headers=spoilt(HEADERS, st.text(max_size=8)),
    body=spoilt({"aps": {"alert": {"body": "b"}}}, values) | st.binary(max_size=8),
    device=st.just("1" * 64) | st.text(max_size=8),
)
def test_apns(headers, body, device):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    key = Key("TEAM", "K1", "", frozenset({"shop"}))
    tried(
        apns.read,
        Call("POST", f"/3/device/{device}", "", headers if isinstance(headers, dict) else {}, raw),
        key,
    )
