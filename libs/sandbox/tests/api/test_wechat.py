"""WeChat: tokens, template messages, events."""

import hashlib
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

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


SUBSCRIPTION = {
    "touser": "o1",
    "template_id": "S1",
    "data": {"thing1": {"value": "包裹"}},
    "lang": "zh_CN",
    "miniprogram_state": "formal",
}
ANSWER = {"touser": "o1", "msgtype": "text", "text": {"content": "您好"}}
MASS = {"touser": ["o1", "o2"], "msgtype": "mpnews", "mpnews": {"media_id": "M1"}, "clientmsgid": "k1"}
PATHS = {"subscribe": "subscribe/bizsend", "answer": "custom/send", "mass": "mass/send"}


@pytest.fixture
def ask(http, sandbox):
    """await ask("subscribe" | "answer" | "mass", content) -> the answer"""

    async def call(how: str, content: dict[str, object]) -> dict[str, object]:
        path = f"/cgi-bin/message/{PATHS[how]}?access_token={await token(http, sandbox)}"
        return await post(http, sandbox, path, content)

    return call


@pytest.fixture
def act(sandbox):
    """act(**what o1 does) as in People.act"""
    return lambda **asked: sandbox.act({"provider": "wechat", "account": "wx-test", "address": "o1", **asked})


async def test_a_grant_serves_once_and_a_refusal_ends_all(sandbox, ask, act):
    async def errcode() -> object:
        return (await ask("subscribe", SUBSCRIPTION))["errcode"]

    assert [await errcode(), await errcode()] == [0, 43101]
    act(act="accept", template_id="S1")
    act(act="accept", template_id="S1")
    assert [await errcode(), await errcode(), await errcode()] == [0, 0, 43101]
    act(act="accept", template_id="S1")
    act(act="refuse", template_id="S1")
    assert await errcode() == 43101
    assert [row.text for row in sandbox.log.page()] == ["包裹已到店"] * 3


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [
        ({"template_id": "T1"}, 40037),
        ({"touser": "stranger"}, 40003),
        ({"touser": "gone"}, 43004),
        ({"data": {"thing1": {"value": "长" * 21}}}, 47003),
        ({"lang": "xx"}, 47003),
    ],
)
async def test_a_notice_that_is_refused_spends_no_grant(ask, changed, errcode):
    assert (await ask("subscribe", SUBSCRIPTION | changed))["errcode"] == errcode
    assert (await ask("subscribe", SUBSCRIPTION))["errcode"] == 0


async def test_who_writes_may_be_answered_five_times_in_two_days(ask, act, clock):
    async def errcode() -> object:
        return (await ask("answer", ANSWER))["errcode"]

    assert await errcode() == 45015
    act(act="write", text="在吗")
    assert [await errcode() for _ in range(6)] == [0] * 5 + [45047]
    act(act="write", text="在吗")
    act(act="tap")  # allows less, and ends before
    clock.at += 48 * 3_600 - 1
    assert await errcode() == 0
    clock.at += 1
    assert await errcode() == 45015
    act(act="follow")
    assert [await errcode() for _ in range(4)] == [0] * 3 + [45047]
    act(act="scan")
    clock.at += 60
    assert await errcode() == 45015


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [
        ({"msgtype": "image"}, 40008),
        ({"text": {}}, 44004),
        ({"text": {"content": "长" * 683}}, 45002),
        ({"touser": "stranger"}, 40003),
    ],
)
async def test_answers_that_are_refused(ask, act, changed, errcode):
    act(act="write", text="在吗")
    assert (await ask("answer", ANSWER | changed))["errcode"] == errcode


async def test_a_mass_message_goes_once_by_its_key(sandbox, ask, clock):
    first = await ask("mass", MASS)
    assert (first["errcode"], first["msg_id"] > 0) == (0, True)
    assert (await ask("mass", MASS))["errcode"] == 45066
    clock.at += 60
    again = await ask("mass", MASS)
    assert (again["errcode"], again["msg_id"]) == (45065, first["msg_id"])
    assert [row.text for row in sandbox.log.page()] == ["新品上市"] * 2
    clock.at += 24 * 3_600
    assert (await ask("mass", MASS))["errcode"] == 0


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [
        ({"touser": ["o1"]}, 40130),
        ({"touser": ["o1", "o1"]}, 40130),
        ({"touser": [f"o{at}" for at in range(10_001)]}, 40032),
        ({"touser": "o1"}, 40031),
        ({"mpnews": {"media_id": "M9"}}, 40007),
        ({"msgtype": "text"}, 44004),
        ({"msgtype": "film"}, 40008),
        ({"clientmsgid": "k" * 65}, 45067),
    ],
)
async def test_mass_messages_that_are_refused(sandbox, ask, changed, errcode):
    assert (await ask("mass", MASS | changed))["errcode"] == errcode
    assert sandbox.log.page() == []


async def test_what_people_do_and_what_became_of_it_is_told_in_signed_xml(ask, act, receiver):
    receiver.answer = (200, b"success")
    act(act="accept", template_id="S1")
    act(act="write", text="<b>]]>&")
    act(act="leave")
    await receiver.wait(lambda: len(receiver.got) == 3)
    await ask("mass", MASS | {"touser": ["o1", "o2"]})
    await ask("subscribe", SUBSCRIPTION | {"touser": "o2"})
    await receiver.wait(lambda: len(receiver.got) == 5)
    events = [ElementTree.fromstring(body) for _, _, body in receiver.got]
    by_kind = {event.findtext("Event") or event.findtext("MsgType"): event for event in events}
    accepted = by_kind["subscribe_msg_popup_event"].find("SubscribeMsgPopupEvent/List")
    assert [accepted.findtext(name) for name in ("TemplateId", "SubscribeStatusString")] == ["S1", "accept"]
    assert by_kind["text"].findtext("Content") == "<b>]]>&"
    assert by_kind["unsubscribe"].findtext("FromUserName") == "o1"
    finished = by_kind["MASSSENDJOBFINISH"]
    assert [finished.findtext(name) for name in ("TotalCount", "SentCount", "ErrorCount")] == ["2", "1", "1"]
    sent = by_kind["subscribe_msg_sent_event"].find("SubscribeMsgSentEvent/List")
    assert (sent.findtext("TemplateId"), sent.findtext("ErrorCode")) == ("S1", "0")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"provider": "wechat", "account": "wx-test", "address": "o1", "act": "leave"}, 200),
        ({"provider": "wechat", "account": "wx-test", "address": "stranger", "act": "leave"}, 400),
        ({"provider": "wechat", "account": "wx-test", "address": "o1", "act": "dance"}, 400),
        ({"provider": "wechat", "account": "wx-test", "address": "o1", "act": "accept"}, 400),
        ({"provider": "jpush", "act": "leave"}, 400),
        ([], 400),
    ],
)
async def test_people_act_through_the_admin_door(http, sandbox, asked, status):
    async with http.post(sandbox.url("admin") + "/sandbox/acts", json=asked) as answer:
        assert answer.status == status, await answer.text()
