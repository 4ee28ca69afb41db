"""messages:send: nothing remembers what was sent, but a repeat takes the place of what the screen shows."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from activation.channels import answers
from activation.channels.error_table import ErrorTable, load
from activation.channels.fcm.tokens import FcmAccount, Tokens
from activation.channels.port import (
    Batch,
    BatchRefusedError,
    CallbackForgedError,
    Caps,
    Idempotency,
    Inbound,
    KeyScope,
    Message,
    MessageClass,
    Outcome,
    Problem,
    Receipt,
    ReceiptKind,
    Target,
    Verdict,
)
from activation.channels.token_keeping import Attempt, TokenKeeper
from activation.channels.transport import (
    Deadline,
    HttpReply,
    NotSentError,
    Transport,
    UnansweredError,
)
from activation.channels.wire import Callback, CallbackAnswer, WireRequest

BASE_URL = "https://fcm.googleapis.com"
ACTION = "messages:send"
MAX_BYTES = 4_096
"""Of notification and data together."""
MAX_TOKEN_CHARS = 4_096
AIMED_AT = "message.token"
DEVICE_AT_FAULT, FIELD_AT_FAULT = "FcmError", "BadRequest"
RESERVED = re.compile(r"from|message_type|gcm.*|google.*")
"""Names that data must not have."""
KEPT_S = 86_400
"""How long FCM keeps a message for a device that is offline."""
THROTTLED_S = 60.0
"""The least to wait after a refusal that names no time."""
CAPS = Caps(
    name="fcm",
    contact_channel="push",
    max_batch=1,
    groups_by=(),
    idempotency=Idempotency.REPLACING,
    key_scope=KeyScope.TARGET,
    keys_from_provider=False,
    max_key_bytes=64,
    receipt=ReceiptKind.NONE,
    marketing_allowed=True,
    region="US",
    calls_per_minute=600_000,
)


class FcmChannel:
    """Class C by the tag of the notification: the key is tag, collapse key and Apple's collapse id alike.

    FCM's own collapse key replaces only what is still on its way, four of them a device, so it is the tag that
    makes a repeat invisible, for as long as the first is on the screen. Who has wiped it away sees it again.
    """

    caps = CAPS

    def __init__(
        self,
        account: FcmAccount,
        transport: Transport,
        now: Callable[[], datetime],
        base_url: str = BASE_URL,
    ) -> None:
        """`now` is the suite's clock, aware: it dates grants and decides when a token is renewed."""
        self._transport = transport
        self._url = f"{base_url.rstrip('/')}/v1/projects/{account.project_id}/"
        self._errors: ErrorTable = load(__package__ or "")
        self._tokens = TokenKeeper(Tokens(account, transport, now).fetch, now)

    def validate(self, message: Message, targets: Sequence[Target] = ()) -> tuple[Problem, ...]:
        problems = []
        if not message.parameters.get("alert"):
            problems.append(Problem("parameters.alert", "TEXT_MISSING", "set the text in parameters.alert"))
        problems += [
            Problem(f"parameters.{name}", "PARAMETER_RESERVED", "FCM uses this name itself; choose another")
            for name in message.parameters
            if RESERVED.fullmatch(name)
        ]
        if _size(*_shown_and_data(message, {})) > MAX_BYTES:
            hint = f"notification and data have at most {MAX_BYTES} bytes; shorten the text"
            problems.append(Problem("parameters", "MESSAGE_TOO_BIG", hint))
        problems += [
            Problem(
                "address",
                "ADDRESS_MALFORMED",
                f"a registration token has no spaces and 1 to {MAX_TOKEN_CHARS} characters",
                each.delivery_id,
            )
            for each in targets
            if not 1 <= len(each.address) <= MAX_TOKEN_CHARS or " " in each.address
        ]
        return tuple(problems)

    def build(self, batch: Batch) -> WireRequest:
        if len(batch.targets) != 1:
            raise BatchRefusedError(f"{len(batch.targets)} targets; a call takes one device")
        (target,) = batch.targets
        if not target.key or len(target.key.encode()) > CAPS.max_key_bytes:
            raise BatchRefusedError(f"the key must have 1 to {CAPS.max_key_bytes} bytes")
        content = {"message": _message(batch.message, target)}
        return WireRequest(
            action=ACTION,
            method="POST",
            path=ACTION,
            query=(),
            content_type="application/json",
            body=json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(),
            deliveries=(target.delivery_id,),
            keys=(target.key,),
        )

    async def submit(self, wire: WireRequest, timeout_s: float) -> tuple[Outcome, ...]:
        return await self._tokens.submit(wire, timeout_s, partial(self._attempt, wire))

    def parse_receipts(self, callback: Callback) -> tuple[Receipt, ...]:
        raise CallbackForgedError("FCM makes no callbacks")

    def parse_inbound(self, callback: Callback) -> tuple[Inbound, ...]:
        raise CallbackForgedError("FCM makes no callbacks")

    def answer(self, callback: Callback) -> CallbackAnswer:
        raise CallbackForgedError("FCM makes no callbacks")

    async def close(self) -> None:
        """The transport belongs to whoever made it."""

    async def _attempt(self, wire: WireRequest, token: str, deadline: Deadline) -> Attempt:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": wire.content_type}
        url = self._url + wire.path
        try:
            reply = await self._transport.send(wire.method, url, headers, wire.body, deadline.left_s())
        except NotSentError as error:
            return Attempt(answers.not_sent(wire, error), taken=False, renew=False)
        except UnansweredError as error:
            return Attempt(answers.unanswered(wire, error), taken=False, renew=False)
        if reply.status == 429:
            after_s = answers.retry_after_s(reply) or THROTTLED_S
            throttled = answers.all_alike(wire, Verdict.RETRY, "QUOTA_EXCEEDED", after_s)
            return Attempt(throttled, taken=True, renew=False)
        decided = answers.by_status(wire, reply)
        if decided is not None:
            return Attempt(decided, taken=False, renew=False)
        return self._answered(wire, reply)

    def _answered(self, wire: WireRequest, reply: HttpReply) -> Attempt:
        content = answers.content(reply)
        name = content.get("name")
        if reply.status == 200 and isinstance(name, str):
            return Attempt(answers.accepted(wire.deliveries, name), taken=True, renew=False)
        code, detail = _code(content)
        if not code:
            unread = answers.all_alike(wire, Verdict.UNKNOWN, answers.UNREADABLE)
            return Attempt(unread, taken=False, renew=False)
        meaning = self._errors.meaning(code, detail)
        return Attempt(answers.by_meaning(wire, meaning, code), taken=not meaning.renew, renew=meaning.renew)


def _shown_and_data(message: Message, own: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """(notification, data): title and text are shown, everything else goes to the app."""
    data = {**message.parameters, **own}
    shown = {"title": data.pop("title", ""), "body": data.pop("alert", "")}
    if message.url:
        data["url"] = message.url
    return {name: text for name, text in shown.items() if text}, data


def _message(message: Message, target: Target) -> dict[str, object]:
    shown, data = _shown_and_data(message, target.parameters)
    if _size(shown, data) > MAX_BYTES:
        raise BatchRefusedError(f"notification and data have more than {MAX_BYTES} bytes")
    marketing = message.message_class is MessageClass.MARKETING
    return {
        "token": target.address,
        "notification": shown,
        "data": data,
        "android": {
            "collapse_key": target.key,
            "priority": "NORMAL" if marketing else "HIGH",
            "ttl": f"{KEPT_S}s",
            "notification": {"tag": target.key},
        },
        "apns": {"headers": {"apns-collapse-id": target.key, "apns-priority": "5" if marketing else "10"}},
        "webpush": {"notification": {"tag": target.key}},
    }


def _size(*parts: Mapping[str, str]) -> int:
    return sum(
        len(json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode()) for part in parts if part
    )


def _code(content: Mapping[str, object]) -> tuple[str, str]:
    """(FcmError's code, else the status; what is at fault, as the table of errors calls it)."""
    error = content.get("error")
    if not isinstance(error, dict):
        return "", ""
    details = error.get("details")
    listed = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    code = next((str(each["errorCode"]) for each in listed if "errorCode" in each), "")
    return code or str(error.get("status", "")), _fault(listed)


def _fault(details: Sequence[Mapping[str, Any]]) -> str:
    """A field of the message where one is named, else the token: FCM may say both of one call, in either order."""
    named = [each["fieldViolations"] for each in details if isinstance(each.get("fieldViolations"), list)]
    fields = [each.get("field") for listed in named for each in listed if isinstance(each, dict)]
    if named:
        return DEVICE_AT_FAULT if fields and all(each == AIMED_AT for each in fields) else FIELD_AT_FAULT
    return DEVICE_AT_FAULT if any("errorCode" in each for each in details) else ""
