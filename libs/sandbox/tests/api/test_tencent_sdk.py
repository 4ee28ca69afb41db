"""Tencent's own SDK against the sandbox: it must find nothing strange."""

import asyncio
import time

import pytest
from sandbox.main import build
from sandbox.settings import read

pytestmark = pytest.mark.filterwarnings("ignore")  # the SDK's own
models = pytest.importorskip(
    "tencentcloud.sms.v20210111.models", reason="the official SDK is not installed (dependency group sdks)"
)


@pytest.fixture
async def client(tmp_path, document, responses):
    """client(secret) talks to a sandbox on the machine's clock: the SDK has no other."""
    from tencentcloud.common.credential import Credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile
    from tencentcloud.sms.v20210111.sms_client import SmsClient

    section = {"tencent_sms": document["tencent_sms"] | {"query_lag_s": 0}}
    async with build(read(section), tmp_path / "sandbox", responses=responses) as sandbox:
        endpoint = sandbox.url("tencent_sms").removeprefix("http://")

        def make(secret: str) -> SmsClient:
            profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=endpoint))
            return SmsClient(Credential("tc-test", secret), "ap-guangzhou", profile)

        make.log = sandbox.log
        yield make


def send(*numbers: str, template: str = "1002") -> object:
    asked = models.SendSmsRequest()
    asked.PhoneNumberSet = list(numbers)
    asked.SmsSdkAppId = "1400000001"
    asked.TemplateId = template
    asked.SignName = "华象"
    asked.TemplateParamSet = ["A 1+~*&="]
    asked.SessionContext = "b1"
    return asked


async def test_a_send_and_its_status(client):
    sdk = client("tencent-test-only")
    answer = await asyncio.to_thread(sdk.SendSms, send("+8613800000001", "13800000002", "1"))
    assert [(each.PhoneNumber, each.Code) for each in answer.SendStatusSet] == [
        ("+8613800000001", "Ok"),
        ("+8613800000002", "Ok"),
        ("1", "InvalidParameterValue.IncorrectPhoneNumber"),
    ]
    effects = client.log.page()
    assert [effect.text for effect in effects] == ["【华象】您的订单A 1+~*&=已发货"] * 2
    assert [effect.message_id for effect in effects] == [each.SerialNo for each in answer.SendStatusSet[:2]]
    pull = models.PullSmsSendStatusByPhoneNumberRequest()
    pull.PhoneNumber, pull.SmsSdkAppId = "+8613800000001", "1400000001"
    pull.BeginTime, pull.Offset, pull.Limit = int(time.time()) - 60, 0, 100
    rows = (await asyncio.to_thread(sdk.PullSmsSendStatusByPhoneNumber, pull)).PullSmsSendStatusSet
    assert [(row.SessionContext, row.SerialNo) for row in rows] == [("b1", effects[0].message_id)]


@pytest.mark.parametrize(
    ("secret", "template", "code"),
    [
        ("wrong", "1002", "AuthFailure.SignatureFailure"),
        ("tencent-test-only", "9999", "FailedOperation.TemplateUnapprovedOrNotExist"),
    ],
)
async def test_what_is_refused_is_the_sdks_exception(client, secret, template, code):
    from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

    with pytest.raises(TencentCloudSDKException) as raised:
        await asyncio.to_thread(client(secret).SendSms, send("+8613800000001", template=template))
    assert raised.value.code == code
    assert client.log.page() == []
