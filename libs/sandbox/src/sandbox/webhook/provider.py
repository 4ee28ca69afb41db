"""The receiver: takes each webhook-id once and hands the message to the person."""

import json
from collections.abc import Mapping, Sequence

from sandbox.carrier import Message
from sandbox.faults import Rule
from sandbox.provider import Call, Desk, Reply
from sandbox.reports import Push
from sandbox.webhook.settings import WebhookSettings
from sandbox.webhook.verify import refuse, verify

NAME = "webhook"
ACTION = "message.send"
REMEMBERED_S = 86_400.0
_USED = "webhook.used"


class NoCourier:
    """A receiver answers at once; there is nothing to report later."""

    batch = 1
    retry_after_s: Sequence[float] = ()

    def push(self, account: str, kind: str, payloads: Sequence[Mapping[str, object]]) -> Push | None:
        return None

    def accepted(self, status: int, body: bytes) -> bool:
        return True


class Webhook:
    """A receiver behind one port, whatever the path."""

    name = NAME
    courier = NoCourier()

    def __init__(self, settings: WebhookSettings, desk: Desk) -> None:
        self._settings = settings
        self._desk = desk

    def action(self, call: Call) -> str:
        return ACTION if call.method == "POST" else "unknown"

    def handle(self, call: Call) -> Reply:
        if not self._settings.open:
            raise refuse(410, "the endpoint is closed")
        if call.method != "POST":
            raise refuse(405, "only POST is supported")
        message_id = verify(call, self._settings, self._desk.clock.now())
        data = _data(call)
        if self._desk.memory.get(_USED, message_id) is not None:
            return Reply.json(200, {"taken": "before"})
        template = _text(data, "template_id")
        if self._settings.templates and template not in self._settings.templates:
            raise refuse(400, "there is no such template_id")
        address = _text(data, "address")
        if not address or not self._settings.people.knows(address):
            raise refuse(422, "there is no such address")
        self._desk.carrier.send(self._message(call, data, message_id))
        self._desk.memory.put(_USED, message_id, for_s=REMEMBERED_S)
        return Reply.json(202, {"taken": "now"})

    def broken(self, status: int) -> Reply:
        return Reply.json(status, {"error": "internal"})

    def throttled(self, rule: Rule) -> Reply:
        return Reply(429, b"", {"Retry-After": str(rule.retry_after_s)})

    def recipients(self, call: Call) -> int:
        """A call is one message."""
        return 0

    def expire_tokens(self) -> None:
        """Keys do not expire."""

    def _message(self, call: Call, data: Mapping[str, object], message_id: str) -> Message:
        address = _text(data, "address")
        parameters = data.get("parameters")
        return Message(
            provider=NAME,
            channel=self._settings.contact_channel,
            account=NAME,
            action=ACTION,
            address=address,
            key=message_id,
            message_id=message_id,
            topic=_text(data, "template_id"),
            marketing=data.get("message_class") == "marketing",
            text=json.dumps(parameters, ensure_ascii=False, sort_keys=True),
            request_digest=call.digest,
            failure="unreachable",
            failed=not self._settings.people.reachable(address),
        )


def _data(call: Call) -> Mapping[str, object]:
    try:
        content = json.loads(call.body)
    except ValueError:
        content = None
    data = content.get("data") if isinstance(content, dict) and content.get("type") == ACTION else None
    if not isinstance(data, dict):
        raise refuse(400, f"the body must be a JSON object of type {ACTION} with data")
    return data


def _text(data: Mapping[str, object], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise refuse(400, f"data.{name} must be text")
    return value
