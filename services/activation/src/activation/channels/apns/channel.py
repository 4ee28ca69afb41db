"""POST /3/device/<token>: nothing remembers what was sent, but a repeat takes the place of what the screen shows."""

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from activation.channels import answers
from activation.channels.apns.tokens import ApnsAccount, ProviderTokens
from activation.channels.error_table import ErrorTable, Meaning, load
from activation.channels.http2 import Http2Client
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
from activation.channels.transport import Deadline, HttpReply, NotSentError, UnansweredError
from activation.channels.wire import Callback, CallbackAnswer, WireRequest

BASE_URL = "https://api.push.apple.com"
PATH = "/3/device/"
MAX_BYTES = 4_096
"""Of the payload."""
TOKEN = re.compile(r"[0-9a-fA-F]{64,200}")
KEPT = timedelta(days=1)
"""How long Apple keeps a notification for a device that is offline, one for each app."""
AT_ONCE, WHEN_CONVENIENT = "10", "5"
_DEVICE = "device"
PASSING = frozenset({"apns-id", "apns-collapse-id"})
"""Headers of one message alone."""
CAPS = Caps(
    name="apns",
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
)


class ApnsChannel:
    """Class C by apns-collapse-id, which is the key: a repeat replaces what is kept for the device or shown on it.

    Who has wiped the first away sees it again. apns-id only names the answer; Apple sends the same id twice.
    """

    caps = CAPS

    def __init__(self, account: ApnsAccount, now: Callable[[], datetime], base_url: str = BASE_URL) -> None:
        """`now` is the suite's clock, aware: it dates provider tokens and expirations."""
        self._account = account
        self._now = now
        self._client = Http2Client(base_url)
        self._tokens = ProviderTokens(account, now)
        self._errors: ErrorTable = load(__package__ or "")

    def validate(self, message: Message, targets: Sequence[Target] = ()) -> tuple[Problem, ...]:
        problems = []
        if not message.parameters.get("alert"):
            problems.append(Problem("parameters.alert", "TEXT_MISSING", "set the text in parameters.alert"))
        if "aps" in message.parameters:
            hint = "Apple uses this name itself; choose another"
            problems.append(Problem("parameters.aps", "PARAMETER_RESERVED", hint))
        if len(_payload(message, {})) > MAX_BYTES:
            hint = f"the payload has at most {MAX_BYTES} bytes; shorten the text"
            problems.append(Problem("parameters", "MESSAGE_TOO_BIG", hint))
        problems += [
            Problem(
                "address", "ADDRESS_MALFORMED", "a device token has 64 to 200 hex digits", each.delivery_id
            )
            for each in targets
            if not TOKEN.fullmatch(each.address)
        ]
        return tuple(problems)

    def build(self, batch: Batch) -> WireRequest:
        if len(batch.targets) != 1:
            raise BatchRefusedError(f"{len(batch.targets)} targets; a request takes one device")
        (target,) = batch.targets
        if not TOKEN.fullmatch(target.address):
            raise BatchRefusedError("the device token is not one: 64 to 200 hex digits")
        if not target.key or len(target.key.encode()) > CAPS.max_key_bytes or not target.key.isascii():
            raise BatchRefusedError(f"the key must have 1 to {CAPS.max_key_bytes} bytes, all of them ASCII")
        payload = _payload(batch.message, target.parameters)
        if target.parameters and len(payload) > MAX_BYTES:
            raise BatchRefusedError(f"the payload has more than {MAX_BYTES} bytes")
        marketing = batch.message.message_class is MessageClass.MARKETING
        return WireRequest(
            action="device",
            method="POST",
            path=PATH,
            query=(  # the end of the path, then headers
                (_DEVICE, target.address),
                ("apns-id", _apns_id(target.key)),
                ("apns-collapse-id", target.key),
                ("apns-push-type", "alert"),
                ("apns-priority", WHEN_CONVENIENT if marketing else AT_ONCE),
            ),
            content_type="application/json",
            body=payload,
            deliveries=(target.delivery_id,),
            keys=(target.key,),
        )

    async def submit(self, wire: WireRequest, timeout_s: float) -> tuple[Outcome, ...]:
        deadline = Deadline(timeout_s)
        while True:
            token = self._tokens.get()
            outcomes, meaning = await self._submit_once(wire, token, deadline)
            if meaning is None or not meaning.renew or not self._tokens.refused(token):
                return outcomes

    def parse_receipts(self, callback: Callback) -> tuple[Receipt, ...]:
        raise CallbackForgedError("APNs makes no callbacks")

    def parse_inbound(self, callback: Callback) -> tuple[Inbound, ...]:
        raise CallbackForgedError("APNs makes no callbacks")

    def answer(self, callback: Callback) -> CallbackAnswer:
        raise CallbackForgedError("APNs makes no callbacks")

    async def close(self) -> None:
        await self._client.close()

    async def _submit_once(
        self, wire: WireRequest, token: str, deadline: Deadline
    ) -> tuple[tuple[Outcome, ...], Meaning | None]:
        """The outcomes; with a refusal what it means."""
        (_, device), *stated = wire.query
        headers = {
            **dict(stated),
            "authorization": f"bearer {token}",
            "apns-topic": self._account.topic,
            "apns-expiration": str(int((self._now() + KEPT).timestamp())),
            "content-type": wire.content_type,
        }
        try:
            reply = await self._client.send(
                wire.method, wire.path + device, headers, wire.body, deadline.left_s(), PASSING
            )
        except NotSentError as error:
            return answers.not_sent(wire, error), None
        except UnansweredError as error:
            return answers.unanswered(wire, error), None
        apns_id = reply.headers.get("apns-id", "")
        if reply.status == 200 and apns_id and not reply.body:
            return answers.accepted(wire.deliveries, apns_id), None
        if reply.status >= 500:
            return answers.all_alike(wire, Verdict.UNKNOWN, f"HTTP_{reply.status}"), None
        reason, since = _refusal(reply)
        if not reason:
            return answers.all_alike(wire, Verdict.UNKNOWN, answers.UNREADABLE), None
        meaning = self._errors.meaning(reason)
        outcomes = answers.by_meaning(wire, meaning, reason, answers.retry_after_s(reply))
        return tuple(_since(outcome, since) for outcome in outcomes), meaning


def _payload(message: Message, own: Mapping[str, str]) -> bytes:
    extras = {**message.parameters, **own}
    title, alert = extras.pop("title", ""), extras.pop("alert", "")
    shown = {"title": title, "body": alert} if title else {"body": alert}
    if message.url:
        extras["url"] = message.url
    content = {**extras, "aps": {"alert": shown, "sound": "default"}}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _apns_id(key: str) -> str:
    """The same UUID for the same key."""
    return str(uuid.UUID(bytes=hashlib.blake2b(key.encode(), digest_size=16).digest(), version=4))


def _refusal(reply: HttpReply) -> tuple[str, datetime | None]:
    """(reason, since when the device token has not been valid, with 410)."""
    content = answers.content(reply)
    at_ms = content.get("timestamp")
    since = datetime.fromtimestamp(at_ms / 1_000, UTC) if type(at_ms) is int and 0 <= at_ms < 1e14 else None
    return str(content.get("reason", "")), since


def _since(outcome: Outcome, since: datetime | None) -> Outcome:
    return replace(outcome, gone_since=since) if outcome.unreachable else outcome
