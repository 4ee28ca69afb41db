"""Access tokens by stable_token: every worker may ask, all get the same one, so no lock is shared."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from activation.channels.transport import Deadline, HttpReply, Transport

PATH = "/cgi-bin/stable_token"
EARLY = timedelta(minutes=4)
"""Fetched anew so long before the end; WeChat hands out the next one from five minutes before."""

REFUSED_BORNE = timedelta(minutes=1)
"""A token may end right after it was given; when none is taken for so long the account is at fault."""


@dataclass(frozen=True, slots=True)
class WechatAccount:
    appid: str
    secret: str = field(repr=False)
    callback_token: str = field(repr=False)
    """Signs the events that WeChat pushes."""


class TokenRefusedError(Exception):
    """WeChat gave no token; `errcode` says why, empty when the answer was not readable or 5xx."""

    def __init__(self, errcode: str, reply: HttpReply) -> None:
        super().__init__(errcode)
        self.errcode = errcode
        self.reply = reply


class Tokens:
    """Keeps the current token in memory."""

    def __init__(
        self, account: WechatAccount, transport: Transport, now: Callable[[], datetime], base_url: str
    ) -> None:
        self._account = account
        self._transport = transport
        self._now = now
        self._url = base_url + PATH
        self._lock = asyncio.Lock()
        self._token = ""
        self._ends: datetime | None = None
        self._refused_since: datetime | None = None

    async def get(self, deadline: Deadline, *, refused: str = "") -> str:
        """The token; `refused` is one that WeChat did not take and must not be given again.

        Raises TokenRefusedError, NotSentError and UnansweredError. A token is never asked for by force: that
        would end the token of all other workers.
        """
        async with self._lock:
            if not self._token or self._token == refused or self._ends is None or self._ends <= self._now():
                await self._fetch(deadline)
            return self._token

    def taken(self) -> None:
        """WeChat took a token."""
        self._refused_since = None

    def refused_for_long(self) -> bool:
        """Notes that WeChat refused a token right after its renewal; whether it has taken none for a minute."""
        now = self._now()
        self._refused_since = self._refused_since or now
        return now - self._refused_since >= REFUSED_BORNE

    async def _fetch(self, deadline: Deadline) -> None:
        content = {
            "grant_type": "client_credential",
            "appid": self._account.appid,
            "secret": self._account.secret,
            "force_refresh": False,
        }
        headers = {"Content-Type": "application/json"}
        reply = await self._transport.send(
            "POST", self._url, headers, json.dumps(content).encode(), deadline.left_s()
        )
        try:
            answer = json.loads(reply.body)
            token, left_s = str(answer["access_token"]), float(answer["expires_in"])
        except (ValueError, KeyError, TypeError) as error:
            raise TokenRefusedError(errcode(reply), reply) from error
        self._token = token
        lifetime = timedelta(seconds=left_s)
        self._ends = self._now() + max(lifetime - EARLY, lifetime / 2)


def errcode(reply: HttpReply) -> str:
    """The errcode of an answer, "0" for success; empty when the answer is not WeChat's."""
    try:
        answer = json.loads(reply.body)
    except ValueError:
        return ""
    code = answer.get("errcode") if isinstance(answer, dict) else None
    return str(code) if isinstance(code, int) else ""
