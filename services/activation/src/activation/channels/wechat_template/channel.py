"""template/send: one person a call, deduplicated by client_msg_id for ten minutes."""

from collections.abc import Callable, Sequence
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
    MessageClass,
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
    OfficialAccount,
    WechatAccount,
    address_problems,
    request,
    url_problems,
)
from activation.channels.wechat_template import callbacks
from activation.channels.wire import Callback, CallbackAnswer, WireRequest

ACTION = "template_send"
PATH = "/cgi-bin/message/template/send"
CAPS = Caps(
    name="wechat_template",
    contact_channel="wechat",
    max_batch=1,
    groups_by=(),
    idempotency=Idempotency.KEYED,
    key_scope=KeyScope.TARGET,
    keys_from_provider=False,
    max_key_bytes=64,
    receipt=ReceiptKind.PUSH,
    marketing_allowed=False,
    idempotency_window_s=600.0,
    messages_per_day=100_000,
)


class WechatTemplateChannel:
    """Class A for ten minutes, then nothing protects: there is no query."""

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
        if message.message_class is MessageClass.MARKETING:
            hint = "template messages are service notices; WeChat refuses marketing with 40249"
            problems.append(Problem("message_class", "MARKETING_REFUSED", hint))
        if not message.template_id:
            problems.append(Problem("template_id", "TEMPLATE_MISSING", "name a template of the account"))
        problems += url_problems(message.url)
        for target in targets:
            problems += address_problems(target)
        return tuple(problems)

    def build(self, batch: Batch) -> WireRequest:
        if len(batch.targets) != 1:
            raise BatchRefusedError(f"{len(batch.targets)} targets; a call takes one person")
        (target,) = batch.targets
        if not target.key or len(target.key.encode()) > CAPS.max_key_bytes:
            raise BatchRefusedError(f"the key must have 1 to {CAPS.max_key_bytes} bytes")
        parameters = {**batch.message.parameters, **target.parameters}
        content: dict[str, object] = {
            "touser": target.address,
            "template_id": batch.message.template_id,
            "client_msg_id": target.key,
            "data": {name: {"value": value} for name, value in parameters.items()},
        }
        if batch.message.url:
            content["url"] = batch.message.url
        return request(ACTION, PATH, content, batch.targets)

    async def submit(self, wire: WireRequest, timeout_s: float) -> tuple[Outcome, ...]:
        return await self._account.submit(wire, timeout_s, lambda answer: str(answer.get("msgid", "")))

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
