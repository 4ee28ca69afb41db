"""The same conclusions from the same failures, for every channel."""

import json
from collections.abc import Iterable

from activation.channels.error_table import Meaning
from activation.channels.port import Outcome, Verdict
from activation.channels.transport import HttpReply, NotSentError, UnansweredError
from activation.channels.wire import WireRequest

NOT_CONNECTED = "NOT_CONNECTED"
UNREADABLE = "UNREADABLE"
NOT_CONNECTED_RETRY_S = 5.0
THROTTLED_RETRY_S = 1.0
MAX_RETRY_AFTER_S = 3_600.0


def all_alike(wire: WireRequest, verdict: Verdict, reason: str, after_s: float = 0.0) -> tuple[Outcome, ...]:
    """One verdict for every delivery of the request."""
    return tuple(Outcome(delivery, verdict, reason, after_s=after_s) for delivery in wire.deliveries)


def by_meaning(
    wire: WireRequest, meaning: Meaning, code: str, after_s: float | None = None
) -> tuple[Outcome, ...]:
    """The meaning of a code that answered the request as a whole."""
    batch = len(wire.deliveries)
    return tuple(
        meaning.outcome(delivery, code, batch=batch, after_s=after_s) for delivery in wire.deliveries
    )


def accepted(deliveries: Iterable[str], message_id: str) -> tuple[Outcome, ...]:
    return tuple(Outcome(delivery, Verdict.ACCEPTED, message_id=message_id) for delivery in deliveries)


def not_sent(wire: WireRequest, _: NotSentError) -> tuple[Outcome, ...]:
    return all_alike(wire, Verdict.RETRY, NOT_CONNECTED, NOT_CONNECTED_RETRY_S)


def unanswered(wire: WireRequest, error: UnansweredError) -> tuple[Outcome, ...]:
    return all_alike(wire, Verdict.UNKNOWN, error.reason)


def by_status(wire: WireRequest, reply: HttpReply) -> tuple[Outcome, ...] | None:
    """What the HTTP status alone decides: 429 was not done, 5xx perhaps; None for all others."""
    if reply.status == 429:
        after_s = retry_after_s(reply) or THROTTLED_RETRY_S
        return all_alike(wire, Verdict.RETRY, "HTTP_429", after_s)
    if reply.status >= 500:
        return all_alike(wire, Verdict.UNKNOWN, f"HTTP_{reply.status}")
    return None


def content(reply: HttpReply) -> dict[str, object]:
    """The answer as a JSON object; empty when it is none, whatever else it is."""
    try:
        said = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def retry_after_s(reply: HttpReply) -> float | None:
    """Retry-After in seconds, within reason; a date is not read."""
    text = reply.headers.get("retry-after", "")
    return min(float(text), MAX_RETRY_AFTER_S) if text.isdecimal() else None
