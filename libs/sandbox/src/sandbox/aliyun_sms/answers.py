"""Answers of the gateway and of the SMS service behind it."""

import uuid

from sandbox.provider import Refusal, Reply


def request_id() -> str:
    return str(uuid.uuid4()).upper()


def gate(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Reply:
    """An error of the gateway: the request did not reach the service."""
    content = {"RequestId": request_id(), "HostId": "sandbox", "Code": code, "Message": message}
    return Reply.json(status, content, headers)


def refuse_at_the_gate(status: int, code: str, message: str) -> Refusal:
    return Refusal(gate(status, code, message))


def refuse(code: str, message: str) -> Refusal:
    """An error of the service: HTTP 200 with a Code that is not OK."""
    return Refusal(Reply.json(200, {"Code": code, "Message": message, "RequestId": request_id()}))


def accepted(biz_id: str) -> Reply:
    return Reply.json(200, {"Code": "OK", "Message": "OK", "BizId": biz_id, "RequestId": request_id()})
