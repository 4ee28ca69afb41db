"""Answers of api.weixin.qq.com: HTTP 200 with an errcode."""

from sandbox.provider import Refusal, Reply

_MESSAGES = {
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40013: "invalid appid",
    40037: "invalid template_id",
    40125: "invalid appsecret",
    40249: "template message does not support marketing content",
    41001: "access_token missing",
    42001: "access_token expired",
    43002: "require POST method",
    43004: "require subscribe",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    47001: "data format error",
    47003: "argument invalid",
    48001: "api unauthorized",
}


def errcode(code: int, hint: str = "") -> Reply:
    message = f"{_MESSAGES.get(code, 'error')}{' ' + hint if hint else ''} rid: sandbox"
    return Reply.json(200, {"errcode": code, "errmsg": message})


def refuse(code: int, hint: str = "") -> Refusal:
    return Refusal(errcode(code, hint))


def sent(msgid: int) -> Reply:
    return Reply.json(200, {"errcode": 0, "errmsg": "ok", "msgid": msgid})
