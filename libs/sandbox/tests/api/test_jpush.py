"""JPush: the pool of cids, push, batch single push, callback."""

import json

import pytest
from sandbox.responses import Response


async def cids(http, sandbox, basic, count: int = 1) -> list[str]:
    async with http.get(sandbox.url("jpush") + f"/v3/push/cid?count={count}", headers=basic) as answer:
        return (await answer.json())["cidlist"]


async def push(
    http, sandbox, basic, path: str = "/v3/push", **content: object
) -> tuple[int, dict[str, object]]:
    async with http.post(sandbox.url("jpush") + path, json=content, headers=basic) as answer:
        return answer.status, await answer.json()


def ask(cid: str, ids: list[str], **changed: object) -> dict[str, object]:
    return {
        "cid": cid,
        "platform": "all",
        "audience": {"registration_id": ids},
        "notification": {"alert": "新品到店"},
    } | changed


async def test_the_pool_gives_cids_of_the_app(http, sandbox, basic):
    pool = await cids(http, sandbox, basic, 1_000)
    assert len(set(pool)) == 1_000
    assert all(cid.startswith("jpush-test-") for cid in pool)


async def test_a_cid_is_pushed_once_within_a_day_also_after_a_restart(http, make, basic, clock):
    async with make() as sandbox:
        (cid,) = await cids(http, sandbox, basic)
        first = await push(http, sandbox, basic, **ask(cid, ["r1", "r2"]))
        assert first[0] == 200
    async with make() as sandbox:
        assert await push(http, sandbox, basic, **ask(cid, ["r1", "r2"])) == first
        assert len(sandbox.log.page()) == 2
        clock.at += 86_401
        status, answer = await push(http, sandbox, basic, **ask(cid, ["r1", "r2"]))
        assert (status, answer["error"]["code"]) == (400, 1003)


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"cid": "jpush-test-made-up"}, 400, 1003),
        ({"platform": "fridge"}, 400, 1003),
        ({"platform": None}, 400, 1002),
        ({"notification": None}, 400, 1002),
        ({"audience": {"registration_id": ["r"] * 1_001}}, 400, 1003),
        ({"audience": {"registration_id": ["nobody"]}}, 400, 1011),
        ({"notification": {"alert": "长" * 1_400}}, 400, 1005),
        ({"options": {"time_to_live": 864_001}}, 400, 1003),
        ({"options": {"third_party_channel": {"huawei": "LOW"}}}, 400, 1003),
        ({"options": {"third_party_channel": {"huawei": {"importance": ["LOW"]}}}}, 400, 1003),
        ({"sound": "ding"}, 400, 1009),
    ],
)
async def test_what_is_refused_leaves_no_effect(http, sandbox, basic, changed, status, code):
    (cid,) = await cids(http, sandbox, basic)
    got = await push(http, sandbox, basic, **(ask(cid, ["r1"]) | changed))
    assert (got[0], got[1]["error"]["code"]) == (status, code)
    assert sandbox.log.page() == []


async def test_a_refused_cid_may_be_used_again(http, sandbox, basic):
    (cid,) = await cids(http, sandbox, basic)
    await push(http, sandbox, basic, **ask(cid, ["nobody"]))
    assert (await push(http, sandbox, basic, **ask(cid, ["r1"])))[0] == 200


async def test_unknown_devices_among_known_ones_are_passed_over_and_reported(http, sandbox, basic, receiver):
    (cid,) = await cids(http, sandbox, basic)
    assert (await push(http, sandbox, basic, **ask(cid, ["r1", "nobody"])))[0] == 200
    assert len(sandbox.log.page()) == 1
    await receiver.wait(lambda: b"nobody" in b"".join(body for _, _, body in receiver.got))
    entries = [entry for _, _, body in receiver.got for entry in json.loads(body)]
    assert ("nobody", 1) in [(entry["registration_id"], entry["type"]) for entry in entries]


async def test_a_batch_answers_by_cid(http, sandbox, basic):
    good, bad = await cids(http, sandbox, basic, 2)
    single = {"platform": "all", "notification": {"alert": "您好"}}
    pushes = {
        good: single | {"target": "r1"},
        bad: single | {"target": "nobody"},
        "alien": single | {"target": "r1"},
    }
    status, answer = await push(http, sandbox, basic, "/v3/push/batch/regid/single", pushlist=pushes)
    assert status == 200
    assert "msg_id" in answer[good]
    assert (answer[bad]["error"]["code"], answer["alien"]["error"]["code"]) == (1011, 1003)
    assert [row.key for row in sandbox.log.page()] == [good]


async def test_wrong_keys_are_refused(http, sandbox):
    status, answer = await push(http, sandbox, {"Authorization": "Basic eDp5"}, **ask("", ["r1"]))
    assert (status, answer["error"]["code"]) == (401, 1004)


async def test_the_rate_is_told_and_kept(http, make, basic, document, clock):
    document["jpush"]["calls_per_minute"] = 2
    async with make() as sandbox:
        url = sandbox.url("jpush") + "/v3/push/cid"
        for remaining in ("1", "0"):
            async with http.get(url, headers=basic) as answer:
                assert answer.headers["X-Rate-Limit-Quota"] == "2"
                assert answer.headers["X-Rate-Limit-Remaining"] == remaining
        async with http.get(url, headers=basic) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (429, 2002)
            clock.at += int(answer.headers["X-Rate-Limit-Reset"])
        async with http.get(url, headers=basic) as answer:
            assert answer.status == 200


async def test_the_callback_tells_delivery_and_click(http, sandbox, basic, receiver, responses, clock):
    responses.by_address["r1"] = Response(delivered_after_s=1.0, clicked_after_s=2.0)
    responses.by_address["r2"] = Response(delivered=False)
    (cid,) = await cids(http, sandbox, basic)
    _, answer = await push(http, sandbox, basic, **ask(cid, ["r1", "r2"]))
    clock.at += 5
    await receiver.wait(lambda: sum(len(json.loads(body)) for _, _, body in receiver.got) >= 3)
    assert receiver.got[0][1]["Authorization"] == basic["Authorization"]
    entries = [entry for _, _, body in receiver.got for entry in json.loads(body)]
    assert {entry["msgid"] for entry in entries} == {answer["msg_id"]}
    assert sorted((entry["registration_id"], entry["type"]) for entry in entries) == [
        ("r1", 4),
        ("r1", 6),
        ("r2", 5),
    ]
