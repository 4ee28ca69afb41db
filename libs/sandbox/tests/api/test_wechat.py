"""WeChat: tokens, template messages, events."""

import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest
from sandbox.responses import Response

ASK = {"grant_type": "client_credential", "appid": "wx-test", "secret": "wechat-test-only"}


async def post(http, sandbox, path: str, content: object) -> dict[str, object]:
    async with http.post(sandbox.url("wechat") + path, json=content) as answer:
        assert answer.status == 200
        return await answer.json(content_type=None)


async def token(http, sandbox, **changed: object) -> str:
    return (await post(http, sandbox, "/cgi-bin/stable_token", ASK | changed))["access_token"]


async def send(http, sandbox, access_token: str, **changed: object) -> dict[str, object]:
    content = {
        "touser": "o1",
        "template_id": "T1",
        "data": {"thing": {"value": "包裹"}},
        "client_msg_id": "d1",
    }
    return await post(
        http, sandbox, f"/cgi-bin/message/template/send?access_token={access_token}", content | changed
    )


async def test_the_token_stays_until_shortly_before_it_ends(http, sandbox, clock):
    first = await token(http, sandbox)
    clock.at += 6_800
    assert await token(http, sandbox) == first
    clock.at += 200
    second = await token(http, sandbox)
    assert second != first
    assert (await send(http, sandbox, first))["errcode"] == 0
    clock.at += 201
    assert (await send(http, sandbox, first))["errcode"] == 42001
    assert (await send(http, sandbox, second))["errcode"] == 0


async def test_a_forced_token_ends_the_old_one_and_is_rationed(http, sandbox, clock):
    first = await token(http, sandbox)
    second = await token(http, sandbox, force_refresh=True)
    assert (await send(http, sandbox, first))["errcode"] == 42001
    assert (await send(http, sandbox, second))["errcode"] == 0
    assert (await post(http, sandbox, "/cgi-bin/stable_token", ASK | {"force_refresh": True}))[
        "errcode"
    ] == 45011


@pytest.mark.parametrize(
    ("changed", "errcode"), [({"secret": "x"}, 40125), ({"appid": "x"}, 40013), ({"grant_type": "x"}, 40002)]
)
async def test_who_gets_no_token(http, sandbox, changed, errcode):
    assert (await post(http, sandbox, "/cgi-bin/stable_token", ASK | changed))["errcode"] == errcode


async def test_the_same_client_msg_id_is_sent_once_in_ten_minutes(http, make, clock):
    async with make() as sandbox:
        first = await send(http, sandbox, await token(http, sandbox))
    async with make() as sandbox:
        access_token = await token(http, sandbox)
        assert await send(http, sandbox, access_token) == first
        assert len(sandbox.log.page()) == 1
        await send(http, sandbox, access_token, touser="o2")
        clock.at += 601
        assert (await send(http, sandbox, access_token))["msgid"] != first["msgid"]
        assert [row.key for row in sandbox.log.page()] == ["d1"] * 3


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [
        ({"touser": "stranger"}, 40003),
        ({"touser": "gone"}, 43004),
        ({"template_id": "T9"}, 40037),
        ({"template_id": "T2"}, 40249),
        ({"data": {}}, 47003),
        ({"client_msg_id": "d" * 65}, 47003),
    ],
)
async def test_what_is_refused_is_a_200_with_an_errcode_and_no_effect(http, sandbox, changed, errcode):
    assert (await send(http, sandbox, await token(http, sandbox), **changed))["errcode"] == errcode
    assert sandbox.log.page() == []


async def test_tokens_are_needed_and_checked(http, sandbox):
    assert (await send(http, sandbox, ""))["errcode"] == 41001
    assert (await send(http, sandbox, "made-up"))["errcode"] == 40001


async def test_events_are_signed_xml_and_who_left_is_no_follower(http, sandbox, receiver, responses, clock):
    receiver.answer = (200, b"success")
    responses.by_address["o1"] = Response(delivered_after_s=1.0, reply="R", replied_after_s=5.0)
    access_token = await token(http, sandbox)
    msgid = (await send(http, sandbox, access_token))["msgid"]
    clock.at += 6
    await receiver.wait(lambda: len(receiver.got) >= 2)
    bodies = sorted(body.decode() for _, _, body in receiver.got)
    assert f"<MsgID>{msgid}</MsgID>" in bodies[0] + bodies[1]
    assert "<Event><![CDATA[TEMPLATESENDJOBFINISH]]></Event>" in bodies[0] + bodies[1]
    assert "<Event><![CDATA[unsubscribe]]></Event>" in bodies[0] + bodies[1]
    query = {name: values[0] for name, values in parse_qs(urlsplit(receiver.got[0][0]).query).items()}
    parts = sorted(["token-test-only", query["timestamp"], query["nonce"]])
    assert query["signature"] == hashlib.sha1("".join(parts).encode()).hexdigest()
    assert (await send(http, sandbox, access_token, client_msg_id="d2"))["errcode"] == 43004
