"""Whatever comes over the wire, a provider answers; it never falls over."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox.main import build
from sandbox.provider import Call, Provider, Refusal
from sandbox.server import Sandbox
from sandbox.settings import read

SETTINGS = {
    "aliyun_sms": {
        "accounts": [{"access_key_id": "ak", "access_key_secret": "s"}],
        "signs": [{"name": "华象"}],
        "templates": [{"code": "SMS_1", "kind": "notice", "content": "${thing}"}],
    },
    "tencent_sms": {
        "apps": [{"secret_id": "id", "secret_key": "s", "sdk_app_id": "14"}],
        "signs": [{"name": "华象"}],
        "templates": [{"template_id": "1", "kind": "notice", "content": "{1}"}],
    },
    "wechat": {
        "accounts": [{"appid": "wx", "secret": "s"}],
        "templates": [{"template_id": "T1", "content": "{{thing.DATA}}"}],
        "subscription_templates": [{"template_id": "T1", "content": "{{thing.DATA}}", "granted": 10000}],
        "articles": [{"media_id": "T1", "content": "x"}],
        "answers": 10000,
    },
    "jpush": {"apps": [{"app_key": "jp", "master_secret": "s"}], "calls_per_minute": 1_000_000},
}
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
values = st.recursive(
    leaves | st.sampled_from(["T1", "jp", "all", "openid"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
WECHAT = {
    "touser": "o1",
    "template_id": "T1",
    "data": {"thing": {"value": "x"}},
    "client_msg_id": "d",
    "grant_type": "client_credential",
    "appid": "wx",
    "secret": "s",
    "force_refresh": False,
    "msgtype": "text",
    "text": {"content": "x"},
    "mpnews": {"media_id": "T1"},
    "clientmsgid": "k",
    "lang": "zh_CN",
    "miniprogram_state": "formal",
}
PUSH = {
    "platform": "all",
    "audience": {"registration_id": ["r"]},
    "notification": {"alert": "x", "android": {"alert": "y"}, "ios": {}},
    "message": {"msg_content": "x"},
    "options": {"time_to_live": 1, "sendno": 2},
    "cid": "",
}
TENCENT = {
    "PhoneNumberSet": ["+8613800000001"],
    "SmsSdkAppId": "14",
    "SignName": "华象",
    "TemplateId": "1",
    "TemplateParamSet": ["x"],
    "SessionContext": "b",
}
PULL = {"PhoneNumber": "+8613800000001", "SmsSdkAppId": "14", "BeginTime": 2**31, "Offset": 0, "Limit": 9}
SEND = {
    "PhoneNumbers": "13800000001",
    "TemplateParam": '{"thing": "x"}',
    "PhoneNumberJson": '["13800000001"]',
    "SignNameJson": '["华象"]',
    "TemplateParamJson": '[{"thing": "x"}]',
    "TemplateCode": "SMS_1",
    "SignName": "华象",
    "PhoneNumber": "13800000001",
    "SendDate": "20260611",
    "PageSize": "50",
    "CurrentPage": "1",
}


def spoilt(
    content: dict[str, object], spoiling: st.SearchStrategy[object]
) -> st.SearchStrategy[dict[str, object]]:
    """A real request in which some fields are replaced or gone."""
    names = list(content)
    return st.builds(
        lambda changed, gone: {name: each for name, each in (content | changed).items() if name not in gone},
        st.dictionaries(st.sampled_from(names), spoiling, max_size=2),
        st.sets(st.sampled_from(names), max_size=1),
    )


wechat_bodies = spoilt(WECHAT, values)
jpush_bodies = spoilt(PUSH, values) | st.fixed_dictionaries(
    {"pushlist": st.dictionaries(st.text(max_size=4), spoilt(PUSH | {"target": "r"}, values) | values)}
)
aliyun_forms = spoilt(SEND, st.text(max_size=6) | st.builds(json.dumps, values) | st.just("²"))


@pytest.fixture(scope="module")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Provider]:
    import asyncio

    async def make(folder: Path) -> Sandbox:
        return build(read(SETTINGS), folder)

    sandbox = asyncio.run(make(tmp_path_factory.mktemp("fuzz")))
    yield lambda name: next(each for each in sandbox._providers if each.name == name)
    asyncio.run(sandbox.close())


def handle(provider: Provider, call: Call) -> None:
    provider.action(call)
    provider.recipients(call)
    try:
        reply = provider.handle(call)
    except Refusal as refusal:
        reply = refusal.reply
    assert 200 <= reply.status < 500


@given(body=wechat_bodies | st.binary(max_size=20), path=st.sampled_from(["/cgi-bin/stable_token", "/x"]))
def test_wechat_tokens(providers, body, path):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    handle(providers("wechat"), Call("POST", path, "", {}, raw))


@given(
    body=wechat_bodies | st.binary(max_size=20),
    how=st.sampled_from(["template/send", "subscribe/bizsend", "custom/send", "mass/send"]),
)
def test_wechat_messages(providers, body, how):
    provider = providers("wechat")
    ask = {"grant_type": "client_credential", "appid": "wx", "secret": "s"}
    answer = provider.handle(Call("POST", "/cgi-bin/stable_token", "", {}, json.dumps(ask).encode()))
    query = f"access_token={json.loads(answer.body)['access_token']}"
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    handle(provider, Call("POST", f"/cgi-bin/message/{how}", query, {}, raw))


@given(
    body=jpush_bodies | st.binary(max_size=20),
    path=st.sampled_from(["/v3/push", "/v3/push/batch/regid/single", "/v3/push/cid"]),
    query=st.text(max_size=12),
    proof=st.sampled_from(["jp:s", "jp:x", "x", "\x00"]),
)
def test_jpush(providers, body, path, query, proof):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"authorization": f"Basic {base64.b64encode(proof.encode()).decode()}"}
    handle(providers("jpush"), Call("POST", path, f"count={query}", headers, raw))


@given(
    asked=spoilt(TENCENT, values) | spoilt(PULL, values | st.just("²")) | st.binary(max_size=20),
    pulls=st.booleans(),
)
def test_tencent_behind_the_gate(providers, asked, pulls):
    """Past the signature, which other tests check."""
    provider = providers("tencent_sms")
    (app,) = provider._settings.apps.values()
    body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    call = Call("POST", "/", "", {}, body)
    provider.recipients(call)
    try:
        reply = provider._pull(call, app) if pulls else provider._send(call, app)
    except Refusal as refusal:
        reply = refusal.reply
    assert reply.status == 200


@given(
    headers=st.dictionaries(
        st.sampled_from(["authorization", "x-tc-timestamp", "host", "x-tc-version"]), st.text()
    )
)
def test_tencent_at_the_gate(providers, headers):
    handle(providers("tencent_sms"), Call("POST", "/", "a=%zz&&=", headers, b"\xff"))


@given(asked=aliyun_forms, action=st.sampled_from(["SendSms", "SendBatchSms", "QuerySendDetails", "x"]))
def test_aliyun_behind_the_gate(providers, asked, action):
    """Past the signature, which other tests check."""
    from urllib.parse import urlencode

    from sandbox.aliyun_sms import requests

    provider = providers("aliyun_sms")
    call = Call("POST", "/", "", {"x-acs-action": action}, urlencode(asked).encode())
    settings = provider._settings
    try:
        requests.count(call)
        if action == "SendSms":
            requests.read_send(call, settings)
        elif action == "SendBatchSms":
            requests.read_send_batch(call, settings)
        else:
            provider._query(Call("POST", "/", urlencode(asked), {}, b""))
    except Refusal as refusal:
        reply = refusal.reply
    else:
        return
    assert reply.status == 200


@given(
    headers=st.dictionaries(
        st.sampled_from(["authorization", "x-acs-date", "host", "x-acs-version"]), st.text()
    )
)
def test_aliyun_at_the_gate(providers, headers):
    handle(providers("aliyun_sms"), Call("POST", "/", "a=%zz&&=", headers, b"\xff"))
