"""push and batch/regid/single, deduplicated for a day by cids that come from JPush's own pool."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from activation.channels import answers
from activation.channels.error_table import ErrorTable, load
from activation.channels.jpush import callbacks
from activation.channels.phone_makers import MARKETING_PER_DAY, Classes, Registered, classes, stated
from activation.channels.port import (
    Batch,
    BatchRefusedError,
    Caps,
    Idempotency,
    Inbound,
    KeyScope,
    KeysUnavailableError,
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

BASE_URL = "https://api.jpush.cn"
PUSH, PUSH_SINGLES, CIDS = "/v3/push", "/v3/push/batch/regid/single", "/v3/push/cid"
MAX_KEYS = 1_000
KEPT_S = 86_400
"""How long JPush keeps a push for a device that is offline."""
MARKETING_CLASS, SYSTEM_CLASS = 0, 1
"""For all phone makers; wins over what is said to each."""
CAPS = Caps(
    name="jpush",
    contact_channel="push",
    max_batch=1_000,
    groups_by=("parameters",),
    idempotency=Idempotency.KEYED,
    key_scope=KeyScope.BATCH,
    keys_from_provider=True,
    max_key_bytes=128,
    receipt=ReceiptKind.PUSH,
    marketing_allowed=True,
    idempotency_window_s=86_400.0,
    calls_per_minute=600,
    marketing_per_person_day=MARKETING_PER_DAY,
)
PERSONAL_CAPS = replace(CAPS, groups_by=(), key_scope=KeyScope.TARGET)


@dataclass(frozen=True, slots=True)
class JpushAccount:
    app_key: str
    master_secret: str = field(repr=False)
    personal: bool = False
    """The app is VIP and each device gets its own text: one cid per device."""
    apns_production: bool = True
    registered: Registered = field(default_factory=Registered)


class JpushChannel:
    """Class A for a day: the same cid pushes once. Reserve cids and store them first."""

    def __init__(self, account: JpushAccount, transport: Transport, base_url: str = BASE_URL) -> None:
        self._account = account
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        proof = base64.b64encode(f"{account.app_key}:{account.master_secret}".encode()).decode()
        self._authorization = f"Basic {proof}"
        self._errors: ErrorTable = load(__package__ or "")

    @property
    def caps(self) -> Caps:
        return PERSONAL_CAPS if self._account.personal else CAPS

    def validate(self, message: Message, targets: Sequence[Target] = ()) -> tuple[Problem, ...]:
        problems = []
        if not message.parameters.get("alert"):
            problems.append(Problem("parameters.alert", "TEXT_MISSING", "set the text in parameters.alert"))
        for target in targets:
            if not target.address or len(target.address) > 128:
                hint = "a registration id has 1 to 128 characters"
                problems.append(Problem("address", "ADDRESS_MALFORMED", hint, target.delivery_id))
            if target.parameters and not self._account.personal:
                hint = "this account sends one text to all; set it to personal or leave these out"
                problems.append(Problem("parameters", "PARAMETERS_DIFFER", hint, target.delivery_id))
        return tuple(problems)

    def build(self, batch: Batch) -> WireRequest:
        targets = batch.targets
        if not 1 <= len(targets) <= self.caps.max_batch:
            raise BatchRefusedError(f"{len(targets)} targets; a batch holds 1 to {self.caps.max_batch}")
        if len({target.address for target in targets}) != len(targets):
            raise BatchRefusedError("a device is in the batch twice: receipts could not be told apart")
        content = self._singles(batch) if self._account.personal else self._push(batch)
        return WireRequest(
            action="batch_regid_single" if self._account.personal else "push",
            method="POST",
            path=PUSH_SINGLES if self._account.personal else PUSH,
            query=(),
            content_type="application/json",
            body=json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(),
            deliveries=tuple(target.delivery_id for target in targets),
            keys=tuple(target.key if self._account.personal else batch.key for target in targets),
        )

    async def submit(self, wire: WireRequest, timeout_s: float) -> tuple[Outcome, ...]:
        try:
            reply = await self._send(wire.method, wire.path, wire.body, timeout_s)
        except NotSentError as error:
            return answers.not_sent(wire, error)
        except UnansweredError as error:
            return answers.unanswered(wire, error)
        if reply.status == 429:
            after_s = answers.retry_after_s(reply) or _reset_s(reply)
            return answers.all_alike(wire, Verdict.RETRY, "HTTP_429", after_s)
        decided = answers.by_status(wire, reply)
        if decided is not None:
            return decided
        content = answers.content(reply)
        code = _code(content)
        if code:
            return answers.by_meaning(wire, self._errors.meaning(code), code)
        if wire.path == PUSH_SINGLES:
            return tuple(self._entry(*row, content) for row in zip(wire.deliveries, wire.keys, strict=True))
        if reply.status == 200 and "msg_id" in content:
            return answers.accepted(wire.deliveries, str(content["msg_id"]))
        return answers.all_alike(wire, Verdict.UNKNOWN, answers.UNREADABLE)

    async def reserve_keys(self, count: int, timeout_s: float) -> tuple[str, ...]:
        if not 1 <= count <= MAX_KEYS:
            raise ValueError(f"count must be from 1 to {MAX_KEYS}, not {count}")
        deadline = Deadline(timeout_s)
        keys: list[str] = []
        while len(keys) < count:  # the free plan gives ten at a time, whatever is asked
            given = await self._cids(count - len(keys), deadline)
            keys += given
        return tuple(keys[:count])

    def parse_receipts(self, callback: Callback) -> tuple[Receipt, ...]:
        callbacks.authenticate(callback, self._authorization)
        return callbacks.receipts(callback)

    def parse_inbound(self, callback: Callback) -> tuple[Inbound, ...]:
        callbacks.authenticate(callback, self._authorization)
        return callbacks.inbound(callback)

    def answer(self, callback: Callback) -> CallbackAnswer:
        callbacks.authenticate(callback, self._authorization)
        return callbacks.answer(callback)

    async def close(self) -> None:
        """The transport belongs to whoever made it."""

    def _push(self, batch: Batch) -> dict[str, object]:
        if any(target.parameters for target in batch.targets):
            raise BatchRefusedError(
                "targets carry parameters of their own, this account sends one text to all"
            )
        _check_key(batch.key)
        audience = {"registration_id": [target.address for target in batch.targets]}
        return {"cid": batch.key, "audience": audience, **self._content(batch.message, {})}

    def _singles(self, batch: Batch) -> dict[str, object]:
        pushes = {}
        for target in batch.targets:
            _check_key(target.key)
            pushes[target.key] = {"target": target.address, **self._content(batch.message, target.parameters)}
        if len(pushes) != len(batch.targets):
            raise BatchRefusedError("two targets carry the same key")
        return {"pushlist": pushes}

    def _content(self, message: Message, own: Mapping[str, str]) -> dict[str, object]:
        parameters = {**message.parameters, **own}
        alert, title = parameters.get("alert", ""), parameters.get("title", "")
        extras = {name: value for name, value in parameters.items() if name not in ("alert", "title")}
        if message.url:
            extras["url"] = message.url
        android: dict[str, object] = {"alert": alert, "extras": extras}
        ios: dict[str, object] = {
            "alert": {"title": title, "body": alert} if title else alert,
            "extras": extras,
        }
        if title:
            android["title"] = title
        said = classes(message.message_class, self._account.registered)
        return {
            "platform": ["android", "ios"],
            "notification": {"alert": alert, "android": android, "ios": ios},
            "options": {
                "time_to_live": KEPT_S,
                "apns_production": self._account.apns_production,
                "classification": SYSTEM_CLASS if said.system else MARKETING_CLASS,
                "third_party_channel": _third_parties(said),
            },
        }

    def _entry(self, delivery: str, key: str, content: Mapping[str, object]) -> Outcome:
        """The outcome of one cid of a batch; a cid without an entry may have been pushed."""
        entry = content.get(key)
        if not isinstance(entry, dict):
            return Outcome(delivery, Verdict.UNKNOWN, answers.UNREADABLE)
        code = _code(entry)
        if code:
            return self._errors.meaning(code).outcome(delivery, code, batch=1)
        if "msg_id" not in entry:
            return Outcome(delivery, Verdict.UNKNOWN, answers.UNREADABLE)
        return Outcome(delivery, Verdict.ACCEPTED, message_id=str(entry["msg_id"]))

    async def _cids(self, count: int, deadline: Deadline) -> list[str]:
        try:
            reply = await self._send("GET", f"{CIDS}?count={count}&type=push", None, deadline.left_s())
        except (NotSentError, UnansweredError) as error:
            raise KeysUnavailableError(str(error), answers.NOT_CONNECTED_RETRY_S) from error
        content = answers.content(reply)
        cids = content.get("cidlist")
        if reply.status != 200 or not isinstance(cids, list) or not cids:
            after_s = answers.retry_after_s(reply) or _reset_s(reply)
            raise KeysUnavailableError(_code(content) or f"HTTP_{reply.status}", after_s)
        return [str(cid) for cid in cids]

    async def _send(self, method: str, path: str, body: bytes | None, timeout_s: float) -> HttpReply:
        headers = {"Authorization": self._authorization, "Content-Type": "application/json"}
        return await self._transport.send(method, self._base_url + path, headers, body, timeout_s)


def _third_parties(said: Classes) -> dict[str, dict[str, str | int]]:
    """What each phone maker is told of the message's class, in JPush's names."""
    told = {
        "huawei": stated({"importance": said.importance, "category": said.huawei_category}),
        "honor": stated({"importance": said.importance}),
        "xiaomi": stated({"channel_id": said.xiaomi_channel}),
        "oppo": stated({"channel_id": said.oppo_channel, "category": said.oppo_category}),
        "vivo": stated(
            {
                "classification": SYSTEM_CLASS if said.system else MARKETING_CLASS,
                "category": said.vivo_category,
            }
        ),
    }
    return {maker: fields for maker, fields in told.items() if fields}


def _check_key(key: str) -> None:
    if not key or len(key.encode()) > CAPS.max_key_bytes:
        raise BatchRefusedError(f"the key must be a cid of 1 to {CAPS.max_key_bytes} bytes")


def _code(content: Mapping[str, object]) -> str:
    error = content.get("error")
    return str(error.get("code", "")) if isinstance(error, dict) else ""


def _reset_s(reply: HttpReply) -> float:
    """Seconds until JPush's rate window opens again, within reason."""
    text = reply.headers.get("x-rate-limit-reset", "")
    if reply.status != 429 or not text.isdecimal():
        return answers.NOT_CONNECTED_RETRY_S
    return min(float(text), answers.MAX_RETRY_AFTER_S)
