"""The way from a provider to people: records each message sent and asks what came of it."""

import time
from dataclasses import dataclass

from sandbox.clock import Clock
from sandbox.effects import REPLACED, Effect, EffectLog, address_hash
from sandbox.responses import Response, Responses, Sent


class CutShortError(Exception):
    """The provider broke in the middle of a request; what was sent until then stays sent."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that a provider has accepted for one address."""

    provider: str
    channel: str
    account: str
    action: str
    address: str
    key: str
    message_id: str
    topic: str
    marketing: bool
    text: str
    request_digest: str
    failure: str
    """The provider's code for a message that does not arrive, when the response names none."""
    failed: bool = False
    """The provider knows already that it cannot arrive: an address that left."""
    replaces: bool = False
    """It takes the place of one that the device shows; nobody is asked again what they do."""


class Carrier:
    """Sends inside the caller's transaction; the effect is written before the provider answers."""

    def __init__(self, log: EffectLog, clock: Clock, responses: Responses) -> None:
        self._log = log
        self._clock = clock
        self._responses = responses
        self._left: int | None = None

    def allow(self, messages: int | None) -> None:
        """Break with CutShortError after so many more messages; None = never."""
        self._left = messages

    def send(self, message: Message) -> tuple[int, Response]:
        """Record the effect; return its id and what comes of it."""
        if self._left is not None:
            if self._left == 0:
                raise CutShortError
            self._left -= 1
        now = self._clock.now()
        response = Response(delivered_after_s=0.0) if message.replaces else self._respond(message, now)
        outcome = "DELIVERED" if response.delivered else response.failure or message.failure
        effect = Effect(
            id=0,
            provider=message.provider,
            account=message.account,
            action=message.action,
            address_hash=address_hash(message.provider, message.address),
            key=message.key,
            message_id=message.message_id,
            topic=message.topic,
            marketing=message.marketing,
            at_epoch_s=now,
            machine_epoch_s=time.time(),
            request_digest=message.request_digest,
            delivered=response.delivered,
            outcome=REPLACED if message.replaces else outcome,
            settled_epoch_s=now + response.delivered_after_s,
            text=message.text,
        )
        return self._log.append(effect), response

    def _respond(self, message: Message, now: float) -> Response:
        response = self._responses.respond(
            Sent(
                channel=message.channel,
                provider=message.provider,
                address=message.address,
                key=message.key,
                text=message.text,
                marketing=message.marketing,
                at_epoch_s=now,
            )
        )
        if not message.failed:
            return response
        return Response(
            delivered=False, delivered_after_s=response.delivered_after_s, failure=message.failure
        )
