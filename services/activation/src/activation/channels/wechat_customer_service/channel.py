"""message/custom/send: a text to one person; nothing protects against sending twice, and nothing is reported."""

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
)
from activation.channels.wechat_customer_service import callbacks
from activation.channels.wire import Callback, CallbackAnswer, WireRequest

ACTION = "custom_send"
PATH = "/cgi-bin/message/custom/send"
TEXT = "text"
MAX_TEXT_BYTES = 2_048
CAPS = Caps(
    name="wechat_customer_service",
    contact_channel="wechat",
    max_batch=1,
    groups_by=(),
    idempotency=Idempotency.NONE,
    key_scope=KeyScope.TARGET,
    keys_from_provider=False,
    max_key_bytes=64,
    receipt=ReceiptKind.NONE,
    marketing_allowed=True,
    needs_grant=True,
)


class WechatCustomerServiceChannel:
    """Class U. The one parameter of a message is its `text`."""

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
        if not 1 <= len(message.parameters.get(TEXT, "").encode()) <= MAX_TEXT_BYTES:
            hint = f"say it in the parameter text, in at most {MAX_TEXT_BYTES} bytes of UTF-8"
            problems.append(Problem("parameters.text", "TEXT_MISSING", hint))
        for target in targets:
            problems += address_problems(target)
        return tuple(problems)

    def build(self, batch: Batch) -> WireRequest:
        if len(batch.targets) != 1:
            raise BatchRefusedError(f"{len(batch.targets)} targets; a call takes one person")
        (target,) = batch.targets
        words = {**batch.message.parameters, **target.parameters}.get(TEXT, "")
        content = {"touser": target.address, "msgtype": TEXT, TEXT: {"content": words}}
        return request(ACTION, PATH, content, batch.targets, keyed=False)

    async def submit(self, wire: WireRequest, timeout_s: float) -> tuple[Outcome, ...]:
        return await self._account.submit(wire, timeout_s, lambda _: "")

    def parse_receipts(self, callback: Callback) -> tuple[Receipt, ...]:
        """None: WeChat tells nothing of these messages."""
        events.authenticate(callback, self._callback_token)
        return ()

    def parse_inbound(self, callback: Callback) -> tuple[Inbound, ...]:
        events.authenticate(callback, self._callback_token)
        return callbacks.inbound(callback)

    def answer(self, callback: Callback) -> CallbackAnswer:
        return events.answer(callback, events.authenticate(callback, self._callback_token))

    async def close(self) -> None:
        """The transport belongs to whoever made it."""
