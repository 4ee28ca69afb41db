"""How the receiver of a message reacts: a pure function of seed, channel, address, delivery and hour.

Propensities are planted per address, so that whoever holds a person's address holds the truth about it; the
outcome of one delivery is drawn from them by its key. The same arguments give the same answer in any process,
which lets sandbox providers be restarted without changing what the receivers do.
"""

import re
from dataclasses import dataclass
from hashlib import blake2b

CHANNELS = ("sms", "wechat", "push", "email")
OPT_OUT_REPLY = "R"
_MAINLAND = re.compile(r"1[0-9]{10}")

_DEAD_ADDRESS = {"sms": 0.02, "wechat": 0.01, "push": 0.06, "email": 0.03}
_LOST_MESSAGE = 0.004
_USUAL_CLICK = {"sms": 0.06, "wechat": 0.12, "push": 0.08, "email": 0.04}
_EAGERNESS = ((0.30, 0.15), (0.80, 1.0), (1.0, 2.2))
"""(up to this share of addresses, times the channel's usual click rate): reluctant, usual, eager."""
_BEST_HOURS = (8, 12, 18, 20, 21)
_IN_BEST_HOURS, _OUT_OF_BEST_HOURS, _BEST_HOURS_SPAN = 1.5, 0.75, 2
_OPT_OUT = {"sms": 0.012, "wechat": 0.0, "push": 0.0, "email": 0.0}
_DELIVERY_DELAY_S = (1, 20)
_CLICK_DELAY_S = (20, 5_400)
_REPLY_DELAY_S = (30, 1_800)


@dataclass(frozen=True, slots=True)
class Propensity:
    """What is planted in an address: reachable at all; the chance to click a delivered message sent within
    two hours of `best_hour` and otherwise; the chance to reply with an opt-out."""

    reachable: bool
    best_hour: int
    click_at_best: float
    click_otherwise: float
    opt_out: float

    def click(self, hour: int) -> float:
        distance = abs(hour - self.best_hour)
        near = min(distance, 24 - distance) <= _BEST_HOURS_SPAN
        return self.click_at_best if near else self.click_otherwise


@dataclass(frozen=True, slots=True)
class Response:
    """What one message led to. Delays are seconds: `delivery_delay_s` after the send (also of a failure
    notice), `click_delay_s` and `reply_delay_s` after the delivery; those that did not happen are None."""

    delivered: bool
    delivery_delay_s: int
    click_delay_s: int | None
    reply: str | None
    reply_delay_s: int | None

    @property
    def clicked(self) -> bool:
        return self.click_delay_s is not None


def address_key(channel: str, address: str) -> str:
    """A digest of an address, for callers that must not keep the address itself.

    An SMS address is an E.164 number; eleven mainland digits, as some providers want them, give the same key.
    WeChat addresses are openids of the official account, push addresses are registration ids.
    """
    whole = f"+86{address}" if channel == "sms" and _MAINLAND.fullmatch(address) else address
    return blake2b(whole.encode(), digest_size=16).hexdigest()


def propensity(seed: int, channel: str, address_digest: str) -> Propensity:
    """The planted truth of an address; `address_digest` is `address_key(channel, address)`. KeyError: unknown
    channel."""
    draws = _Draws(seed, channel, address_digest)
    reachable = draws.share() >= _DEAD_ADDRESS[channel]
    eagerness = draws.share()
    times = next(factor for limit, factor in _EAGERNESS if eagerness < limit)
    rate = _USUAL_CLICK[channel] * times
    best_hour = _BEST_HOURS[draws.number(0, len(_BEST_HOURS) - 1)]
    return Propensity(
        reachable, best_hour, rate * _IN_BEST_HOURS, rate * _OUT_OF_BEST_HOURS, _OPT_OUT[channel]
    )


def respond(
    seed: int, channel: str, address_digest: str, delivery_key: str, hour: int, *, marketing: bool = True
) -> Response:
    """What becomes of one delivery sent at an hour (0-23) of the receiver's day.

    `delivery_key` tells messages to the same address apart; a repeat of one delivery repeats its response.
    Only `marketing` is answered with an opt-out.
    """
    planted = propensity(seed, channel, address_digest)
    draws = _Draws(seed, channel, address_digest, delivery_key)
    delay = draws.number(*_DELIVERY_DELAY_S)
    if not planted.reachable or draws.share() < _LOST_MESSAGE:
        return Response(False, delay, None, None, None)
    clicks, click_delay = draws.share() < planted.click(hour), draws.number(*_CLICK_DELAY_S)
    replies, reply_delay = draws.share() < planted.opt_out * marketing, draws.number(*_REPLY_DELAY_S)
    return Response(
        delivered=True,
        delivery_delay_s=delay,
        click_delay_s=click_delay if clicks else None,
        reply=OPT_OUT_REPLY if replies else None,
        reply_delay_s=reply_delay if replies else None,
    )


class _Draws:
    """Successive 16-bit numbers of a keyed digest: 32 of them, more than any response needs."""

    def __init__(self, seed: int, *parts: str) -> None:
        text = "\x1f".join((str(seed), *parts))
        self._bytes = blake2b(text.encode()).digest()
        self._next = 0

    def share(self) -> float:
        """Uniform in [0, 1), in steps of 1 / 65,536."""
        value = int.from_bytes(self._bytes[self._next : self._next + 2], "big")
        self._next += 2
        return value / 65_536

    def number(self, low: int, high: int) -> int:
        """Uniform among the whole numbers from low to high."""
        return low + int(self.share() * (high - low + 1))
