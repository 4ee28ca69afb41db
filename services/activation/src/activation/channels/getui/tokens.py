"""Tokens for a day, given for a signature over key, time and secret. A new one does not end the others."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from activation.channels import answers
from activation.channels.error_table import ErrorTable, Meaning
from activation.channels.phone_makers import Registered
from activation.channels.port import Scope, Verdict
from activation.channels.token_keeping import Granted, TokenRefusedError, is_token
from activation.channels.transport import Deadline, HttpReply, Transport

PATH = "/auth"
MAX_TIME_DIGITS = 15
"""Of milliseconds; more are beyond all calendars."""
PARAMETER = "20001"
"""Here it is the key or the signature that is wrong."""
_ACCOUNT = Meaning(Verdict.REJECTED, Scope.ACCOUNT)


@dataclass(frozen=True, slots=True)
class GetuiAccount:
    app_id: str
    app_key: str
    master_secret: str = field(repr=False)
    registered: Registered = field(default_factory=Registered)


def sign(account: GetuiAccount, timestamp_ms: str) -> str:
    """SHA-256 over key, time and secret, joined without anything between; hex."""
    return hashlib.sha256(f"{account.app_key}{timestamp_ms}{account.master_secret}".encode()).hexdigest()


class Tokens:
    """Asks for tokens."""

    def __init__(
        self,
        account: GetuiAccount,
        transport: Transport,
        now: Callable[[], datetime],
        url: str,
        errors: ErrorTable,
    ) -> None:
        self._account = account
        self._transport = transport
        self._now = now
        self._url = url + PATH
        self._errors = errors

    async def fetch(self, deadline: Deadline) -> Granted:
        """Raises TokenRefusedError, NotSentError and UnansweredError."""
        timestamp_ms = str(int(self._now().timestamp() * 1_000))
        content = {
            "sign": sign(self._account, timestamp_ms),
            "timestamp": timestamp_ms,
            "appkey": self._account.app_key,
        }
        headers = {"Content-Type": "application/json;charset=utf-8"}
        body = json.dumps(content).encode()
        reply = await self._transport.send("POST", self._url, headers, body, deadline.left_s())
        code, answer = read(reply)
        data = answer.get("data")
        if reply.status == 200 and code == "0" and isinstance(data, dict):
            token, ends_ms = data.get("token"), str(data.get("expire_time", ""))
            if is_token(token) and ends_ms.isdecimal() and len(ends_ms) <= MAX_TIME_DIGITS:
                return Granted.lasting(token, int(ends_ms) / 1_000 - self._now().timestamp())
        meaning = _ACCOUNT if code == PARAMETER else self._errors.meaning(code)
        raise TokenRefusedError(code or str(reply.status), meaning, answers.retry_after_s(reply))


def read(reply: HttpReply) -> tuple[str, dict[str, object]]:
    """(code, answer): "0" for success, empty when the answer is not Getui's."""
    answer = answers.content(reply)
    return (str(answer["code"]), answer) if type(answer.get("code")) is int else ("", {})
