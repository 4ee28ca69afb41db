"""Spans to an OpenTelemetry collector, through the SDK's batching exporter and its OTEL_* environment
variables."""

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from servicekit.telemetry.context import TraceContext
from servicekit.telemetry.spans import Span

_KINDS = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "consumer": SpanKind.CONSUMER,
}


class OtlpExporter:
    """Batches in a thread of its own; spans beyond its queue are dropped, never waited for."""

    def __init__(self, service: str) -> None:
        self._resource = Resource.create({"service.name": service})
        self._processor = BatchSpanProcessor(OTLPSpanExporter())

    def export(self, span: Span) -> None:
        self._processor.on_end(readable_span(span, self._resource))

    def close(self) -> None:
        self._processor.shutdown()  # type: ignore[no-untyped-call]


def readable_span(span: Span, resource: Resource) -> ReadableSpan:
    """The SDK's form of a span."""
    parent = (
        _context(TraceContext(span.trace.trace_id, span.parent_span_id, sampled=True))
        if span.parent_span_id
        else None
    )
    return ReadableSpan(
        name=span.name,
        context=_context(span.trace),
        parent=parent,
        resource=resource,
        attributes=dict(span.attributes),
        links=[Link(_context(link)) for link in span.links],
        kind=_KINDS[span.kind],
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
        start_time=span.start_ns,
        end_time=span.end_ns,
    )


def _context(trace: TraceContext) -> SpanContext:
    return SpanContext(
        int(trace.trace_id, 16),
        int(trace.span_id, 16),
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
