"""Where sampled spans go: a file of JSON lines, an OTLP collector, or nowhere."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from servicekit.telemetry.spans import DEFAULT_RATIO, Span, Tracer

TRACE_FILE = "HUAXIANG_TRACE_FILE"
TRACE_RATIO = "HUAXIANG_TRACE_RATIO"
OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def tracer_from_environment(service: str, env: Mapping[str, str]) -> Tracer:
    """The tracer that the environment asks for; `service` names the process in every span.

    Raises ValueError for a ratio that is not between 0 and 1.
    """
    ratio = float(env.get(TRACE_RATIO) or DEFAULT_RATIO)
    if not 0 <= ratio <= 1:
        raise ValueError(f"{TRACE_RATIO} must be between 0 and 1, not {ratio}")
    if env.get(TRACE_FILE):
        return Tracer(FileExporter(service, Path(env[TRACE_FILE])), ratio)
    if env.get(OTLP_ENDPOINT):
        from servicekit.telemetry.otlp import OtlpExporter

        return Tracer(OtlpExporter(service), ratio)
    return Tracer()


class FileExporter:
    """One JSON object per line, appended in one write each, so that processes may share the file."""

    def __init__(self, service: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._service = service
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)

    def export(self, span: Span) -> None:
        line = {
            "service": self._service,
            "name": span.name,
            "kind": span.kind,
            "trace_id": span.trace.trace_id,
            "span_id": span.trace.span_id,
            "parent_span_id": span.parent_span_id,
            "start_ns": span.start_ns,
            "end_ns": span.end_ns,
            "error": span.error,
            "attributes": span.attributes,
            "links": [link.trace_id for link in span.links],
        }
        with suppress(OSError):  # a full disk costs spans, never a call
            os.write(self._descriptor, json.dumps(line, ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._descriptor)
        self._descriptor = -1
