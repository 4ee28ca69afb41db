"""Tokens by stable_token, submissions with them, and events signed by the callback token.

Every worker and every channel of an account may ask for a token: all get the same one, so they share nothing.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from activation.channels import answers
from activation.channels.error_table import ErrorTable
from activation.channels.port import Outcome, Problem, Target, Verdict
from activation.channels.token_keeping import Attempt, Granted, TokenKeeper, TokenRefusedError, is_token
from activation.channels.transport import Deadline, HttpReply, NotSentError, Transport, UnansweredError
from activation.channels.wire import WireRequest

BASE_URL = "https://api.weixin.qq.com"
TOKEN_PATH = "/cgi-bin/stable_token"  # noqa: S105 - a path
JSON = "application/json"
SUCCESS = "0"
MAX_OPENID_CHARS = 64

Answer = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class WechatAccount:
    appid: str
    secret: str = field(repr=False)
    callback_token: str = field(repr=False)
    """Signs the events that WeChat pushes."""

    @property
    def callback_source(self) -> str:
        """An official account has one URL for all its events."""
        return f"wechat/{self.appid}"


class OfficialAccount:
    """One account over HTTP. A token is never asked for by force: that would end the token of all other workers."""

    def __init__(
        self,
        account: WechatAccount,
        transport: Transport,
        now: Callable[[], datetime],
        base_url: str,
        errors: ErrorTable,
    ) -> None:
        """`now` is the suite's clock, aware: it decides when a token is renewed."""
        self._account = account
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._errors = errors
        self._tokens = TokenKeeper(self._fetch, now)

    async def submit(
        self,
        wire: WireRequest,
        timeout_s: float,
        message_id: Callable[[Answer], str],
        taken: frozenset[str] = frozenset({SUCCESS}),
    ) -> tuple[Outcome, ...]:
        """Submit with a token, once more with a new one when it is refused. `taken` are the errcodes that say that the
        message is WeChat's now; `message_id` finds its id in such an answer."""

        async def attempt(token: str, deadline: Deadline) -> Attempt:
            return await self._attempt(wire, token, deadline, message_id, taken)

        return await self._tokens.submit(wire, timeout_s, attempt)

    async def _attempt(
        self,
        wire: WireRequest,
        token: str,
        deadline: Deadline,
        message_id: Callable[[Answer], str],
        taken: frozenset[str],
    ) -> Attempt:
        url = f"{self._base_url}{wire.path}?{urlencode({'access_token': token})}"
        headers = {"Content-Type": wire.content_type}
        try:
            reply = await self._transport.send(wire.method, url, headers, wire.body, deadline.left_s())
        except NotSentError as error:
            return Attempt(answers.not_sent(wire, error), taken=False, renew=False)
        except UnansweredError as error:
            return Attempt(answers.unanswered(wire, error), taken=False, renew=False)
        decided = answers.by_status(wire, reply)
        if decided is not None:
            return Attempt(decided, taken=False, renew=False)
        code = errcode(reply)
        if code in taken:
            outcomes = answers.accepted(wire.deliveries, message_id(answers.content(reply)))
            return Attempt(outcomes, taken=True, renew=False)
        if not code:
            unreadable = answers.all_alike(wire, Verdict.UNKNOWN, answers.UNREADABLE)
            return Attempt(unreadable, taken=False, renew=False)
        meaning = self._errors.meaning(code)
        return Attempt(answers.by_meaning(wire, meaning, code), taken=not meaning.renew, renew=meaning.renew)

    async def _fetch(self, deadline: Deadline) -> Granted:
        content = {
            "grant_type": "client_credential",
            "appid": self._account.appid,
            "secret": self._account.secret,
            "force_refresh": False,
        }
        url, body = self._base_url + TOKEN_PATH, json.dumps(content).encode()
        reply = await self._transport.send("POST", url, {"Content-Type": JSON}, body, deadline.left_s())
        answer = answers.content(reply)
        token, left_s = answer.get("access_token"), answer.get("expires_in")
        if is_token(token) and isinstance(left_s, int | float):
            return Granted.lasting(token, left_s)
        code = errcode(reply)
        after_s = answers.retry_after_s(reply)
        raise TokenRefusedError(code or str(reply.status), self._errors.meaning(code), after_s)


def errcode(reply: HttpReply) -> str:
    """The errcode of an answer, "0" for success; empty when the answer is not WeChat's."""
    code = answers.content(reply).get("errcode")
    return str(code) if isinstance(code, int) else ""


def request(
    action: str, path: str, content: Mapping[str, object], targets: tuple[Target, ...], *, keyed: bool = True
) -> WireRequest:
    """A JSON request; the token is added when it is submitted. Without `keyed` no key crosses the wire."""
    return WireRequest(
        action=action,
        method="POST",
        path=path,
        query=(),
        content_type=JSON,
        body=json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(),
        deliveries=tuple(target.delivery_id for target in targets),
        keys=tuple(target.key if keyed else "" for target in targets),
    )


def address_problems(target: Target) -> list[Problem]:
    address = target.address
    if 1 <= len(address) <= MAX_OPENID_CHARS and address.isascii() and " " not in address:
        return []
    hint = f"an openid has no spaces and 1 to {MAX_OPENID_CHARS} characters"
    return [Problem("address", "ADDRESS_MALFORMED", hint, target.delivery_id)]


def url_problems(url: str) -> list[Problem]:
    if not url or url.startswith(("https://", "http://")):
        return []
    return [Problem("url", "URL_MALFORMED", "start it with https://")]
