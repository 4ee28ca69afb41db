"""SendSms: one text for up to two hundred numbers, each accepted or refused by itself."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from activation.channels import answers, sms
from activation.channels.error_table import ErrorTable, Meaning, load
from activation.channels.port import (
    MAX_PARAMETERS,
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
from activation.channels.tencent_sms import callbacks, signing
from activation.channels.tencent_sms.statuses import REPORTED_WITHIN, SendStatuses
from activation.channels.transport import Deadline, HttpReply, NotSentError, Transport, UnansweredError
from activation.channels.wire import Callback, CallbackAnswer, WireRequest

BASE_URL = "https://sms.tencentcloudapi.com"
REGION = "ap-guangzhou"
ACTION = "SendSms"
TAKEN = "Ok"
CAPS = Caps(
    name="tencent_sms",
    contact_channel="sms",
    max_batch=200,
    groups_by=("parameters",),
    idempotency=Idempotency.QUERYABLE,
    key_scope=KeyScope.BATCH,
    keys_from_provider=False,
    max_key_bytes=511,
    receipt=ReceiptKind.PUSH,
    marketing_allowed=True,
    settle_s=60.0,
    absence_s=REPORTED_WITHIN.total_seconds(),
    marketing_hours=(8, 22),
    calls_per_minute=180_000,
)


@dataclass(frozen=True, slots=True)
class TencentSmsAccount:
    """One SMS app of an account. The app needs the SessionContext of pulled statuses switched on by Tencent: without it
    an unknown outcome stays unknown."""

    secret_id: str
    secret_key: str = field(repr=False)
    sdk_app_id: str
    region: str = REGION


class TencentSmsChannel:
    """Class B: what it sent is asked number by number, matched by SessionContext, the batch's key."""

    caps = CAPS

    def __init__(
        self,
        account: TencentSmsAccount,
        transport: Transport,
        now: Callable[[], datetime],
        base_url: str = BASE_URL,
    ) -> None:
        """`now` is the suite's clock, aware."""
        self._account = account
        self._transport = transport
        self._now = now
        self._base_url = base_url.rstrip("/")
        self._errors: ErrorTable = load(__package__ or "")
        self._statuses = SendStatuses(self._ask, now, account.sdk_app_id)

    def validate(self, message: Message, targets: Sequence[Target] = ()) -> tuple[Problem, ...]:
        problems = []
        if not message.template_id.isdecimal():
            problems.append(
                Problem("template_id", "TEMPLATE_MISSING", "name an approved template by its number")
            )
        problems += sms.sign_problems(message)
        problems += _parameter_problems(message.parameters, "")
        for target in targets:
            problems += sms.address_problems(target)
            problems += _parameter_problems({**message.parameters, **target.parameters}, target.delivery_id)
        return tuple(problems)

    def build(self, batch: Batch) -> WireRequest:
        targets = batch.targets
        if not 1 <= len(targets) <= CAPS.max_batch:
            raise BatchRefusedError(f"{len(targets)} targets; a batch holds 1 to {CAPS.max_batch}")
        if not batch.key or len(batch.key.encode()) > CAPS.max_key_bytes:
            raise BatchRefusedError(f"the key must have 1 to {CAPS.max_key_bytes} bytes")
        for target in targets:
            if sms.MAINLAND.fullmatch(target.address) is None:
                raise BatchRefusedError(
                    f"delivery {target.delivery_id}: not a mainland mobile number in E.164"
                )
        if len({target.address for target in targets}) != len(targets):
            raise BatchRefusedError("a number is in the batch twice: its answers could not be told apart")
        texts = [_in_order({**batch.message.parameters, **target.parameters}) for target in targets]
        if any(each != texts[0] for each in texts):
            raise BatchRefusedError("a call carries one text: batch by parameters")
        content = {
            "PhoneNumberSet": [target.address for target in targets],
            "SmsSdkAppId": self._account.sdk_app_id,
            "SignName": batch.message.sign_name,
            "TemplateId": batch.message.template_id,
            "TemplateParamSet": texts[0],
            "SessionContext": batch.key,
        }
        return WireRequest(
            action=ACTION,
            method="POST",
            path="/",
            query=(),
            content_type=signing.CONTENT_TYPE,
            body=json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(),
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
        return await self._statuses.find(wire, submitted_at, Deadline(timeout_s))

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
        """The outcomes, and the meaning of what refused the call as a whole."""
        try:
            reply = await self._call(wire.action, wire.body, deadline)
        except NotSentError as error:
            return answers.not_sent(wire, error), None
        except UnansweredError as error:
            return answers.unanswered(wire, error), None
        decided = answers.by_status(wire, reply)
        if decided is not None:
            return decided, None
        code, statuses = _answer(reply)
        if code:
            meaning = self._errors.meaning(code)
            return answers.by_meaning(wire, meaning, code, answers.retry_after_s(reply)), meaning
        phones = json.loads(wire.body)["PhoneNumberSet"]
        outcomes = (
            self._outcome(delivery, statuses.get(phone, {}))
            for delivery, phone in zip(wire.deliveries, phones, strict=True)
        )
        return tuple(outcomes), None

    def _outcome(self, delivery: str, status: Mapping[str, object]) -> Outcome:
        """What was said of one number. A refusal of one by the frequency, the hour or its owner is its own."""
        code = str(status.get("Code") or "")
        if code == TAKEN:
            return Outcome(delivery, Verdict.ACCEPTED, message_id=str(status.get("SerialNo") or ""))
        if not code:
            return Outcome(delivery, Verdict.UNKNOWN, answers.UNREADABLE)
        return self._errors.meaning(code).outcome(delivery, code, batch=1)

    async def _ask(self, action: str, content: Mapping[str, object], deadline: Deadline) -> HttpReply:
        return await self._call(action, json.dumps(content).encode(), deadline)

    async def _call(self, action: str, body: bytes, deadline: Deadline) -> HttpReply:
        headers = signing.signed_headers(
            secret_id=self._account.secret_id,
            secret=self._account.secret_key,
            host=urlsplit(self._base_url).netloc,
            action=action,
            region=self._account.region,
            body=body,
            at=self._now(),
        )
        return await self._transport.send("POST", f"{self._base_url}/", headers, body, deadline.left_s())


def _parameter_problems(parameters: Mapping[str, str], delivery_id: str) -> list[Problem]:
    if _numbered(parameters):
        return []
    hint = "Tencent's variables have numbers: name the parameters 1, 2, 3 like {1}, {2}, {3} of the template"
    return [Problem("parameters", "PARAMETERS_NOT_NUMBERED", hint, delivery_id)]


def _numbered(parameters: Mapping[str, str]) -> bool:
    return len(parameters) <= MAX_PARAMETERS and parameters.keys() == {
        str(place + 1) for place in range(len(parameters))
    }


def _in_order(parameters: Mapping[str, str]) -> list[str]:
    if not _numbered(parameters):
        raise BatchRefusedError("the parameters are not numbered from 1")
    return [parameters[str(place + 1)] for place in range(len(parameters))]


def _answer(reply: HttpReply) -> tuple[str, dict[str, Mapping[str, object]]]:
    """The code of a call refused as a whole, or each number's status; neither when the answer is not Tencent's."""
    try:
        response: Any = answers.content(reply)["Response"]
        if "Error" in response:
            return str(response["Error"]["Code"]), {}
        return "", {str(each["PhoneNumber"]): each for each in response["SendStatusSet"]}
    except (KeyError, TypeError):
        return "", {}
