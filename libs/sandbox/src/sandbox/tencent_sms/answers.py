"""Answers of the API gateway and of the SMS service behind it: HTTP 200 with a Response, whatever happened."""

import uuid
from collections.abc import Mapping

from sandbox.provider import Refusal, Reply

JSON = {"Content-Type": "application/json"}
"""Exactly so: the official SDK looks for an Error only in this type."""


def response(content: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Reply:
    body = {"Response": {**content, "RequestId": str(uuid.uuid4())}}
    return Reply.json(200, body, {**JSON, **(headers or {})})


def error(code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    return response({"Error": {"Code": code, "Message": message}}, headers)


def refuse(code: str, message: str) -> Refusal:
    """The call is refused as a whole."""
    return Refusal(error(code, message))
