"""Answers of api.weixin.qq.com: HTTP 200 with an errcode."""

from sandbox.provider import Refusal, Reply

_MESSAGES = {
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    0: "ok",
    40003: "invalid openid",
    40007: "invalid media_id",
    40008: "invalid message type",
    40013: "invalid appid",
    40031: "invalid openid list",
    40032: "invalid openid list size",
    40037: "invalid template_id",
    40125: "invalid appsecret",
    40130: "invalid openid list size, at least two openid",
    40249: "template message does not support marketing content",
    41001: "access_token missing",
    42001: "access_token expired",
    43002: "require POST method",
    43004: "require subscribe",
    43101: "user refuse to accept the msg",
    44004: "empty content",
    45002: "content size out of limit",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    45015: "response out of time limit or subscription is canceled",
    45047: "out of response count limit",
    45065: "clientmsgid exist",
    45066: "same clientmsgid retry too fast",
    45067: "clientmsgid size out of limit",
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
