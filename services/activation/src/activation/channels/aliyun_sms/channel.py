"""SendBatchSms: up to a hundred personalised messages in a call that is accepted whole or not at all."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode, urlsplit

from activation.channels import answers, sms
from activation.channels.aliyun_sms import callbacks, signing
from activation.channels.aliyun_sms.details import SendDetails
from activation.channels.error_table import ErrorTable, Meaning, load
from activation.channels.port import (
    Batch,
    BatchRefusedError,
    Caps,
    Finding,
    Idempotency,
    Inbound,
    KeyScope,
    Message,
    Outcome,
    Problem,
    Receipt,
    ReceiptKind,
    Target,
    Verdict,
)
from activation.channels.transport import Deadline, HttpReply, NotSentError, Transport, UnansweredError
from activation.channels.wire import Callback, CallbackAnswer, WireRequest

BASE_URL = "https://dysmsapi.aliyuncs.com"
ACTION = "SendBatchSms"
FORM = "application/x-www-form-urlencoded"
PARAMETER_MAX_CHARS = 35
SETTLE_S = 60.0
CAPS = Caps(
    name="aliyun_sms",
    contact_channel="sms",
    max_batch=100,
    groups_by=(),
    idempotency=Idempotency.QUERYABLE,
    key_scope=KeyScope.BATCH,
    keys_from_provider=False,
    max_key_bytes=255,
    receipt=ReceiptKind.PUSH,
    marketing_allowed=True,
    settle_s=SETTLE_S,
    marketing_hours=(8, 22),
    calls_per_minute=300_000,
)
_TEMPLATE = re.compile(r"SMS_\d+")


@dataclass(frozen=True, slots=True)
class AliyunSmsAccount:
    access_key_id: str
    access_key_secret: str = field(repr=False)


class AliyunSmsChannel:
    """Class B: what it sent is asked of QuerySendDetails, matched by OutId, the batch's key."""

    caps = CAPS

    def __init__(
        self,
        account: AliyunSmsAccount,
        transport: Transport,
        now: Callable[[], datetime],
        nonce: Callable[[], str],
        base_url: str = BASE_URL,
    ) -> None:
        """`now` is the suite's clock, aware; `nonce` gives a new text with each call."""
        self._account = account
        self._transport = transport
        self._now = now
        self._nonce = nonce
        self._base_url = base_url.rstrip("/")
        self._errors: ErrorTable = load(__package__ or "")
        self._details = SendDetails(self._call)

    def validate(self, message: Message, targets: Sequence[Target] = ()) -> tuple[Problem, ...]:
        problems = []
        if not _TEMPLATE.fullmatch(message.template_id):
            problems.append(
                Problem("template_id", "TEMPLATE_MISSING", "name an approved template, such as SMS_123")
            )
        problems += sms.sign_problems(message)
        problems += _parameter_problems(message.parameters, "")
        for target in targets:
            problems += sms.address_problems(target)
            problems += _parameter_problems(target.parameters, target.delivery_id)
        return tuple(problems)

    def build(self, batch: Batch) -> WireRequest:
        if not 1 <= len(batch.targets) <= CAPS.max_batch:
            raise BatchRefusedError(f"{len(batch.targets)} targets; a batch holds 1 to {CAPS.max_batch}")
        if not batch.key or len(batch.key.encode()) > CAPS.max_key_bytes:
            raise BatchRefusedError(f"the key must have 1 to {CAPS.max_key_bytes} bytes")
        targets = batch.targets
        phones = [_local(target) for target in targets]
        if len(set(phones)) != len(phones):
            raise BatchRefusedError("a number is in the batch twice: receipts could not be told apart")
        parameters = [{**batch.message.parameters, **target.parameters} for target in targets]
        form = {
            "PhoneNumberJson": phones,
            "SignNameJson": [batch.message.sign_name] * len(targets),
            "TemplateParamJson": parameters,
        }
        return WireRequest(
            action=ACTION,
            method="POST",
            path="/",
            query=(("OutId", batch.key), ("TemplateCode", batch.message.template_id)),
            content_type=FORM,
            body=urlencode({name: _json(value) for name, value in form.items()}).encode(),
            deliveries=tuple(target.delivery_id for target in targets),
            keys=(batch.key,) * len(targets),
        )

    async def submit(self, wire: WireRequest, timeout_s: float) -> tuple[Outcome, ...]:
        deadline = Deadline(timeout_s)
        outcomes, meaning = await self._submit_once(wire, deadline)
        if meaning is not None and meaning.renew:
            outcomes, _ = await self._submit_once(wire, deadline)
        return outcomes

    async def query(self, wire: WireRequest, submitted_at: datetime, timeout_s: float) -> tuple[Finding, ...]:
        return await self._details.find(wire, submitted_at, Deadline(timeout_s))

    def parse_receipts(self, callback: Callback) -> tuple[Receipt, ...]:
        return callbacks.receipts(callback)

    def parse_inbound(self, callback: Callback) -> tuple[Inbound, ...]:
        return callbacks.inbound(callback)

    def answer(self, callback: Callback) -> CallbackAnswer:
        return callbacks.ANSWER

    async def close(self) -> None:
        """The transport belongs to whoever made it."""

    async def _submit_once(
        self, wire: WireRequest, deadline: Deadline
    ) -> tuple[tuple[Outcome, ...], Meaning | None]:
        try:
            reply = await self._call(wire.action, wire.query, wire.content_type, wire.body, deadline)
        except NotSentError as error:
            return answers.not_sent(wire, error), None
        except UnansweredError as error:
            return answers.unanswered(wire, error), None
        decided = answers.by_status(wire, reply)
        if decided is not None:
            return decided, None
        code, biz_id = _code(reply)
        if code == "OK":
            return answers.accepted(wire.deliveries, biz_id), None
        if not code:
            return answers.all_alike(wire, Verdict.UNKNOWN, answers.UNREADABLE), None
        meaning = self._errors.meaning(code)
        return answers.by_meaning(wire, meaning, code), meaning

    async def _call(
        self,
        action: str,
        query: Sequence[tuple[str, str]],
        content_type: str,
        body: bytes,
        deadline: Deadline,
    ) -> HttpReply:
        headers = signing.signed_headers(
            key_id=self._account.access_key_id,
            secret=self._account.access_key_secret,
            host=urlsplit(self._base_url).netloc,
            action=action,
            query=query,
            content_type=content_type,
            body=body,
            at=self._now(),
            nonce=self._nonce(),
        )
        url = f"{self._base_url}/?{signing.canonical_query(query)}"
        return await self._transport.send("POST", url, headers, body, deadline.left_s())


def _parameter_problems(parameters: Mapping[str, str], delivery_id: str) -> list[Problem]:
    too_long = sorted(name for name, value in parameters.items() if len(value) > PARAMETER_MAX_CHARS)
    hint = f"Aliyun takes at most {PARAMETER_MAX_CHARS} characters in a variable"
    return [Problem(f"parameters.{name}", "PARAMETER_TOO_LONG", hint, delivery_id) for name in too_long]


def _local(target: Target) -> str:
    match = sms.MAINLAND.fullmatch(target.address)
    if match is None:
        raise BatchRefusedError(f"delivery {target.delivery_id}: not a mainland mobile number in E.164")
    return match[1]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _code(reply: HttpReply) -> tuple[str, str]:
    """Code and BizId; empty when the answer is not Aliyun's."""
    content = answers.content(reply)
    return str(content.get("Code") or ""), str(content.get("BizId") or "")
