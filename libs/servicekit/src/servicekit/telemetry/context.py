"""The trace a piece of work belongs to, as W3C trace context, carried in a context variable."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass

TRACEPARENT_KEY = "traceparent"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """`trace_id` 32 and `span_id` 16 hex digits; `sampled` is the decision, taken once at the root."""

    trace_id: str
    span_id: str
    sampled: bool

    def traceparent(self) -> str:
        """The W3C header value."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


_current: ContextVar[TraceContext | None] = ContextVar("servicekit_trace", default=None)


def current_trace() -> TraceContext | None:
    """The trace of the running work, None outside any."""
    return _current.get()


def sampled_traceparent() -> str | None:
    """The header value when the running work is sampled; what the changelog stores with each entry."""
    trace = _current.get()
    return trace.traceparent() if trace is not None and trace.sampled else None


def parse_traceparent(value: str | None) -> TraceContext | None:
    """The context of a header value; None for an absent or malformed one, as W3C asks."""
    match = _TRACEPARENT.fullmatch(value) if value else None
    if match is None or match[1] == "0" * 32 or match[2] == "0" * 16:
        return None
    return TraceContext(match[1], match[2], bool(int(match[3], 16) & 1))


@contextmanager
def within(trace: TraceContext | None) -> Iterator[None]:
    """Runs a block as part of `trace`."""
    token = _current.set(trace)
    try:
        yield
    finally:
        with suppress(ValueError):  # an abandoned stream is closed in another context
            _current.reset(token)
