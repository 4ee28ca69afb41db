"""Answers of restapi.getui.com: an HTTP status by kind of refusal, and {code, msg, data}."""

from sandbox.provider import Refusal, Reply

TOKEN, BLACKLISTED, AUTH_RATE, RATE, PARAMETER = 10001, 10002, 10003, 10005, 20001
_STATUS = {404: 404, 405: 405, TOKEN: 401, BLACKLISTED: 401, AUTH_RATE: 401, RATE: 401, PARAMETER: 400}
NO_SUCH_TARGET = "target user is invalid"


def success(data: object) -> Reply:
    return Reply.json(200, {"code": 0, "msg": "success", "data": data})


def error(code: int, message: str, headers: dict[str, str] | None = None) -> Reply:
    """HTTP 401 also for too many calls: that is how Getui says it."""
    return Reply.json(_STATUS.get(code, 200), {"code": code, "msg": message}, headers)


def refuse(code: int, message: str) -> Refusal:
    return Refusal(error(code, message))
