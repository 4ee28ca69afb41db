"""push/single/cid and push/single/batch/cid: a request_id is pushed once, and what repeats it is dropped."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from activation.channels import answers
from activation.channels.error_table import ErrorTable, load
from activation.channels.getui import callbacks
from activation.channels.getui.tokens import GetuiAccount, Tokens, read
from activation.channels.phone_makers import MARKETING_PER_DAY, Classes, classes, stated
from activation.channels.port import (
    Batch,
    BatchRefusedError,
    Caps,
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
from activation.channels.token_keeping import Attempt, TokenKeeper
from activation.channels.transport import Deadline, NotSentError, Transport, UnansweredError
from activation.channels.wire import Callback, CallbackAnswer, WireRequest

BASE_URL = "https://restapi.getui.com"
SINGLE, BATCH = "/push/single/cid", "/push/single/batch/cid"
SENT = frozenset({"successed_online", "successed_offline"})
KEPT_MS = 86_400_000
"""How long Getui keeps a push for a device that is offline."""
MAX_TITLE_CHARS, MAX_ALERT_CHARS = 50, 256
MARKETING_CLASS, SYSTEM_CLASS = 0, 1
CAPS = Caps(
    name="getui",
    contact_channel="push",
    max_batch=200,
    groups_by=(),
    idempotency=Idempotency.KEYED,
    key_scope=KeyScope.BATCH,
    keys_from_provider=False,
    max_key_bytes=128,
    receipt=ReceiptKind.PUSH,
    marketing_allowed=True,
    idempotency_window_s=600.0,  # Getui publishes no length: ten minutes are trusted
    marketing_per_person_day=MARKETING_PER_DAY,
)


class GetuiChannel:
    """Class A by request_id, which Getui drops silently when it comes again.

    So a delivery that is submitted anew must not carry the old one: each is made of the batch's key and the
    delivery, and only the same bytes repeat it.
    """

    caps = CAPS

    def __init__(
        self,
        account: GetuiAccount,
        transport: Transport,
        now: Callable[[], datetime],
        base_url: str = BASE_URL,
    ) -> None:
        """`now` is the suite's clock, aware: it signs for tokens and decides when they are renewed."""
        self._account = account
        self._transport = transport
        self._url = f"{base_url.rstrip('/')}/v2/{account.app_id}"
        self._errors: ErrorTable = load(__package__ or "")
        tokens = Tokens(account, transport, now, self._url, self._errors)
        self._tokens = TokenKeeper(tokens.fetch, now)

    def validate(self, message: Message, targets: Sequence[Target] = ()) -> tuple[Problem, ...]:
        problems = [
            Problem(f"parameters.{name}", "TEXT_MISSING", f"set parameters.{name}, 1 to {most} characters")
            for name, most in (("title", MAX_TITLE_CHARS), ("alert", MAX_ALERT_CHARS))
            if not 1 <= len(message.parameters.get(name, "")) <= most
        ]
        problems += [
            Problem("address", "ADDRESS_MALFORMED", "a client id has 1 to 64 characters", each.delivery_id)
            for each in targets
            if not 1 <= len(each.address) <= 64
        ]
        return tuple(problems)

    def build(self, batch: Batch) -> WireRequest:
        targets = batch.targets
        if not 1 <= len(targets) <= CAPS.max_batch:
            raise BatchRefusedError(f"{len(targets)} targets; a batch holds 1 to {CAPS.max_batch}")
        if len({target.address for target in targets}) != len(targets):
            raise BatchRefusedError("a device is in the batch twice: Getui refuses the whole")
        if not batch.key or len(batch.key.encode()) > CAPS.max_key_bytes:
            raise BatchRefusedError(f"the key must have 1 to {CAPS.max_key_bytes} bytes")
        ids = tuple(_request_id(batch.key, target.delivery_id) for target in targets)
        said = _options(classes(batch.message.message_class, self._account.registered))
        pushes = [
            _push(batch.message, target, request_id, said)
            for target, request_id in zip(targets, ids, strict=True)
        ]
        content = pushes[0] if len(pushes) == 1 else {"is_async": False, "msg_list": pushes}
        return WireRequest(
            action="push_single",
            method="POST",
            path=SINGLE if len(pushes) == 1 else BATCH,
            query=(),
            content_type="application/json;charset=utf-8",
            body=json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(),
            deliveries=tuple(target.delivery_id for target in targets),
            keys=ids,
        )

    async def submit(self, wire: WireRequest, timeout_s: float) -> tuple[Outcome, ...]:
        return await self._tokens.submit(wire, timeout_s, partial(self._attempt, wire))

    def parse_receipts(self, callback: Callback) -> tuple[Receipt, ...]:
        return callbacks.receipts(callbacks.authentic(callback, self._account.master_secret))

    def parse_inbound(self, callback: Callback) -> tuple[Inbound, ...]:
        callbacks.authentic(callback, self._account.master_secret)
        return ()

    def answer(self, callback: Callback) -> CallbackAnswer:
        callbacks.authentic(callback, self._account.master_secret)
        return callbacks.answer()

    async def close(self) -> None:
        """The transport belongs to whoever made it."""

    async def _attempt(self, wire: WireRequest, token: str, deadline: Deadline) -> Attempt:
        headers = {"token": token, "Content-Type": wire.content_type}
        url = self._url + wire.path
        try:
            reply = await self._transport.send(wire.method, url, headers, wire.body, deadline.left_s())
        except NotSentError as error:
            return Attempt(answers.not_sent(wire, error), taken=False, renew=False)
        except UnansweredError as error:
            return Attempt(answers.unanswered(wire, error), taken=False, renew=False)
        decided = answers.by_status(wire, reply)
        if decided is not None:
            return Attempt(decided, taken=False, renew=False)
        code, answer = read(reply)
        if not code:
            unread = answers.all_alike(wire, Verdict.UNKNOWN, answers.UNREADABLE)
            return Attempt(unread, taken=False, renew=False)
        if code == "0":
            return Attempt(self._each(wire, answer.get("data")), taken=True, renew=False)
        meaning = self._errors.meaning(code, str(answer.get("msg", "")))
        outcomes = answers.by_meaning(wire, meaning, code, answers.retry_after_s(reply))
        return Attempt(outcomes, taken=not meaning.renew, renew=meaning.renew)

    def _each(self, wire: WireRequest, data: object) -> tuple[Outcome, ...]:
        """{task: {device: status}}; a device of which nothing is said may have been pushed to."""
        tasks = data if isinstance(data, dict) else {}
        said = {
            device: (str(task), str(status))
            for task, devices in tasks.items()
            if isinstance(devices, dict)
            for device, status in devices.items()
        }
        return tuple(
            self._outcome(delivery, *said.get(device, ("", answers.UNREADABLE)))
            for delivery, device in zip(wire.deliveries, _devices(wire), strict=True)
        )

    def _outcome(self, delivery: str, task: str, status: str) -> Outcome:
        if status in SENT:
            return Outcome(delivery, Verdict.ACCEPTED, message_id=task)
        return self._errors.meaning(status).outcome(delivery, status, batch=1)


def _request_id(key: str, delivery_id: str) -> str:
    """32 hex digits, as many as Getui takes: BLAKE2b-128 over the batch's key and the delivery."""
    return hashlib.blake2b(f"{key}\x1f{delivery_id}".encode(), digest_size=16).hexdigest()


def _push(
    message: Message, target: Target, request_id: str, options: Mapping[str, object]
) -> dict[str, object]:
    parameters = {**message.parameters, **target.parameters}
    title, alert = parameters.pop("title", ""), parameters.pop("alert", "")
    shown = {"title": title, "body": alert, **_tap(message.url, parameters)}
    return {
        "request_id": request_id,
        "settings": {"ttl": KEPT_MS, "strategy": {"default": 1}},
        "audience": {"cid": [target.address]},
        "push_message": {"notification": shown},
        "push_channel": {
            "android": {"ups": {"notification": shown, "options": options}},
            "ios": {"type": "notify", "aps": {"alert": {"title": title, "body": alert}, "sound": "default"}},
        },
    }


def _options(said: Classes) -> dict[str, dict[str, str | int]]:
    """What each phone maker is told of the message's class, by the paths of the makers' own requests."""
    told = {
        "HW": stated(
            {
                "/message/android/notification/importance": said.importance,
                "/message/android/category": said.huawei_category,
            }
        ),
        "HO": stated({"/android/notification/importance": said.importance}),
        "XM": stated({"/extra.channel_id": said.xiaomi_channel}),
        "OP": stated({"/channel_id": said.oppo_channel, "/category": said.oppo_category}),
        "VV": stated(
            {
                "/classification": SYSTEM_CLASS if said.system else MARKETING_CLASS,
                "/category": said.vivo_category,
            }
        ),
    }
    return {maker: paths for maker, paths in told.items() if paths}


def _tap(url: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """What a tap does: open the page, hand over the other parameters, or open the app."""
    if url:
        return {"click_type": "url", "url": url}
    if parameters:
        payload = json.dumps(parameters, ensure_ascii=False, separators=(",", ":"))
        return {"click_type": "payload", "payload": payload}
    return {"click_type": "startapp"}


def _devices(wire: WireRequest) -> list[str]:
    """The client id of each delivery, read back from what was built."""
    content = json.loads(wire.body)
    pushes = content["msg_list"] if wire.path == BATCH else [content]
    return [push["audience"]["cid"][0] for push in pushes]
