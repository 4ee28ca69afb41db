"""Answers of api.push.apple.com: nothing but an id on success, else a reason."""

from collections.abc import Mapping

from sandbox.provider import Refusal, Reply

_STATUS = {
    "BadPath": 404,
    "MethodNotAllowed": 405,
    "ExpiredProviderToken": 403,
    "InvalidProviderToken": 403,
    "MissingProviderToken": 403,
    "Unregistered": 410,
    "PayloadTooLarge": 413,
    "TooManyProviderTokenUpdates": 429,
    "TooManyRequests": 429,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
}
NOT_PROVEN = 403


def accepted(apns_id: str) -> Reply:
    return Reply(200, b"", {"apns-id": apns_id})


def error(reason: str, headers: Mapping[str, str] | None = None, timestamp_ms: int | None = None) -> Reply:
    """HTTP status by reason; 400 for all that have no status of their own."""
    content: dict[str, object] = {"reason": reason}
    if timestamp_ms is not None:
        content["timestamp"] = timestamp_ms
    return Reply.json(_STATUS.get(reason, 400), content, headers)


def refuse(reason: str, timestamp_ms: int | None = None) -> Refusal:
    return Refusal(error(reason, timestamp_ms=timestamp_ms))
