"""mass/send: one message for many followers, deduplicated by clientmsgid for twenty-four hours."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from activation.channels.error_table import load
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
)
from activation.channels.transport import Transport
from activation.channels.wechat import __name__ as shared
from activation.channels.wechat import events
from activation.channels.wechat.official_account import (
    BASE_URL,
    SUCCESS,
    OfficialAccount,
    WechatAccount,
    address_problems,
    request,
)
from activation.channels.wechat_mass import callbacks
from activation.channels.wire import Callback, CallbackAnswer, WireRequest

ACTION = "mass_send"
PATH = "/cgi-bin/message/mass/send"
ALREADY_SENT = "45065"
TEXT = "text"
MAX_TEXT_BYTES = 2_048
CAPS = Caps(
    name="wechat_mass",
    contact_channel="wechat",
    min_batch=2,
    max_batch=10_000,
    groups_by=("parameters",),
    idempotency=Idempotency.KEYED,
    key_scope=KeyScope.BATCH,
    keys_from_provider=False,
    max_key_bytes=64,
    receipt=ReceiptKind.TOTALS,
    marketing_allowed=True,
    idempotency_window_s=86_400.0,
    calls_per_minute=60,
    messages_per_person_month=4,
)


class WechatMassChannel:
    """Class A for a day. A message is an article by its media_id (the template_id), or the parameter `text`."""

    caps = CAPS

    def __init__(
        self,
        account: WechatAccount,
        transport: Transport,
        now: Callable[[], datetime],
        base_url: str = BASE_URL,
    ) -> None:
        """`now` is the suite's clock, aware: it decides when a token is renewed."""
        self.callback_source = account.callback_source
        self._callback_token = account.callback_token
        self._account = OfficialAccount(account, transport, now, base_url, load(shared, __package__ or ""))

    def validate(self, message: Message, targets: Sequence[Target] = ()) -> tuple[Problem, ...]:
        problems = []
        words = message.parameters.get(TEXT, "")
        if bool(message.template_id) == bool(words):
            hint = "name an article by its media_id, or say it in the parameter text; not both"
            problems.append(Problem("template_id", "CONTENT_MISSING", hint))
        if len(words.encode()) > MAX_TEXT_BYTES:
            hint = f"a text has at most {MAX_TEXT_BYTES} bytes of UTF-8"
            problems.append(Problem("parameters.text", "PARAMETER_TOO_LONG", hint))
        for target in targets:
            problems += address_problems(target)
        return tuple(problems)

    def build(self, batch: Batch) -> WireRequest:
        targets = batch.targets
        if not CAPS.min_batch <= len(targets) <= CAPS.max_batch:
            raise BatchRefusedError(
                f"{len(targets)} targets; a batch holds {CAPS.min_batch} to {CAPS.max_batch}"
            )
        if not batch.key or len(batch.key.encode()) > CAPS.max_key_bytes:
            raise BatchRefusedError(f"the key must have 1 to {CAPS.max_key_bytes} bytes")
        if len({target.address for target in targets}) != len(targets):
            raise BatchRefusedError("an openid is in the batch twice")
        if any(target.parameters for target in targets):
            raise BatchRefusedError("a call carries one message: batch by parameters")
        content: dict[str, object] = {
            "touser": [target.address for target in targets],
            **_message(batch.message),
            "clientmsgid": batch.key,
        }
        return request(ACTION, PATH, content, targets)

    async def submit(self, wire: WireRequest, timeout_s: float) -> tuple[Outcome, ...]:
        """Whom of the list it does not reach WeChat never says: unknown openids and spent shares are passed over."""
        taken = frozenset({SUCCESS, ALREADY_SENT})
        return await self._account.submit(
            wire, timeout_s, lambda answer: str(answer.get("msg_id", "")), taken
        )

    def parse_receipts(self, callback: Callback) -> tuple[Receipt, ...]:
        events.authenticate(callback, self._callback_token)
        return callbacks.receipts(callback)

    def parse_inbound(self, callback: Callback) -> tuple[Inbound, ...]:
        events.authenticate(callback, self._callback_token)
        return callbacks.inbound(callback)

    def answer(self, callback: Callback) -> CallbackAnswer:
        return events.answer(callback, events.authenticate(callback, self._callback_token))

    async def close(self) -> None:
        """The transport belongs to whoever made it."""


def _message(message: Message) -> Mapping[str, object]:
    if message.template_id:
        return {"msgtype": "mpnews", "mpnews": {"media_id": message.template_id}, "send_ignore_reprint": 0}
    return {"msgtype": TEXT, TEXT: {"content": message.parameters.get(TEXT, "")}}
