"""What people do with a message that was sent to them; the sandbox reports it as the provider would."""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that a provider really sent to one address."""

    channel: str
    """sms, wechat, push or email."""
    provider: str
    """The sandbox's name of it."""
    address: str = field(repr=False)
    """The provider's form: eleven digits, an openid, a registration id."""
    key: str
    """The sender's own key: OutId, client_msg_id, cid; may be empty."""
    text: str = field(repr=False)
    marketing: bool
    at_epoch_s: float
    """Time of sending on the suite's clock."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came of one message. Every time is seconds after the sending, on the suite's clock."""

    delivered: bool = True
    delivered_after_s: float = 1.0
    """When the provider knows whether it arrived; also the time of a failure."""
    failure: str = ""
    """The provider's own code when not delivered; empty lets the provider's stand-in choose one."""
    clicked_after_s: float | None = None
    reply: str = ""
    """Text sent back, such as R; on WeChat and push any reply means that the person left or switched off."""
    replied_after_s: float = 0.0


class Responses(Protocol):
    """Decides what people do. A plain function with this signature will not do: it is asked by its method."""

    def respond(self, sent: Sent) -> Response:
        """Return what comes of `sent`.

        Called once per message, in order of sending, inside the provider's handling of the request: it must
        answer at once and must not raise. The same `sent` must give the same answer in every process.
        """
        ...


@dataclass(frozen=True, slots=True)
class SeededResponses:
    """Independent draws per message, a function of the seed and of (provider, address, key) alone."""

    seed: int = 0
    delivered_share: float = 0.97
    clicked_share: float = 0.08
    """Of the delivered."""
    refused_share: float = 0.005
    """Of the delivered marketing messages: replied R."""
    delivered_after_s: tuple[float, float] = (1.0, 5.0)
    acted_after_s: tuple[float, float] = (20.0, 1800.0)

    def respond(self, sent: Sent) -> Response:
        draws = _draws(self.seed, sent)
        low, high = self.delivered_after_s
        delivered_after_s = low + draws[1] * (high - low)
        if draws[0] >= self.delivered_share:
            return Response(delivered=False, delivered_after_s=delivered_after_s)
        low, high = self.acted_after_s
        acted_after_s = delivered_after_s + low + draws[2] * (high - low)
        refused = sent.marketing and draws[4] < self.refused_share
        return Response(
            delivered_after_s=delivered_after_s,
            clicked_after_s=acted_after_s if draws[3] < self.clicked_share else None,
            reply="R" if refused else "",
            replied_after_s=acted_after_s,
        )


def seeded(settings: Mapping[str, object]) -> SeededResponses:
    """Make them from a mapping: {seed, delivered_share, clicked_share, refused_share, delivered_by_s}, all optional;
    everybody who receives a message does so within `delivered_by_s` seconds."""
    known = {"seed", "delivered_share", "clicked_share", "refused_share", "delivered_by_s"}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ValueError(
            f"responses: unknown settings {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    numbers = {name: value for name, value in settings.items() if isinstance(value, int | float)}
    delivered_by_s = float(numbers.get("delivered_by_s", 5.0))
    return SeededResponses(
        seed=int(numbers.get("seed", 0)),
        delivered_share=float(numbers.get("delivered_share", 0.97)),
        clicked_share=float(numbers.get("clicked_share", 0.08)),
        refused_share=float(numbers.get("refused_share", 0.005)),
        delivered_after_s=(min(1.0, delivered_by_s), delivered_by_s),
    )


def _draws(seed: int, sent: Sent) -> tuple[float, ...]:
    text = f"{seed}\x1f{sent.provider}\x1f{sent.address}\x1f{sent.key}"
    digest = hashlib.blake2b(text.encode(), digest_size=40).digest()
    return tuple(number / 2**64 for number in struct.unpack(">5Q", digest))
