"""Aliyun's own SDK against the sandbox: it must find nothing strange."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from sandbox.main import build
from sandbox.settings import read

pytestmark = pytest.mark.filterwarnings("ignore")  # the SDK's own
models = pytest.importorskip(
    "alibabacloud_dysmsapi20170525.models", reason="the official SDK is not installed (dependency group sdks)"
)


@pytest.fixture
async def client(tmp_path, document):
    """client(secret) talks to a sandbox on the machine's clock: the SDK has no other."""
    from alibabacloud_dysmsapi20170525.client import Client
    from alibabacloud_tea_openapi.models import Config

    async with build(read(document), tmp_path / "sandbox") as sandbox:
        endpoint = sandbox.url("aliyun_sms").removeprefix("http://")

        def make(secret: str) -> Client:
            keys = {"access_key_id": "ak-test", "access_key_secret": secret}
            return Client(Config(**keys, endpoint=endpoint, protocol="HTTP"))

        make.log = sandbox.log
        yield make


async def test_a_send_a_batch_and_a_query(client):
    sdk = client("aliyun-test-only")
    send = models.SendSmsRequest(
        phone_numbers="13800000001",
        sign_name="华象",
        template_code="SMS_2",
        template_param=json.dumps({"order": "A 1+~*&="}),
        out_id="b1",
    )
    batch = models.SendBatchSmsRequest(
        phone_number_json='["13800000001","13800000002"]',
        sign_name_json='["华象","华象"]',
        template_code="SMS_2",
        template_param_json='[{"order":"甲 乙"},{"order":"c"}]',
        out_id="b2",
    )
    answers = [
        await asyncio.to_thread(call, what)
        for call, what in ((sdk.send_sms, send), (sdk.send_batch_sms, batch))
    ]
    assert [answer.body.code for answer in answers] == ["OK", "OK"]
    assert [effect.text for effect in client.log.page()] == [
        "【华象】您的订单A 1+~*&=已发货",
        "【华象】您的订单甲 乙已发货",
        "【华象】您的订单c已发货",
    ]
    assert {effect.message_id for effect in client.log.page()} == {answer.body.biz_id for answer in answers}
    today = datetime.now(UTC).strftime("%Y%m%d")
    query = models.QuerySendDetailsRequest(
        phone_number="13800000001", send_date=today, page_size=50, current_page=1
    )
    assert (await asyncio.to_thread(sdk.query_send_details, query)).body.code == "OK"


async def test_a_wrong_secret(client):
    from alibabacloud_tea_openapi.exceptions import ClientException

    send = models.SendSmsRequest(phone_numbers="13800000001", sign_name="华象", template_code="SMS_2")
    with pytest.raises(ClientException) as raised:
        await asyncio.to_thread(client("wrong").send_sms, send)
    assert raised.value.code == "SignatureDoesNotMatch"
    assert client.log.page() == []
