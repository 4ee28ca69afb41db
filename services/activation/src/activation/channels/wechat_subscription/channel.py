"""subscribe/bizsend: one person a call, nothing protects against sending twice."""

import re
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
    OfficialAccount,
    WechatAccount,
    address_problems,
    request,
)
from activation.channels.wechat_subscription import callbacks
from activation.channels.wire import Callback, CallbackAnswer, WireRequest

ACTION = "subscribe_bizsend"
PATH = "/cgi-bin/message/subscribe/bizsend"
CAPS = Caps(
    name="wechat_subscription",
    contact_channel="wechat",
    max_batch=1,
    groups_by=(),
    idempotency=Idempotency.NONE,
    key_scope=KeyScope.TARGET,
    keys_from_provider=False,
    max_key_bytes=64,
    receipt=ReceiptKind.PUSH,
    marketing_allowed=True,
    needs_grant=True,
)
MAX_CHARS = {
    "thing": 20,
    "number": 32,
    "letter": 32,
    "symbol": 5,
    "character_string": 32,
    "phone_number": 17,
    "car_number": 8,
    "name": 10,
    "phrase": 5,
}
"""By the kind of a variable, which its name begins with: thing1, number2."""
_VARIABLE = re.compile(r"([a-z_]+?)\d+", re.ASCII)


class WechatSubscriptionChannel:
    """Class U: a grant is spent with the sending, so not even the person can be asked for another."""

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
        if not message.template_id:
            problems.append(
                Problem("template_id", "TEMPLATE_MISSING", "name a subscription template of the account")
            )
        problems += _parameter_problems(message.parameters, "")
        for target in targets:
            problems += address_problems(target)
            problems += _parameter_problems(target.parameters, target.delivery_id)
        return tuple(problems)

    def build(self, batch: Batch) -> WireRequest:
        """The message's url is the page of the account's mini program that a tap opens."""
        if len(batch.targets) != 1:
            raise BatchRefusedError(f"{len(batch.targets)} targets; a call takes one person")
        (target,) = batch.targets
        parameters = {**batch.message.parameters, **target.parameters}
        content: dict[str, object] = {
            "touser": target.address,
            "template_id": batch.message.template_id,
            "data": {name: {"value": value} for name, value in parameters.items()},
            "miniprogram_state": "formal",
            "lang": "zh_CN",
        }
        if batch.message.url:
            content["page"] = batch.message.url
        return request(ACTION, PATH, content, batch.targets, keyed=False)

    async def submit(self, wire: WireRequest, timeout_s: float) -> tuple[Outcome, ...]:
        return await self._account.submit(wire, timeout_s, lambda _: "")

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


def _parameter_problems(parameters: Mapping[str, str], delivery_id: str) -> list[Problem]:
    problems = []
    for name, value in sorted(parameters.items()):
        variable = _VARIABLE.fullmatch(name)
        most = MAX_CHARS.get(variable[1]) if variable else None
        if variable is None:
            hint = "variables have the names that WeChat gave them, such as thing1 or date2"
            problems.append(Problem(f"parameters.{name}", "PARAMETER_UNKNOWN", hint, delivery_id))
        elif most is not None and len(value) > most:
            hint = f"WeChat takes at most {most} characters in a {variable[1]}"
            problems.append(Problem(f"parameters.{name}", "PARAMETER_TOO_LONG", hint, delivery_id))
    return problems
