"""A lean tracer that decides sampling before it does anything else.

The decision is the parent's flag, else a ratio at the root. An unsampled span costs a context variable, and
still hands its parent's trace id on, so that one decision holds for a whole trace. Without an exporter
nothing is sampled.
"""

import contextlib
import random
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from servicekit.telemetry.context import TraceContext, current_trace, within
from servicekit.telemetry.names import Attribute, SpanName

DEFAULT_RATIO = 0.05
SpanKind = Literal["internal", "server", "client", "consumer"]
AttributeValue = str | int | bool


@dataclass(slots=True)
class Span:
    """A piece of sampled work. Times are nanoseconds since 1970; `error` is "" for success."""

    name: str
    kind: SpanKind
    trace: TraceContext
    parent_span_id: str
    start_ns: int
    end_ns: int = 0
    error: str = ""
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    links: tuple[TraceContext, ...] = ()

    def set(self, attribute: Attribute, value: AttributeValue) -> None:
        """Sets an attribute."""
        self.attributes[attribute.name] = value


class SpanExporter(Protocol):
    """Takes finished sampled spans; never blocks long, never raises."""

    def export(self, span: Span) -> None: ...

    def close(self) -> None:
        """Hands over what is buffered; nothing is exported afterwards."""
        ...


class Tracer:
    """Makes spans for one process. `ratio` of the roots are sampled when there is an exporter."""

    def __init__(self, exporter: SpanExporter | None = None, ratio: float = DEFAULT_RATIO) -> None:
        self._exporter = exporter
        self._ratio = ratio if exporter is not None else 0.0

    @contextmanager
    def span(
        self,
        name: str,
        kind: SpanKind = "internal",
        *,
        parent: TraceContext | None = None,
        attributes: Mapping[Attribute, AttributeValue] | None = None,
        links: tuple[TraceContext, ...] = (),
    ) -> Iterator[Span | None]:
        """Runs a block as a span and yields it, or None when it is not sampled. The parent is the given
        one, else the running work's. An exception marks the span with its class and passes."""
        parent = parent or current_trace()
        if not (parent.sampled if parent is not None else random.random() < self._ratio):  # noqa: S311  # sampling
            if parent is None or parent is current_trace():
                yield None
            else:
                with within(parent):
                    yield None
            return
        trace_id = parent.trace_id if parent is not None else secrets.token_hex(16)
        trace = TraceContext(trace_id, secrets.token_hex(8), sampled=True)
        span = Span(
            name, kind, trace, parent.span_id if parent is not None else "", time.time_ns(), links=links
        )
        for attribute, value in (attributes or {}).items():
            span.set(attribute, value)
        try:
            with within(trace):
                yield span
        except BaseException as error:
            span.error = span.error or type(error).__name__
            raise
        finally:
            span.end_ns = time.time_ns()
            if self._exporter is not None:
                self._exporter.export(span)

    def close(self) -> None:
        """Hands over what is buffered."""
        if self._exporter is not None:
            self._exporter.close()


_tracer = Tracer()


def tracer() -> Tracer:
    """The process's tracer; off until `install`."""
    return _tracer


def install(made: Tracer) -> None:
    """Sets the process's tracer; called once, in main.py or a test."""
    global _tracer  # noqa: PLW0603  # one tracer per process, as there is one event loop
    _tracer = made


def span(
    name: SpanName, attributes: Mapping[Attribute, AttributeValue] | None = None
) -> "contextlib.AbstractContextManager[Span | None]":
    """A span of a service's own work, named once in its telemetry names."""
    return _tracer.span(name.name, attributes=attributes)
