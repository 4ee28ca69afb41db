"""The receiver of webhooks: who may call, and what a repeat gets."""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET, SEED = b"s" * 32, b"k" * 32
DATA = {"address": "r1", "template_id": "T1", "message_class": "marketing", "parameters": {"a": "一"}}


@pytest.fixture
def document():
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
    return {
        "webhook": {
            "secrets": ["whsec_" + base64.b64encode(SECRET).decode()],
            "public_keys": ["whpk_" + base64.b64encode(public).decode()],
            "templates": ["T1"],
            "people": {"listed": ["r1"]},
        }
    }


@pytest.fixture
def call(http, sandbox, clock):
    """await call(data, ...) -> status"""

    async def send(
        data=DATA, *, message_id="m1", late_s=0, changed=b"", secret=SECRET, **headers: str
    ) -> int:
        body = json.dumps({"type": "message.send", "data": data}).encode()
        at = str(int(clock.now() - late_s))
        text = f"{message_id}.{at}.".encode() + body
        signed = "v1," + base64.b64encode(hmac.digest(secret, text, hashlib.sha256)).decode()
        signed_too = "v1a," + base64.b64encode(Ed25519PrivateKey.from_private_bytes(SEED).sign(text)).decode()
        sent = {
            "webhook-id": message_id,
            "webhook-timestamp": at,
            "webhook-signature": signed if headers.pop("version", "v1") == "v1" else f"v9,AAAA {signed_too}",
        } | headers
        async with http.post(sandbox.url("webhook"), data=body + changed, headers=sent) as answer:
            return answer.status

    return send


async def test_a_message_is_taken_once_in_a_day(call, sandbox, clock):
    assert [await call(), await call(version="v1a"), await call(message_id="m2")] == [202, 200, 202]
    assert [(row.key, row.marketing, row.text) for row in sandbox.log.page()] == [
        ("m1", True, '{"a": "一"}'),
        ("m2", True, '{"a": "一"}'),
    ]
    clock.at += 86_401
    assert await call() == 202


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"late_s": 301}, 401),
        ({"late_s": -302}, 401),
        ({"changed": b" "}, 401),
        ({"secret": b"x"}, 401),
        ({"webhook-id": ""}, 401),
        ({"webhook-timestamp": "now"}, 401),
        ({"webhook-timestamp": "²"}, 401),
        ({"webhook-timestamp": "9" * 5_000}, 401),
        ({"webhook-signature": "v1,?"}, 401),
        ({"webhook-signature": ""}, 401),
        ({"data": DATA | {"template_id": "T9"}}, 400),
        ({"data": DATA | {"address": "nobody"}}, 422),
        ({"data": DATA | {"address": 1}}, 400),
        ({"data": None}, 400),
    ],
)
async def test_what_is_refused_leaves_no_effect(call, sandbox, how, status):
    assert await call(**how) == status
    assert sandbox.log.page() == []


async def test_an_endpoint_that_is_closed_says_gone(http, make, document):
    document["webhook"]["open"] = False
    async with make() as sandbox, http.post(sandbox.url("webhook"), data=b"{}") as answer:
        assert answer.status == 410
