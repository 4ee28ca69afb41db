"""How reports travel: late, twice, never, too early, again after a failure, after a restart."""

import asyncio
import json

PARAMETERS = {"TemplateParam": json.dumps({"order": "A1"})}
ONE = {"PhoneNumbers": "13800000001", "SignName": "华象", "TemplateCode": "SMS_2", "OutId": "b1"} | PARAMETERS


async def put_fates(http, sandbox, **fates: float) -> None:
    async with http.put(sandbox.url("admin") + "/sandbox/receipts", json=fates) as answer:
        assert answer.status == 200, await answer.text()


def outs(receiver) -> list[str]:
    return [entry["out_id"] for _, _, body in receiver.got for entry in json.loads(body)]


async def test_a_report_may_come_before_the_answer(http, sandbox, aliyun, receiver):
    await put_fates(http, sandbox, early=1.0)
    await aliyun(sandbox, "SendSms", ONE)
    assert outs(receiver) == ["b1"]


async def test_a_report_may_come_twice(http, sandbox, aliyun, receiver):
    await put_fates(http, sandbox, duplicated=1.0)
    await aliyun(sandbox, "SendSms", ONE)
    await receiver.wait(lambda: outs(receiver) == ["b1", "b1"])


async def test_a_report_may_never_come_but_the_query_knows(http, sandbox, aliyun, receiver, clock):
    await put_fates(http, sandbox, dropped=1.0)
    await aliyun(sandbox, "SendSms", ONE)
    assert sandbox.reports.waiting() == 0
    clock.at += 6
    asked = {"PhoneNumber": "13800000001", "SendDate": "20260611", "PageSize": "50", "CurrentPage": "1"}
    _, answer = await aliyun(sandbox, "QuerySendDetails", asked)
    assert answer["TotalCount"] == "1"
    assert receiver.got == []


async def test_reports_may_overtake_each_other(http, sandbox, aliyun, receiver, clock):
    await put_fates(http, sandbox, reordered=1.0, reordered_by_s=60.0)
    await aliyun(sandbox, "SendSms", ONE)
    await put_fates(http, sandbox)
    await aliyun(sandbox, "SendSms", ONE | {"OutId": "b2"})
    await receiver.wait(lambda: outs(receiver) == ["b2"])
    clock.at += 61
    await receiver.wait(lambda: outs(receiver) == ["b2", "b1"])


async def test_aliyun_tries_again_after_1_5_and_10_minutes_and_gives_up(sandbox, aliyun, receiver, clock):
    receiver.answer = (200, b'{"code":1}')
    await aliyun(sandbox, "SendSms", ONE)
    for tries, wait_s in ((1, 59), (1, 2), (2, 300), (3, 600)):
        await receiver.wait(lambda tries=tries: len(receiver.got) == tries)
        clock.at += wait_s
    await receiver.wait(lambda: len(receiver.got) == 4)
    async with asyncio.timeout(60):
        while sandbox.reports.waiting():  # noqa: ASYNC110 - the row goes after the push, nothing tells us
            await asyncio.sleep(0.01)
    assert sandbox.reports.given_up == 1


async def test_reports_that_are_owed_survive_a_restart(http, make, aliyun, receiver, clock):
    async with make() as sandbox:
        await put_fates(http, sandbox, delay_s=60.0)
        await aliyun(sandbox, "SendSms", ONE)
    clock.at += 61
    async with make():
        await receiver.wait(lambda: outs(receiver) == ["b1"])
