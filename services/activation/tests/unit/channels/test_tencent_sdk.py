"""Our signature and our table of errors against those of Tencent's own SDK."""

import json
import random
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from activation.channels import tencent_sms
from activation.channels.error_table import load
from activation.channels.tencent_sms.signing import CONTENT_TYPE, signed_headers

abstract_client = pytest.importorskip(
    "tencentcloud.common.abstract_client", reason="the official SDK is not installed (dependency group sdks)"
)
LETTERS = "aZ09 ~-_.!*'()+%&=/?#[]@:;,中文签名\n😀"


@pytest.mark.parametrize("seed", range(20))
def test_signatures_are_equal_for_random_requests(seed):
    chance = random.Random(seed)

    def word() -> str:
        return "".join(chance.choices(LETTERS, k=chance.randint(1, 12)))

    secret, host, at = (
        word(),
        f"{chance.randint(0, 9)}.example:80",
        datetime.fromtimestamp(chance.randint(0, 2**31), UTC),
    )
    body = json.dumps({word(): word()}, ensure_ascii=chance.random() < 0.5).encode()
    ours = signed_headers(
        secret_id="id", secret=secret, host=host, action="SendSms", region="ap-beijing", body=body, at=at
    )
    given = {"Content-Type": CONTENT_TYPE, "Host": host, "X-TC-Timestamp": ours["x-tc-timestamp"]}
    request = SimpleNamespace(uri="/", data=body, method="POST", header=given)
    date = at.strftime("%Y-%m-%d")
    client = abstract_client.AbstractClient.__new__(abstract_client.AbstractClient)
    theirs = client._get_tc3_signature({}, request, date, "sms", secret)
    assert ours["authorization"].endswith(f"Signature={theirs}")
    assert f"Credential=id/{date}/sms/tc3_request" in ours["authorization"]


def test_every_code_of_the_sdk_is_listed():
    errorcodes = pytest.importorskip("tencentcloud.sms.v20210111.errorcodes")
    named = {code for name, code in vars(errorcodes).items() if name.isupper()}
    assert len(named) > 90
    assert named <= set(load(tencent_sms.__name__).codes())
