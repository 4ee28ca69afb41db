"""Getui: tokens, single pushes, batches, receipts."""

import hashlib
import json

import pytest
from sandbox.responses import Response

KEY, SECRET = "getui-key", "getui-test-only"


@pytest.fixture
def document(receiver):
    app = {"app_id": "gt", "app_key": KEY, "master_secret": SECRET, "receipts_url": f"{receiver.url}/getui"}
    return {"getui": {"apps": [app], "devices": {"listed": ["c1", "c2", "c3"]}, "inactive": ["c3"]}}


@pytest.fixture
def ask(http, clock):
    """await ask(sandbox, path, content, token) -> (status, answer)"""

    async def post(sandbox, path: str, content: object, token: str = "") -> tuple[int, dict[str, object]]:
        url = f"{sandbox.url('getui')}/v2/gt{path}"
        async with http.post(url, json=content, headers={"token": token}) as answer:
            return answer.status, await answer.json()

    return post


@pytest.fixture
def token(ask, clock):
    async def get(sandbox, **changed: object) -> tuple[int, dict[str, object]]:
        stamp = str(int(clock.at * 1000))
        sign = hashlib.sha256(f"{KEY}{stamp}{SECRET}".encode()).hexdigest()
        return await ask(sandbox, "/auth", {"sign": sign, "timestamp": stamp, "appkey": KEY} | changed)

    return get


def single(request_id: str, cid: str = "c1", **changed: object) -> dict[str, object]:
    notification = {"title": "到店", "body": "您好", "click_type": "startapp"}
    return {
        "request_id": request_id,
        "audience": {"cid": [cid]},
        "push_message": {"notification": notification},
    } | changed


async def test_a_token_is_given_for_a_signature_and_ends(sandbox, ask, token, clock):
    status, answer = await token(sandbox)
    assert (status, answer["code"]) == (200, 0)
    assert int(answer["data"]["expire_time"]) == int((clock.at + 86_400) * 1000)
    given = answer["data"]["token"]
    assert (await ask(sandbox, "/push/single/cid", single("r" * 10), given))[0] == 200
    clock.at += 86_401
    status, answer = await ask(sandbox, "/push/single/cid", single("s" * 10), given)
    assert (status, answer["code"]) == (401, 10001)


@pytest.mark.parametrize("changed", [{"sign": "x"}, {"appkey": "x"}, {"timestamp": "1700000000000"}])
async def test_wrong_signatures_get_no_token(sandbox, token, changed):
    status, answer = await token(sandbox, **changed)
    assert (status, answer["code"]) == (400, 20001)


async def test_a_request_id_is_pushed_once_also_after_a_restart(make, ask, token, clock):
    async with make() as sandbox:
        given = (await token(sandbox))[1]["data"]["token"]
        first = await ask(sandbox, "/push/single/cid", single("r" * 32), given)
    async with make() as sandbox:
        assert await ask(sandbox, "/push/single/cid", single("r" * 32), given) == first
        assert len(sandbox.log.page()) == 1
        clock.at += 3_601
        assert await ask(sandbox, "/push/single/cid", single("r" * 32), given) != first
        assert len(sandbox.log.page()) == 2


async def test_what_is_refused_leaves_no_effect(sandbox, ask, token):
    given = (await token(sandbox))[1]["data"]["token"]
    shown = {"title": "到店", "body": "您好", "click_type": "startapp"}
    long_title, no_url = {**shown, "title": "长" * 51}, {**shown, "click_type": "url"}
    for wrong in (
        single("short"),
        single("r" * 33),
        single("r" * 10, "nobody"),
        single("r" * 10, audience={"cid": ["c1", "c2"]}),
        single("r" * 10, settings={"ttl": 259_200_001}),
        single("r" * 10, push_message={}),
        single("r" * 10, push_message={"notification": long_title}),
        single("r" * 10, push_message={"notification": no_url}),
        single("r" * 10, push_channel={"android": {"ups": {"notification": {}}}}),
    ):
        status, answer = await ask(sandbox, "/push/single/cid", wrong, given)
        assert (status, answer["code"]) == (400, 20001), wrong
    for many in ([], [single("r" * 10)] * 201, [single("r" * 10), single("s" * 10)]):
        status, answer = await ask(sandbox, "/push/single/batch/cid", {"msg_list": many}, given)
        assert (status, answer["code"]) == (400, 20001)
    assert sandbox.log.page() == []


async def test_a_batch_answers_by_task_and_device(sandbox, ask, token):
    given = (await token(sandbox))[1]["data"]["token"]
    pushes = [single(f"{cid}-request-id", cid) for cid in ("c1", "c2", "c3")]
    _, answer = await ask(sandbox, "/push/single/batch/cid", {"is_async": False, "msg_list": pushes}, given)
    said = {cid: status for devices in answer["data"].values() for cid, status in devices.items()}
    assert said == {"c1": "successed_offline", "c2": "successed_offline", "c3": "successed_ignore"}
    assert [row.key for row in sandbox.log.page()] == ["c1-request-id", "c2-request-id"]


async def test_the_rate_is_kept_and_said_as_401(make, document, ask, token, clock):
    document["getui"]["calls_per_minute"] = 1
    async with make() as sandbox:
        given = (await token(sandbox))[1]["data"]["token"]
        assert (await ask(sandbox, "/push/single/cid", single("r" * 10), given))[0] == 200
        status, answer = await ask(sandbox, "/push/single/cid", single("s" * 10), given)
        assert (status, answer["code"]) == (401, 10005)
        clock.at += 60
        assert (await ask(sandbox, "/push/single/cid", single("s" * 10), given))[0] == 200


async def test_receipts_come_line_by_line_and_an_error_counts_as_received(
    sandbox, ask, token, receiver, responses, clock
):
    receiver.answer = (500, b"")
    responses.by_address["c2"] = Response(delivered=False, delivered_after_s=0.0)
    given = (await token(sandbox))[1]["data"]["token"]
    pushes = [single(f"{cid}-request-id", cid) for cid in ("c1", "c2")]
    await ask(sandbox, "/push/single/batch/cid", {"msg_list": pushes}, given)
    await receiver.wait(lambda: b"c2" in b"".join(body for _, _, body in receiver.got))
    clock.at += 60
    await ask(sandbox, "/push/single/cid", single("a third one", "c1"), given)
    await receiver.wait(lambda: sum(len(body.splitlines()) for _, _, body in receiver.got) >= 3)
    lines = [json.loads(line) for _, _, body in receiver.got for line in body.splitlines()]
    assert [(line["cid"], line["code"]) for line in lines] == [("c1", "200"), ("c2", "500"), ("c1", "200")]
    for line in lines:
        signed = line["appid"] + line["cid"] + line["taskid"] + line["msgid"] + SECRET
        assert line["sign"] == hashlib.md5(signed.encode()).hexdigest()
