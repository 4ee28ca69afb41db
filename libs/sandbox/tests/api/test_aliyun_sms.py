"""Aliyun SMS: what it verifies, what it sends, what it tells afterwards."""

import json

import pytest
from sandbox.effects import address_hash
from sandbox.responses import Response

ONE = {"PhoneNumbers": "13800000001", "SignName": "华象", "TemplateCode": "SMS_2", "OutId": "b1"}
PARAMETERS = {"TemplateParam": json.dumps({"order": "A1"})}


def batch(
    phones: list[str], template: str = "SMS_1", **changed: object
) -> tuple[dict[str, str], dict[str, str]]:
    arrays = {
        "PhoneNumberJson": phones,
        "SignNameJson": ["华象"] * len(phones),
        "TemplateParamJson": [{"name": f"客户{at}"} for at in range(len(phones))],
    } | changed
    return {"TemplateCode": template, "OutId": "b2"}, {
        name: json.dumps(value) for name, value in arrays.items()
    }


async def test_a_signed_send_is_accepted_and_leaves_one_effect(sandbox, aliyun, clock):
    status, answer = await aliyun(sandbox, "SendSms", ONE | PARAMETERS)
    assert (status, answer["Code"]) == (200, "OK")
    (effect,) = sandbox.log.page()
    assert effect.key == "b1"
    assert effect.message_id == answer["BizId"]
    assert effect.address_hash == address_hash("aliyun_sms", "13800000001")
    assert effect.text == "【华象】您的订单A1已发货"
    assert effect.at_epoch_s == clock.now()
    assert not effect.marketing


async def test_the_same_request_with_a_new_nonce_sends_again(sandbox, aliyun):
    await aliyun(sandbox, "SendSms", ONE | PARAMETERS)
    await aliyun(sandbox, "SendSms", ONE | PARAMETERS)
    assert len(sandbox.log.page()) == 2


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"secret": "wrong"}, "SignatureDoesNotMatch"),
        ({"skew_s": 16 * 60}, "InvalidTimeStamp.Expired"),
        ({"skew_s": -16 * 60}, "InvalidTimeStamp.Expired"),
        ({"extra": {"x-acs-security-token": "t"}}, "IncompleteSignature"),
        ({"extra": {"x-acs-content-sha256": "0" * 64}}, "ContentSha256Mismatch"),
        ({"extra": {"Authorization": "Bearer x"}}, "MissingAuthorization"),
    ],
)
async def test_what_the_gateway_refuses(sandbox, aliyun, how, code):
    status, answer = await aliyun(sandbox, "SendSms", ONE | PARAMETERS, **how)
    assert status >= 400
    assert answer["Code"] == code
    assert sandbox.log.page() == []


async def test_a_nonce_serves_once_also_after_a_restart(make, aliyun):
    async with make() as first:
        assert (await aliyun(first, "SendSms", ONE | PARAMETERS, nonce="n"))[1]["Code"] == "OK"
    async with make() as second:
        assert (await aliyun(second, "SendSms", ONE | PARAMETERS, nonce="n"))[1][
            "Code"
        ] == "SignatureNonceUsed"
        assert len(second.log.page()) == 1


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"PhoneNumbers": "2380000"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"PhoneNumbers": ",".join(["13800000001"] * 1001)}, "isv.MOBILE_COUNT_OVER_LIMIT"),
        ({"SignName": "别人"}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({"SignName": "停用"}, "isv.SIGN_STATE_ILLEGAL"),
        ({"TemplateCode": "SMS_9"}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ({"TemplateParam": "{"}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParam": '{"order": 1}'}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParam": "{}"}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ({"TemplateParam": json.dumps({"order": "长" * 36})}, "isv.PARAM_LENGTH_LIMIT"),
        ({"TemplateCode": "SMS_4"}, "isv.SMS_CONTENT_ILLEGAL"),
        ({"OutId": "b" * 256}, "isv.INVALID_PARAMETERS"),
    ],
)
async def test_what_the_service_refuses_is_a_200_with_a_code_and_no_effect(sandbox, aliyun, changed, code):
    status, answer = await aliyun(sandbox, "SendSms", ONE | PARAMETERS | changed)
    assert (status, answer["Code"]) == (200, code)
    assert sandbox.log.page() == []


async def test_a_batch_sends_each_its_own_text(sandbox, aliyun):
    query, form = batch(["13800000001", "13800000002"])
    assert (await aliyun(sandbox, "SendBatchSms", query, form))[1]["Code"] == "OK"
    assert [row.text[:8] for row in sandbox.log.page()] == ["【华象】客户0您", "【华象】客户1您"]
    assert all(row.marketing for row in sandbox.log.page())


@pytest.mark.parametrize(
    ("phones", "changed", "code"),
    [
        ([f"138{at:08}" for at in range(101)], {}, "isv.MOBILE_COUNT_OVER_LIMIT"),
        (["13800000001"], {"SignNameJson": ["华象", "华象"]}, "isv.PARAM_NOT_MATCH"),
        (["13800000001", "1"], {}, "isv.MOBILE_NUMBER_ILLEGAL"),
        (["13800000001"], {"TemplateParamJson": [{}]}, "isv.TEMPLATE_MISSING_PARAMETERS"),
    ],
)
async def test_a_batch_is_sent_whole_or_not_at_all(sandbox, aliyun, phones, changed, code):
    query, form = batch(phones, **changed)
    assert (await aliyun(sandbox, "SendBatchSms", query, form))[1]["Code"] == code
    assert sandbox.log.page() == []


@pytest.mark.parametrize(
    ("hour", "code"),
    [(7.99, "isv.SEND_TIME_CONTROL"), (8, "OK"), (21.99, "OK"), (22, "isv.SEND_TIME_CONTROL")],
)
async def test_marketing_goes_out_between_8_and_22(sandbox, aliyun, clock, hour, code):
    clock.at += (hour - 12) * 3600
    query, form = batch(["13800000001"])
    assert (await aliyun(sandbox, "SendBatchSms", query, form))[1]["Code"] == code


async def test_a_number_gets_one_code_a_minute(sandbox, aliyun, clock):
    otp = ONE | {"TemplateCode": "SMS_3", "TemplateParam": '{"code": "1234"}'}
    assert (await aliyun(sandbox, "SendSms", otp))[1]["Code"] == "OK"
    assert (await aliyun(sandbox, "SendSms", otp))[1]["Code"] == "isv.BUSINESS_LIMIT_CONTROL"
    clock.at += 61
    assert (await aliyun(sandbox, "SendSms", otp))[1]["Code"] == "OK"


async def test_a_number_gets_fifty_of_a_template_a_day(sandbox, aliyun, clock):
    fifty = ONE | PARAMETERS | {"PhoneNumbers": ",".join(["13800000001"] * 50)}
    assert (await aliyun(sandbox, "SendSms", fifty))[1]["Code"] == "OK"
    assert (await aliyun(sandbox, "SendSms", ONE | PARAMETERS))[1]["Code"] == "isv.BUSINESS_LIMIT_CONTROL"
    clock.at += 24 * 3600 + 1
    assert (await aliyun(sandbox, "SendSms", ONE | PARAMETERS))[1]["Code"] == "OK"


async def test_a_query_shows_what_was_sent_after_the_lag(sandbox, aliyun, clock, responses):
    responses.by_address["13800000001"] = Response(delivered_after_s=30.0)
    await aliyun(sandbox, "SendSms", ONE | PARAMETERS)
    asked = {"PhoneNumber": "13800000001", "SendDate": "20260611", "PageSize": "50", "CurrentPage": "1"}

    async def rows() -> list[dict[str, object]]:
        answer = (await aliyun(sandbox, "QuerySendDetails", asked))[1]
        return answer["SmsSendDetailDTOs"]["SmsSendDetailDTO"]

    assert await rows() == []
    clock.at += 6
    (waiting,) = await rows()
    assert (waiting["OutId"], waiting["SendStatus"]) == ("b1", 1)
    clock.at += 30
    (settled,) = await rows()
    assert (settled["SendStatus"], settled["ErrCode"]) == (3, "DELIVERED")
    assert (settled["SendDate"], settled["ReceiveDate"]) == ("2026-06-11 12:00:00", "2026-06-11 12:00:30")
    asked["SendDate"] = "20260610"
    assert await rows() == []


async def test_receipt_and_reply_are_pushed_in_aliyuns_format(sandbox, aliyun, receiver, responses, clock):
    responses.by_address["13800000001"] = Response(delivered_after_s=1.0, reply="R", replied_after_s=9.0)
    await aliyun(sandbox, "SendSms", ONE | PARAMETERS)
    clock.at += 10
    await receiver.wait(lambda: len(receiver.got) >= 2)
    pushed = {path: json.loads(body) for path, _, body in receiver.got}
    (receipt,), (reply,) = pushed["/aliyun/report"], pushed["/aliyun/up"]
    assert receipt["out_id"] == "b1"
    assert (receipt["success"], receipt["err_code"]) == (True, "DELIVERED")
    assert receipt["report_time"] == "2026-06-11 12:00:01"
    assert (reply["content"], reply["phone_number"]) == ("R", "13800000001")
