"""One message a call to the receiver's URL; a receiver that keeps its promise handles each webhook-id once."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from yarl import URL

from activation.channels import answers
from activation.channels.error_table import ErrorTable, load
from activation.channels.port import (
    Batch,
    BatchRefusedError,
    CallbackForgedError,
    Caps,
    Idempotency,
    Inbound,
    KeyScope,
    Message,
    Outcome,
    Problem,
    Receipt,
    ReceiptKind,
    Scope,
    Target,
    Verdict,
)
from activation.channels.transport import NotSentError, Transport, UnansweredError
from activation.channels.webhook.guard import Guard, read_networks, refused
from activation.channels.webhook.signing import read_signers, signed_headers
from activation.channels.wire import Callback, CallbackAnswer, WireRequest

ACTION = "message.send"
CONTACT_CHANNELS = ("sms", "wechat", "push", "email")
ENDPOINT_REFUSED = "ENDPOINT_REFUSED"
MAX_BODY_BYTES = 64 * 1024
KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
CAPS = Caps(
    name="webhook",
    contact_channel="",
    max_batch=1,
    groups_by=(),
    idempotency=Idempotency.KEYED,
    key_scope=KeyScope.TARGET,
    keys_from_provider=False,
    max_key_bytes=64,
    receipt=ReceiptKind.NONE,
    marketing_allowed=True,
    idempotency_window_s=86_400.0,
)


@dataclass(frozen=True, slots=True)
class WebhookAccount:
    contact_channel: str
    """Which address of a person the receiver gets: sms, wechat, push or email."""
    secret: str = field(repr=False)
    """whsec_ and whsk_ keys, parted by spaces."""
    allow: str = ""
    """Private networks that may be called nevertheless."""


class WebhookChannel:
    """Class A by the webhook-id, for as long as the receiver remembers ids: a promise of its own, a day at least."""

    def __init__(self, account: WebhookAccount, now: Callable[[], datetime], base_url: str) -> None:
        """`base_url` is the whole URL of the receiver; `now` the suite's clock, aware. Raises ValueError when the
        account cannot be used, without showing a key."""
        if account.contact_channel not in CONTACT_CHANNELS:
            raise ValueError(f"contact_channel: is none of {', '.join(CONTACT_CHANNELS)}")
        self.caps = replace(CAPS, contact_channel=account.contact_channel)
        self._signers = read_signers(account.secret)
        self._guard = Guard(read_networks(account.allow))
        self._now = now
        self._url = URL(base_url)
        self._transport: Transport | None = None
        self._errors: ErrorTable = load(__package__ or "")

    def validate(self, message: Message, targets: Sequence[Target] = ()) -> tuple[Problem, ...]:
        problems = []
        if not message.template_id and not message.parameters:
            hint = "name a template_id or parameters, or the receiver has nothing to say"
            problems.append(Problem("template_id", "MESSAGE_EMPTY", hint))
        if self._guard.refuses(self._url):
            hint = "the account's base_url must be https and must not lead into a private network"
            problems.append(Problem("provider_account", ENDPOINT_REFUSED, hint))
        problems += [
            Problem("address", "ADDRESS_MISSING", "a delivery needs an address", target.delivery_id)
            for target in targets
            if not target.address
        ]
        return tuple(problems)

    def build(self, batch: Batch) -> WireRequest:
        if len(batch.targets) != 1:
            raise BatchRefusedError(f"{len(batch.targets)} targets; a call takes one person")
        (target,) = batch.targets
        if not KEY.fullmatch(target.key):
            raise BatchRefusedError("the key must have 1 to 64 letters, digits, _ and -")
        message = batch.message
        data = {
            "delivery_id": target.delivery_id,
            "channel": self.caps.contact_channel,
            "address": target.address,
            "message_class": message.message_class.value,
            "template_id": message.template_id,
            "parameters": {**message.parameters, **target.parameters},
            "url": message.url,
        }
        body = json.dumps({"type": ACTION, "data": data}, ensure_ascii=False, separators=(",", ":")).encode()
        if len(body) > MAX_BODY_BYTES:
            raise BatchRefusedError(f"{len(body)} bytes; a call takes {MAX_BODY_BYTES}")
        return WireRequest(
            action=ACTION,
            method="POST",
            path="",
            query=(),
            content_type="application/json",
            body=body,
            deliveries=(target.delivery_id,),
            keys=(target.key,),
        )

    async def submit(self, wire: WireRequest, timeout_s: float) -> tuple[Outcome, ...]:
        if self._guard.refuses(self._url):
            return _refused(wire)
        if self._transport is None:
            self._transport = Transport(self._guard)
        (key,) = wire.keys
        headers = signed_headers(self._signers, key, int(self._now().timestamp()), wire.body)
        headers["Content-Type"] = wire.content_type
        try:
            reply = await self._transport.send(wire.method, str(self._url), headers, wire.body, timeout_s)
        except NotSentError as error:
            return _refused(wire) if refused(error) else answers.not_sent(wire, error)
        except UnansweredError as error:
            return answers.unanswered(wire, error)
        if 200 <= reply.status < 300:
            return answers.accepted(wire.deliveries, key)
        decided = answers.by_status(wire, reply)
        if decided is not None:
            return decided
        meaning = self._errors.meaning(str(reply.status))
        return answers.by_meaning(wire, meaning, f"HTTP_{reply.status}", answers.retry_after_s(reply))

    def parse_receipts(self, callback: Callback) -> tuple[Receipt, ...]:
        return ()

    def parse_inbound(self, callback: Callback) -> tuple[Inbound, ...]:
        return ()

    def answer(self, callback: Callback) -> CallbackAnswer:
        raise CallbackForgedError("a webhook's receiver answers at once and calls nobody back")

    async def close(self) -> None:
        if self._transport is not None:
            await self._transport.close()


def _refused(wire: WireRequest) -> tuple[Outcome, ...]:
    """The account leads where nothing may be sent; nobody's message is at fault."""
    return tuple(
        Outcome(delivery, Verdict.REJECTED, ENDPOINT_REFUSED, Scope.ACCOUNT) for delivery in wire.deliveries
    )
