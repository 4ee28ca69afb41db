"""Apple's push service: no memory of what was sent but the screen's."""

from sandbox.apns import answers, requests
from sandbox.apns.requests import Content
from sandbox.apns.settings import ApnsSettings, Key
from sandbox.apns.verify import ProviderTokens
from sandbox.carrier import Message
from sandbox.directory import Leavers
from sandbox.exchange import Exchange
from sandbox.faults import Rule
from sandbox.http2 import Http2Door, Streams
from sandbox.provider import Call, Desk, Reply
from sandbox.reports import Unreported
from sandbox.screen import Screen

NAME = "apns"
DEVICE = "device"
STREAMS = Streams(most=1_000, untrusted=1, proves=lambda reply: reply.status != answers.NOT_PROVEN)
"""One request at a time until a provider token was good."""


class Apns:
    """APNs behind one port, over HTTP/2."""

    name = NAME
    courier = Unreported()

    def __init__(self, settings: ApnsSettings, desk: Desk) -> None:
        self._settings = settings
        self._desk = desk
        self._tokens = ProviderTokens(settings, desk.clock)
        self._leavers = Leavers("apns.left", desk.memory, desk.clock)
        self._screen = Screen("apns.screen", desk)

    def door(self, exchange: Exchange) -> Http2Door:
        return Http2Door(exchange, STREAMS)

    def action(self, call: Call) -> str:
        return DEVICE if requests.PLACE.fullmatch(call.path) else "unknown"

    def handle(self, call: Call) -> Reply:
        key = self._tokens.check(call)
        content = requests.read(call, key)
        self._check_device(content.token)
        self._show(call, key, content)
        return answers.accepted(content.apns_id)

    def broken(self, status: int) -> Reply:
        reply = answers.error("ServiceUnavailable" if status == 503 else "InternalServerError")
        return Reply(status, reply.body, reply.headers)

    def throttled(self, rule: Rule) -> Reply:
        return answers.error("TooManyRequests", {"Retry-After": str(rule.retry_after_s)})

    def recipients(self, call: Call) -> int:
        return 0

    def expire_tokens(self) -> None:
        self._tokens.expire()

    def _check_device(self, token: str) -> None:
        devices = self._settings.devices
        if token in self._settings.of_other_apps:
            raise answers.refuse("DeviceTokenNotForTopic")
        if not devices.knows(token):
            raise answers.refuse("BadDeviceToken")
        if not devices.reachable(token):
            raise answers.refuse("Unregistered", int(self._settings.gone_since_epoch_s * 1_000))
        if (since := self._leavers.since(token)) is not None:
            raise answers.refuse("Unregistered", int(since * 1_000))

    def _show(self, call: Call, key: Key, content: Content) -> None:
        message = Message(
            provider=NAME,
            channel="push",
            account=key.team_id,
            action=DEVICE,
            address=content.token,
            key=content.collapse_id,
            message_id=content.apns_id,
            topic=content.topic,
            marketing=content.convenient,
            text=content.text,
            request_digest=call.digest,
            failure="NOT_DISPLAYED",
        )
        response = self._screen.show(message)
        if response is not None and response.delivered and response.reply:
            self._leavers.add(content.token, response.replied_after_s)
