"""Answers of api.jpush.cn: errors with a code, and rate headers on everything."""

from sandbox.provider import Refusal, Reply

_STATUS = {1000: 500, 1001: 405, 1004: 401, 1030: 503, 2002: 429, 2003: 403, 2006: 403}


def error(code: int, message: str, headers: dict[str, str] | None = None) -> Reply:
    """HTTP status by code; 400 for all that have no status of their own."""
    return Reply.json(_STATUS.get(code, 400), {"error": {"code": code, "message": message}}, headers)


def refuse(code: int, message: str) -> Refusal:
    return Refusal(error(code, message))


def failed(code: int, message: str) -> dict[str, object]:
    """The part of a batch answer that stands for one cid."""
    return {"error": {"code": code, "message": message}}
