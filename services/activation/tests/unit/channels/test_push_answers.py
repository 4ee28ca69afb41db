"""Answers as the documentation of FCM and APNs shows them, given by a transport that says nothing else."""

import json
from datetime import UTC, datetime

import pytest
from activation.channels.apns.channel import _refusal
from activation.channels.fcm.channel import FcmChannel
from activation.channels.port import Batch, Message, MessageClass, Scope, Target, Verdict
from activation.channels.transport import HttpReply
from channel_rigs.fcm import account

TYPE = "type.googleapis.com/google.firebase.fcm.v1."
BAD_TOKEN = {
    "code": 400,
    "message": "The registration token is not a valid FCM registration token",
    "status": "INVALID_ARGUMENT",
    "details": [{"@type": TYPE + "FcmError", "errorCode": "INVALID_ARGUMENT"}],
}
BAD_FIELD = {
    "code": 400,
    "message": "Invalid value at 'message.data[0].value' (TYPE_STRING), 12",
    "status": "INVALID_ARGUMENT",
    "details": [
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "message.data[0].value", "description": "Invalid value"}],
        }
    ],
}
BAD_TOKEN_AT_LENGTH = {
    **BAD_TOKEN,
    "details": [
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "message.token", "description": "Invalid registration token"}],
        },
        *BAD_TOKEN["details"],
    ],
}
BAD_FIELD_OF_FCM = {**BAD_FIELD, "details": [*BAD_TOKEN["details"], *BAD_FIELD["details"]]}
GONE = {
    "code": 404,
    "message": "Requested entity was not found.",
    "status": "NOT_FOUND",
    "details": [{"@type": TYPE + "FcmError", "errorCode": "UNREGISTERED"}],
}
APPLE_KEY = {
    "code": 401,
    "message": "Auth error from APNS or Web Push Service",
    "status": "UNAUTHENTICATED",
    "details": [
        {"@type": TYPE + "FcmError", "errorCode": "THIRD_PARTY_AUTH_ERROR"},
        {"@type": TYPE + "ApnsError", "statusCode": 403, "reason": "InvalidProviderToken"},
    ],
}
NO_PROJECT = {"code": 404, "message": "Requested entity was not found.", "status": "NOT_FOUND"}


class Google:
    """Grants every token and answers every message alike."""

    def __init__(self, status: int, body: object) -> None:
        self._reply = HttpReply(status, {}, json.dumps(body).encode())

    async def send(self, method: str, url: str, *_: object) -> HttpReply:
        if not url.endswith("/token"):
            return self._reply
        return HttpReply(200, {}, b'{"access_token": "t", "expires_in": 3599, "token_type": "Bearer"}')


@pytest.mark.parametrize(
    ("error", "scope", "reason"),
    [
        (BAD_TOKEN, Scope.RECIPIENT, "INVALID_ARGUMENT"),
        (BAD_TOKEN_AT_LENGTH, Scope.RECIPIENT, "INVALID_ARGUMENT"),
        (BAD_FIELD, Scope.CAMPAIGN, "INVALID_ARGUMENT"),
        (BAD_FIELD_OF_FCM, Scope.CAMPAIGN, "INVALID_ARGUMENT"),
        (GONE, Scope.RECIPIENT, "UNREGISTERED"),
        (APPLE_KEY, Scope.ACCOUNT, "THIRD_PARTY_AUTH_ERROR"),
        (NO_PROJECT, Scope.ACCOUNT, "NOT_FOUND"),
    ],
)
async def test_google_s_errors(error, scope, reason):
    channel = FcmChannel(
        account("unit"), Google(error["code"], {"error": error}), lambda: datetime(2026, 1, 1, tzinfo=UTC)
    )
    message = Message(MessageClass.TRANSACTIONAL, parameters={"alert": "您好"})
    (outcome,) = await channel.submit(channel.build(Batch("k", message, (Target("d", "k", "token"),))), 1.0)
    assert (outcome.verdict, outcome.scope, outcome.reason) == (Verdict.REJECTED, scope, reason)


def test_apple_s_410():
    reply = HttpReply(410, {}, b'{"reason": "Unregistered", "timestamp": 1454948015990}')
    assert _refusal(reply) == ("Unregistered", datetime(2016, 2, 8, 16, 13, 35, 990_000, tzinfo=UTC))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_not_apple_s(body):
    assert _refusal(HttpReply(410, {}, body)) == ("", None)
