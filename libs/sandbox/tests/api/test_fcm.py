"""FCM: grants for tokens, messages, errors with their details."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sandbox.effects import REPLACED

EMAIL = "sender@shop.example"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@pytest.fixture
def document(key):
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    project = {"project_id": "shop", "client_email": EMAIL, "public_key": public, "apns_key": False}
    return {
        "fcm": {
            "projects": [project],
            "devices": {"listed": ["t1", "t2", "gone", "foreign", "iphone"], "gone": ["gone"]},
            "foreign": ["foreign"],
            "apple": ["iphone"],
        }
    }


@pytest.fixture
def grant(http, key, clock):
    """await grant(sandbox, **claims that replace) -> (status, answer)"""

    async def ask(sandbox, **changed: object) -> tuple[int, dict[str, object]]:
        url, now = sandbox.url("fcm") + "/token", int(clock.at)
        claims = {"iss": EMAIL, "scope": SCOPE, "aud": url, "iat": now, "exp": now + 3_600} | changed
        form = {"grant_type": GRANT, "assertion": jwt.encode(claims, key, algorithm="RS256")}
        async with http.post(url, data=form) as answer:
            return answer.status, await answer.json()

    return ask


@pytest.fixture
def send(http, grant):
    """await send(sandbox, message) -> (status, answer)"""

    async def post(sandbox, message: object, token: str | None = None) -> tuple[int, dict[str, object]]:
        given = (await grant(sandbox))[1]["access_token"] if token is None else token
        url = sandbox.url("fcm") + "/v1/projects/shop/messages:send"
        headers = {"Authorization": f"Bearer {given}"}
        async with http.post(url, json={"message": message}, headers=headers) as answer:
            return answer.status, await answer.json()

    return post


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"iss": "nobody"}, "invalid_grant"),
        ({"aud": "https://elsewhere/token"}, "invalid_grant"),
        ({"exp": 9_999_999_999}, "invalid_grant"),
        ({"iat": 1, "exp": 3_601}, "invalid_grant"),
        ({"iat": None}, "invalid_grant"),
        ({"scope": "openid"}, "invalid_scope"),
    ],
)
async def test_grants_that_do_not_hold_get_no_token(sandbox, grant, changed, error):
    status, answer = await grant(sandbox, **changed)
    assert (status, answer["error"]) == (400, error)


async def test_a_token_serves_for_an_hour(sandbox, grant, send, clock):
    _, answer = await grant(sandbox)
    assert (answer["expires_in"], answer["token_type"]) == (3_600, "Bearer")
    shown = {"token": "t1", "notification": {"body": "您好"}}
    status, sent = await send(sandbox, shown, answer["access_token"])
    assert (status, sent["name"].startswith("projects/shop/messages/")) == (200, True)
    clock.at += 3_601
    status, sent = await send(sandbox, shown, answer["access_token"])
    assert (status, sent["error"]["status"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("message", "status", "code", "detail"),
    [
        ({"token": "gone"}, 404, "UNREGISTERED", "FcmError"),
        ({"token": "foreign"}, 403, "SENDER_ID_MISMATCH", "FcmError"),
        ({"token": "nobody"}, 400, "INVALID_ARGUMENT", "FcmError"),
        ({"token": "iphone"}, 401, "THIRD_PARTY_AUTH_ERROR", "FcmError"),
        ({"token": "t1", "data": {"a": 1}}, 400, "INVALID_ARGUMENT", "BadRequest"),
        ({"token": "t1", "data": {"google.a": "1"}}, 400, "INVALID_ARGUMENT", "BadRequest"),
        ({"token": "t1", "data": {"a": "长" * 1_400}}, 400, "INVALID_ARGUMENT", "BadRequest"),
        ({"token": "t1", "android": {"ttl": "2419201s"}}, 400, "INVALID_ARGUMENT", "BadRequest"),
        (
            {"token": "t1", "apns": {"headers": {"apns-collapse-id": "x" * 65}}},
            400,
            "INVALID_ARGUMENT",
            "BadRequest",
        ),
    ],
)
async def test_errors_carry_their_details_and_leave_no_effect(sandbox, send, message, status, code, detail):
    got, answer = await send(sandbox, message)
    (first,) = answer["error"]["details"]
    assert (got, first["@type"].rpartition(".")[2]) == (status, detail)
    assert first.get("errorCode", answer["error"]["status"]) == code
    assert sandbox.log.page() == []


async def test_a_tag_replaces_on_one_screen_alone(sandbox, send):
    for token in ("t1", "t1", "t2"):
        both = {"notification": {"tag": "d1"}}, {"headers": {"apns-collapse-id": "d1"}}
        await send(
            sandbox, {"token": token, "notification": {"body": "您好"}, "android": both[0], "apns": both[1]}
        )
    assert [row.outcome for row in sandbox.log.page()] == ["DELIVERED", REPLACED, "DELIVERED"]
