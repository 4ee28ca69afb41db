"""Misfortunes: what the customer sees, and what was really sent."""

import json

import aiohttp
import pytest

PARAMETERS = {"TemplateParam": json.dumps({"order": "A1"})}
ONE = {"PhoneNumbers": "13800000001", "SignName": "华象", "TemplateCode": "SMS_2", "OutId": "b1"} | PARAMETERS


async def put_faults(http, sandbox, *rules: dict[str, object]) -> None:
    async with http.put(sandbox.url("admin") + "/sandbox/faults", json={"faults": list(rules)}) as answer:
        assert answer.status == 200, await answer.text()


@pytest.mark.parametrize(("fault", "effects"), [("error_before", 0), ("error_after", 1)])
async def test_a_5xx_says_nothing_about_the_effect(http, sandbox, aliyun, fault, effects):
    await put_faults(http, sandbox, {"fault": fault, "status": 503})
    status, answer = await aliyun(sandbox, "SendSms", ONE)
    assert (status, answer["Code"]) == (503, "ServiceUnavailable")
    assert len(sandbox.log.page()) == effects


@pytest.mark.parametrize(
    ("fault", "effects"),
    [("reset_before", 0), ("reset_after", 1), ("timeout_before", 0), ("timeout_after", 1)],
)
async def test_a_cut_connection_says_nothing_about_the_effect(http, sandbox, aliyun, fault, effects):
    await put_faults(http, sandbox, {"fault": fault, "delay_s": 0.05})
    with pytest.raises(aiohttp.ClientError):
        await aliyun(sandbox, "SendSms", ONE)
    assert len(sandbox.log.page()) == effects


async def test_garbage_comes_after_the_effect(http, sandbox, aliyun):
    await put_faults(http, sandbox, {"fault": "garbage"})
    with pytest.raises(ValueError, match="codec"):
        await aliyun(sandbox, "SendSms", ONE)
    assert len(sandbox.log.page()) == 1


async def test_throttling_says_when_to_come_back_and_sends_nothing(http, sandbox, basic):
    await put_faults(http, sandbox, {"fault": "throttle", "retry_after_s": 7})
    async with http.get(sandbox.url("jpush") + "/v3/push/cid", headers=basic) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")


async def test_a_call_may_break_after_half_of_its_numbers(http, sandbox, aliyun):
    await put_faults(http, sandbox, {"fault": "partial", "share": 0.5})
    four = ONE | {"PhoneNumbers": "13800000001,13800000002,13800000003,13800000004"}
    status, _ = await aliyun(sandbox, "SendSms", four)
    assert status == 500
    assert len(sandbox.log.page()) == 2


async def test_a_push_is_never_done_in_part(http, sandbox, basic):
    await put_faults(http, sandbox, {"fault": "partial", "action": "push", "limit": 1})
    async with http.get(sandbox.url("jpush") + "/v3/push/cid", headers=basic) as answer:
        (cid,) = (await answer.json())["cidlist"]
    audience = {"registration_id": ["r1", "r2"]}
    content = {"cid": cid, "platform": "all", "audience": audience, "notification": {"alert": "您好"}}
    for status, effects in ((500, 0), (200, 2)):
        async with http.post(sandbox.url("jpush") + "/v3/push", json=content, headers=basic) as answer:
            assert answer.status == status
        assert len(sandbox.log.page()) == effects


async def test_tokens_may_end_early(http, sandbox):
    ask = {"grant_type": "client_credential", "appid": "wx-test", "secret": "wechat-test-only"}
    async with http.post(sandbox.url("wechat") + "/cgi-bin/stable_token", json=ask) as answer:
        token = (await answer.json())["access_token"]
    await put_faults(http, sandbox, {"fault": "token_expired", "action": "template_send", "calls": [1]})
    url = sandbox.url("wechat") + f"/cgi-bin/message/template/send?access_token={token}"
    async with http.post(url, json={"touser": "o1"}) as answer:
        assert (await answer.json())["errcode"] == 42001
    async with http.post(sandbox.url("wechat") + "/cgi-bin/stable_token", json=ask) as answer:
        assert (await answer.json())["access_token"] != token


async def test_bad_rules_are_named_and_change_nothing(http, sandbox):
    url = sandbox.url("admin") + "/sandbox/faults"
    bad = {"faults": [{"fault": "flood"}, {"fault": "slow", "rate": 2, "speed": 1}]}
    async with http.put(url, json=bad) as answer:
        message = (await answer.json())["error"]
        assert answer.status == 400
    assert "faults[0].fault must be one of" in message
    assert "faults[1].rate must be a number from 0 to 1" in message
    assert "faults[1].speed is not known here" in message
    async with http.get(url) as answer:
        assert await answer.json() == {"faults": [], "fired": []}
