"""template/send: one person a call, deduplicated by client_msg_id for ten minutes."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import urlencode

from activation.channels import answers
from activation.channels.error_table import ErrorTable, Meaning, load
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
    Verdict,
)
from activation.channels.transport import Deadline, HttpReply, NotSentError, Transport, UnansweredError
from activation.channels.wechat_template import callbacks
from activation.channels.wechat_template.tokens import TokenRefusedError, Tokens, WechatAccount, errcode
from activation.channels.wire import Callback, CallbackAnswer, WireRequest

BASE_URL = "https://api.weixin.qq.com"
ACTION = "template_send"
PATH = "/cgi-bin/message/template/send"
SUCCESS = "0"
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
        self._account = account
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._tokens = Tokens(account, transport, now, self._base_url)
        self._errors: ErrorTable = load(__package__ or "")

    def validate(self, message: Message, targets: Sequence[Target] = ()) -> tuple[Problem, ...]:
        problems = []
        if message.message_class is MessageClass.MARKETING:
            hint = "template messages are service notices; WeChat refuses marketing with 40249"
            problems.append(Problem("message_class", "MARKETING_REFUSED", hint))
        if not message.template_id:
            problems.append(Problem("template_id", "TEMPLATE_MISSING", "name a template of the account"))
        if message.url and not message.url.startswith(("https://", "http://")):
            problems.append(Problem("url", "URL_MALFORMED", "start it with https://"))
        problems += [
            Problem(
                "address",
                "ADDRESS_MALFORMED",
                "an openid has no spaces and 1 to 64 characters",
                each.delivery_id,
            )
            for each in targets
            if not 1 <= len(each.address) <= 64 or not each.address.isascii() or " " in each.address
        ]
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
        return WireRequest(
            action=ACTION,
            method="POST",
            path=PATH,
            query=(),
            content_type="application/json",
            body=json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(),
            deliveries=(target.delivery_id,),
            keys=(target.key,),
        )

    async def submit(self, wire: WireRequest, timeout_s: float) -> tuple[Outcome, ...]:
        deadline = Deadline(timeout_s)
        token = ""
        outcomes: tuple[Outcome, ...] = ()
        for _ in range(2):
            try:
                token = await self._tokens.get(deadline, refused=token)
            except TokenRefusedError as error:
                return self._without_token(wire, error)
            except (NotSentError, UnansweredError) as error:
                # The message itself was never on its way, whatever became of the question for a token.
                reason = (
                    f"TOKEN_{error.reason}" if isinstance(error, UnansweredError) else answers.NOT_CONNECTED
                )
                return answers.all_alike(wire, Verdict.RETRY, reason, answers.NOT_CONNECTED_RETRY_S)
            outcomes, meaning = await self._submit_once(wire, token, deadline)
            if meaning is None or not meaning.renew:
                return outcomes
        if self._tokens.refused_for_long():
            return outcomes
        reason = f"TOKEN_{outcomes[0].reason}"
        return answers.all_alike(wire, Verdict.RETRY, reason, answers.NOT_CONNECTED_RETRY_S)

    def parse_receipts(self, callback: Callback) -> tuple[Receipt, ...]:
        callbacks.authenticate(callback, self._account.callback_token)
        return callbacks.receipts(callback)

    def parse_inbound(self, callback: Callback) -> tuple[Inbound, ...]:
        callbacks.authenticate(callback, self._account.callback_token)
        return callbacks.inbound(callback)

    def answer(self, callback: Callback) -> CallbackAnswer:
        return callbacks.answer(callback, callbacks.authenticate(callback, self._account.callback_token))

    async def close(self) -> None:
        """The transport belongs to whoever made it."""

    async def _submit_once(
        self, wire: WireRequest, token: str, deadline: Deadline
    ) -> tuple[tuple[Outcome, ...], Meaning | None]:
        url = f"{self._base_url}{wire.path}?{urlencode({'access_token': token})}"
        headers = {"Content-Type": wire.content_type}
        try:
            reply = await self._transport.send(wire.method, url, headers, wire.body, deadline.left_s())
        except NotSentError as error:
            return answers.not_sent(wire, error), None
        except UnansweredError as error:
            return answers.unanswered(wire, error), None
        decided = answers.by_status(wire, reply)
        if decided is not None:
            return decided, None
        code = errcode(reply)
        if code and not self._errors.meaning(code).renew:
            self._tokens.taken()
        if code == SUCCESS:
            return answers.accepted(wire.deliveries, _msgid(reply)), None
        if not code:
            return answers.all_alike(wire, Verdict.UNKNOWN, answers.UNREADABLE), None
        meaning = self._errors.meaning(code)
        return answers.by_meaning(wire, meaning, code), meaning

    def _without_token(self, wire: WireRequest, error: TokenRefusedError) -> tuple[Outcome, ...]:
        """No token, so nothing was sent: what is UNKNOWN for a message is only a reason to come back here."""
        meaning = self._errors.meaning(error.errcode)
        after_s = answers.retry_after_s(error.reply) or meaning.after_s or answers.NOT_CONNECTED_RETRY_S
        if error.errcode and meaning.verdict is Verdict.REJECTED:
            return answers.by_meaning(wire, meaning, error.errcode)
        return answers.all_alike(wire, Verdict.RETRY, f"TOKEN_{error.errcode or error.reply.status}", after_s)


def _msgid(reply: HttpReply) -> str:
    return str(json.loads(reply.body).get("msgid", ""))
