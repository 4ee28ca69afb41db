"""Tencent Cloud SMS: what it verifies, what it sends, what it tells afterwards."""

import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from sandbox.effects import address_hash
from sandbox.responses import Response

PHONE, OTHER = "+8613800000001", "+8613800000002"
NOTICE = {
    "PhoneNumberSet": [PHONE],
    "SmsSdkAppId": "1400000001",
    "SignName": "华象",
    "TemplateId": "1002",
    "TemplateParamSet": ["A1"],
    "SessionContext": "b1",
}
OTP = NOTICE | {"TemplateId": "1003", "TemplateParamSet": ["1234", "5"]}
MARKETING = NOTICE | {"TemplateId": "1001", "TemplateParamSet": ["王女士"]}


def signed(secret: str, host: str, body: bytes, at: float, action: str) -> dict[str, str]:
    """Headers of a TC3 request, written from the documentation alone."""
    date = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
    digest = hashlib.sha256(body).hexdigest()
    canonical = (
        f"POST\n/\n\ncontent-type:application/json\nhost:{host}\n\ncontent-type;host\n{digest}".encode()
    )
    scope = f"{date}/sms/tc3_request"
    text = f"TC3-HMAC-SHA256\n{int(at)}\n{scope}\n{hashlib.sha256(canonical).hexdigest()}"
    key = ("TC3" + secret).encode()
    for part in (date, "sms", "tc3_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return {
        "Authorization": f"TC3-HMAC-SHA256 Credential=tc-test/{scope}, "
        f"SignedHeaders=content-type;host, Signature={key.hex()}",
        "Content-Type": "application/json",
        "Host": host,
        "X-TC-Action": action,
        "X-TC-Version": "2021-01-11",
        "X-TC-Timestamp": str(int(at)),
        "X-TC-Region": "ap-guangzhou",
    }


@pytest.fixture
def document(document):
    return {"tencent_sms": document["tencent_sms"]}


@pytest.fixture
def call(http, sandbox, clock):
    """await call(content, action=, secret=, skew_s=, **headers that replace) -> the Response"""

    async def ask(content, action="SendSms", secret="tencent-test-only", skew_s=0.0, **changed):
        body = json.dumps(content).encode()
        url = sandbox.url("tencent_sms")
        headers = signed(secret, url.removeprefix("http://"), body, clock.now() + skew_s, action)
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        async with http.post(url, data=body, headers=headers) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "application/json"
            return (await answer.json())["Response"]

    return ask


def codes(response) -> list[str]:
    """The code of the call, or of each number."""
    if "Error" in response:
        return [response["Error"]["Code"]]
    return [status["Code"] for status in response["SendStatusSet"]]


async def test_a_signed_send_is_accepted_and_leaves_one_effect(sandbox, call, clock):
    response = await call(NOTICE)
    (status,) = response["SendStatusSet"]
    assert (status["Code"], status["PhoneNumber"], status["SessionContext"]) == ("Ok", PHONE, "b1")
    (effect,) = sandbox.log.page()
    assert (effect.key, effect.message_id, effect.text) == (
        "b1",
        status["SerialNo"],
        "【华象】您的订单A1已发货",
    )
    assert effect.address_hash == address_hash("tencent_sms", PHONE)
    assert (effect.at_epoch_s, effect.marketing) == (clock.now(), False)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"secret": "wrong"}, "AuthFailure.SignatureFailure"),
        ({"skew_s": 301}, "AuthFailure.SignatureExpire"),
        ({"skew_s": -301}, "AuthFailure.SignatureExpire"),
        ({"Content_Type": "application/json; charset=utf-8"}, "AuthFailure.SignatureFailure"),
        ({"X_TC_Timestamp": "²"}, "InvalidParameter"),
        ({"X_TC_Version": "2019-07-11"}, "NoSuchVersion"),
        ({"X_TC_Region": "moon"}, "UnsupportedRegion"),
        ({"Authorization": "Bearer x"}, "AuthFailure.InvalidAuthorization"),
        ({"action": "AddSmsSign"}, "InvalidAction"),
    ],
)
async def test_what_the_gateway_refuses(sandbox, call, how, code):
    assert codes(await call(NOTICE, **how)) == [code]
    assert sandbox.log.page() == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"SmsSdkAppId": "1400000002"}, "UnauthorizedOperation.SmsSdkAppIdVerifyFail"),
        ({"PhoneNumberSet": []}, "MissingParameter.EmptyPhoneNumberSet"),
        ({"PhoneNumberSet": [PHONE] * 201}, "LimitExceeded.PhoneNumberCountLimit"),
        (
            {"PhoneNumberSet": [PHONE, "+85291234567"]},
            "UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber",
        ),
        ({"PhoneNumberSet": ["+85291234567"]}, "UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone"),
        ({"SignName": "别人"}, "FailedOperation.SignatureIncorrectOrUnapproved"),
        ({"SignName": "停用"}, "FailedOperation.SignatureIncorrectOrUnapproved"),
        ({"TemplateId": "9999"}, "FailedOperation.TemplateUnapprovedOrNotExist"),
        ({"TemplateParamSet": []}, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"),
        ({"TemplateParamSet": [1]}, "InvalidParameter"),
        ({"TemplateParamSet": ["长" * 13]}, "InvalidParameterValue.TemplateParameterLengthLimit"),
        ({"TemplateParamSet": ["http://x"]}, "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"),
        ({"SessionContext": "b" * 512}, "InvalidParameterValue.ContentLengthLimit"),
        ({"Colour": "red"}, "UnknownParameter"),
        (OTP | {"TemplateParamSet": ["12a", "5"]}, "InvalidParameterValue.TemplateParameterFormatError"),
        (
            {"TemplateId": "1004", "TemplateParamSet": []},
            "InvalidParameterValue.MarketingTemplateWithoutUnsubscribe",
        ),
    ],
)
async def test_what_the_service_refuses_as_a_whole(sandbox, call, changed, code):
    assert codes(await call(NOTICE | changed)) == [code]
    assert sandbox.log.page() == []


async def test_each_number_is_judged_by_itself(sandbox, call):
    response = await call(NOTICE | {"PhoneNumberSet": [PHONE, "+8623", "8613800000002"]})
    assert codes(response) == ["Ok", "InvalidParameterValue.IncorrectPhoneNumber", "Ok"]
    hashes = [address_hash("tencent_sms", phone) for phone in (PHONE, OTHER)]
    assert [effect.address_hash for effect in sandbox.log.page()] == hashes


async def test_a_number_gets_what_its_limits_allow(call, clock):
    thirty, hour, day = (
        f"LimitExceeded.PhoneNumber{span}Limit" for span in ("ThirtySecond", "OneHour", "Daily")
    )
    assert codes(await call(NOTICE)) == ["Ok"]
    assert codes(await call(NOTICE | {"PhoneNumberSet": [PHONE, OTHER]})) == [thirty, "Ok"]
    said = []
    for place in range(11):
        clock.at += 3_600 if place in (4, 9) else 31
        said += codes(await call(NOTICE | {"TemplateParamSet": [f"A{place}"]}))
    assert said == ["Ok"] * 4 + ["Ok"] * 5 + [day] * 2
    assert hour not in said
    clock.at += 24 * 3_600
    assert codes(await call(NOTICE)) == ["Ok"]


async def test_the_same_words_go_to_a_number_five_times_a_day(call, clock):
    said = []
    for _ in range(6):
        said += codes(await call(NOTICE))
        clock.at += 900
    assert said == ["Ok"] * 5 + ["LimitExceeded.PhoneNumberSameContentDailyLimit"]


async def test_an_hour_has_room_for_five(call, clock):
    said = []
    for place in range(6):
        said += codes(await call(NOTICE | {"TemplateParamSet": [f"A{place}"]}))
        clock.at += 31
    assert said == ["Ok"] * 5 + ["LimitExceeded.PhoneNumberOneHourLimit"]


@pytest.mark.parametrize(
    ("hour", "code"),
    [
        (7.99, "FailedOperation.MarketingSendTimeConstraint"),
        (8, "Ok"),
        (21.99, "Ok"),
        (22, "FailedOperation.MarketingSendTimeConstraint"),
    ],
)
async def test_marketing_goes_out_between_8_and_22(call, clock, hour, code):
    clock.at += (hour - 12) * 3600
    assert codes(await call(MARKETING)) == [code]


async def test_statuses_show_when_the_carrier_has_reported(call, clock, responses):
    responses.by_address[PHONE] = Response(delivered_after_s=30.0)
    await call(NOTICE)
    asked = {"PhoneNumber": PHONE, "SmsSdkAppId": "1400000001", "BeginTime": int(clock.at) - 60}
    asked |= {"Offset": 0, "Limit": 100}

    async def rows():
        return (await call(asked, action="PullSmsSendStatusByPhoneNumber"))["PullSmsSendStatusSet"]

    clock.at += 34
    assert await rows() == []
    clock.at += 1
    (row,) = await rows()
    assert (row["SessionContext"], row["ReportStatus"], row["Description"]) == ("b1", "SUCCESS", "DELIVRD")
    asked["BeginTime"] += 100
    assert await rows() == []


async def test_twenty_questions_are_answered_in_a_second(call, clock):
    asked = {"PhoneNumber": PHONE, "SmsSdkAppId": "1400000001", "BeginTime": int(clock.at)}
    asked |= {"Offset": 0, "Limit": 9}
    answers = [await call(asked, action="PullSmsSendStatusByPhoneNumber") for _ in range(21)]
    assert ["Error" in answer for answer in answers] == [False] * 20 + [True]
    clock.at += 1
    assert "Error" not in await call(asked, action="PullSmsSendStatusByPhoneNumber")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"BeginTime": 1}, "InvalidParameterValue.BeginTimeVerifyFail"),
        ({"Offset": 1}, "InvalidParameterValue.OffsetVerifyFail"),
        ({"Limit": 101}, "InvalidParameterValue"),
        ({"PhoneNumber": "x"}, "InvalidParameterValue.IncorrectPhoneNumber"),
    ],
)
async def test_questions_that_are_refused(call, clock, changed, code):
    asked = {
        "PhoneNumber": PHONE,
        "SmsSdkAppId": "1400000001",
        "BeginTime": int(clock.at),
        "Offset": 0,
        "Limit": 9,
    }
    assert codes(await call(asked | changed, action="PullSmsSendStatusByPhoneNumber")) == [code]


async def test_report_and_reply_are_pushed_and_who_refused_gets_no_more(call, receiver, responses, clock):
    receiver.answer = (200, b'{"result":0,"errmsg":"OK"}')
    responses.by_address[PHONE] = Response(delivered_after_s=1.0, reply="R", replied_after_s=9.0)
    response = await call(MARKETING)
    clock.at += 40
    await receiver.wait(lambda: len(receiver.got) >= 2)
    pushed = {path: json.loads(body) for path, _, body in receiver.got}
    ((report,), reply) = pushed["/tencent/report"], pushed["/tencent/reply"]
    assert report["sid"] == response["SendStatusSet"][0]["SerialNo"]
    assert (report["report_status"], report["errmsg"]) == ("SUCCESS", "DELIVRD")
    assert (report["user_receive_time"], report["mobile"]) == ("2026-06-11 12:00:01", "13800000001")
    assert (reply["text"], reply["time"]) == ("R", int(clock.at) - 31)
    assert codes(await call(MARKETING)) == ["FailedOperation.PhoneNumberInBlacklist"]
