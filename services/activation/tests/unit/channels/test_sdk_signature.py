"""Our signature against the one that Aliyun's own SDK computes."""

import random
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from activation.channels.aliyun_sms.signing import signed_headers

pytestmark = pytest.mark.filterwarnings("ignore")  # the SDK's own
utils = pytest.importorskip(
    "alibabacloud_tea_openapi.utils", reason="the official SDK is not installed (dependency group sdks)"
)
LETTERS = "aZ09 ~-_.!*'()+%&=/?#[]@:;,中文签名\n"


@pytest.mark.parametrize("seed", range(100))
def test_equal_for_random_requests(seed):
    chance = random.Random(seed)

    def word() -> str:
        return "".join(chance.choices(LETTERS, k=chance.randint(1, 12)))

    query = [(name, word()) for name in chance.sample(["OutId", "TemplateCode", "SignName", "A", "b"], k=3)]
    secret = word()
    headers = signed_headers(
        key_id="ak",
        secret=secret,
        host="127.0.0.1:1234",
        action="SendSms",
        query=query,
        content_type=chance.choice(["", "application/x-www-form-urlencoded"]),
        body=word().encode(),
        at=datetime.fromtimestamp(chance.randint(0, 2**31), UTC),
        nonce=str(seed),
    )
    given = {name: value for name, value in headers.items() if name != "authorization"}
    request = SimpleNamespace(method="POST", pathname="/", query=dict(query), headers=given)
    expected = utils.Utils.get_authorization(
        request, "ACS3-HMAC-SHA256", given["x-acs-content-sha256"], "ak", secret
    )
    assert headers["authorization"] == expected
