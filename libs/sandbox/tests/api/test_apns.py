"""APNs: provider tokens, what a request must carry, and one request at a time until a token was good."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sandbox.effects import REPLACED
from sandbox.http2 import CONNECTION
from sandbox.provider import Call, Refusal, Reply

DEVICE, GONE, OTHER = "1" * 64, "2" * 64, "3" * 64


@pytest.fixture(scope="module")
def key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def document(key):
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {
        "apns": {
            "keys": [{"team_id": "TEAM", "key_id": "K1", "public_key": public, "topics": ["example.shop"]}],
            "devices": {"listed": [DEVICE, GONE, OTHER], "gone": [GONE]},
            "gone_since_epoch_s": 1_780_000_000,
            "of_other_apps": [OTHER],
        }
    }


@pytest.fixture
def token(key, clock):
    """token(**claims that replace)"""

    def make(kid: str = "K1", **changed: object) -> str:
        claims = {"iss": "TEAM", "iat": int(clock.at)} | changed
        return jwt.encode(claims, key, algorithm="ES256", headers={"kid": kid})

    return make


@pytest.fixture
def ask(sandbox, token):
    """ask(device, body, **headers that replace) -> the answer, without the way over the wire"""
    (provider,) = sandbox._providers

    def call(device: str = DEVICE, body: bytes | None = None, **changed: str) -> Reply:
        headers = {"authorization": f"bearer {token()}", "apns-topic": "example.shop"}
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        shown = json.dumps({"aps": {"alert": {"body": "您好"}}}).encode() if body is None else body
        try:
            return provider.handle(Call("POST", f"/3/device/{device}", "", headers, shown))
        except Refusal as refusal:
            return refusal.reply

    return call


def reason(reply: Reply) -> tuple[int, str]:
    return reply.status, str(json.loads(reply.body)["reason"])


async def test_an_accepted_message_answers_with_its_id_alone(ask, token, sandbox):
    apns_id, proof = "0f0e0d0c-0b0a-4908-8706-050403020100", f"bearer {token()}"
    reply = ask(authorization=proof, apns_id=apns_id, apns_collapse_id="d1")
    assert (reply.status, reply.body, reply.headers) == (200, b"", {"apns-id": apns_id})
    ask(authorization=proof, apns_collapse_id="d1")
    assert [row.outcome for row in sandbox.log.page()] == ["DELIVERED", REPLACED]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"authorization": ""}, (403, "MissingProviderToken")),
        ({"authorization": "bearer x.y.z"}, (403, "InvalidProviderToken")),
        ({"apns_topic": ""}, (400, "MissingTopic")),
        ({"apns_topic": "example.other"}, (400, "TopicDisallowed")),
        ({"apns_collapse_id": "x" * 65}, (400, "BadCollapseId")),
        ({"apns_push_type": "shout"}, (400, "InvalidPushType")),
        ({"apns_priority": "7"}, (400, "BadPriority")),
        ({"apns_expiration": "soon"}, (400, "BadExpirationDate")),
        ({"apns_id": "x"}, (400, "BadMessageId")),
        ({"device": "zz"}, (400, "BadDeviceToken")),
        ({"device": "4" * 64}, (400, "BadDeviceToken")),
        ({"device": ""}, (400, "MissingDeviceToken")),
        ({"device": OTHER}, (400, "DeviceTokenNotForTopic")),
        ({"body": b""}, (400, "PayloadEmpty")),
        ({"body": b"x" * 4_097}, (413, "PayloadTooLarge")),
    ],
)
async def test_what_is_refused_leaves_no_effect(ask, sandbox, changed, expected):
    assert reason(ask(**changed)) == expected
    assert sandbox.log.page() == []


async def test_a_device_without_the_app_tells_since_when(ask):
    reply = ask(device=GONE)
    assert reason(reply) == (410, "Unregistered")
    assert json.loads(reply.body)["timestamp"] == 1_780_000_000_000


async def test_tokens_of_others_and_of_other_times_are_refused(ask, token, clock):
    for changed in ({"kid": "K2"}, {"iss": "OTHER"}, {"iat": int(clock.at) + 600}, {"iat": "now"}):
        assert reason(ask(authorization=f"bearer {token(**changed)}")) == (403, "InvalidProviderToken")
    old = token(iat=int(clock.at) - 3_601)
    assert reason(ask(authorization=f"bearer {old}")) == (403, "ExpiredProviderToken")


async def test_a_connection_may_change_its_token_every_twenty_minutes(ask, clock):
    here, there = {CONNECTION: "1"}, {CONNECTION: "2"}
    assert ask(**here).status == 200
    clock.at += 1_199
    assert reason(ask(**here)) == (429, "TooManyProviderTokenUpdates")
    assert ask(**there).status == 200
    clock.at += 1
    assert ask(**here).status == 200
