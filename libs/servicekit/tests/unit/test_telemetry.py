"""Tracing: decided first, handed on, recorded with errors; names declared once."""

import json
import re

import pytest
from opentelemetry.sdk.resources import Resource
from servicekit.telemetry import names
from servicekit.telemetry.context import (
    TraceContext,
    current_trace,
    parse_traceparent,
    sampled_traceparent,
    within,
)
from servicekit.telemetry.export import FileExporter, tracer_from_environment
from servicekit.telemetry.names import TENANT, Attribute, Metric, SpanName
from servicekit.telemetry.otlp import readable_span
from servicekit.telemetry.spans import Tracer

SAMPLED = TraceContext("a" * 32, "b" * 16, sampled=True)
UNSAMPLED = TraceContext("c" * 32, "d" * 16, sampled=False)


class Collected(list):
    def export(self, span):
        self.append(span)

    def close(self):
        pass


def test_a_sampled_parent_is_continued_whatever_the_ratio():
    spans = Collected()
    with Tracer(spans, ratio=0.0).span("work", parent=SAMPLED) as outer:
        outer.set(TENANT, "t1")
        assert current_trace() == outer.trace
        with Tracer(spans, ratio=0.0).span("inner", "client"):
            pass
    inner, outer = spans
    assert {span.trace.trace_id for span in spans} == {SAMPLED.trace_id}
    assert (outer.parent_span_id, inner.parent_span_id) == (SAMPLED.span_id, outer.trace.span_id)
    assert outer.attributes == {"huaxiang.tenant": "t1"}
    assert outer.start_ns <= inner.start_ns <= inner.end_ns <= outer.end_ns
    assert current_trace() is None


def test_an_unsampled_parent_is_handed_on_and_not_recorded():
    spans = Collected()
    with Tracer(spans, ratio=1.0).span("work", parent=UNSAMPLED) as span:
        assert span is None
        assert current_trace() == UNSAMPLED
        assert sampled_traceparent() is None
    assert spans == []


def test_roots_are_sampled_by_ratio():
    spans = Collected()
    for ratio, expected in ((0.0, 0), (1.0, 50)):
        spans.clear()
        tracer = Tracer(spans, ratio)
        for _ in range(50):
            with tracer.span("root"):
                pass
        assert len(spans) == expected
    with Tracer(None, 1.0).span("root") as span:
        assert span is None, "without an exporter nothing is sampled"


def test_an_exception_marks_the_span_and_passes():
    spans = Collected()
    with pytest.raises(KeyError), Tracer(spans, 1.0).span("root"):
        raise KeyError("phone 13800138000")
    assert spans[0].error == "KeyError", "the class, never the message"


@pytest.mark.parametrize(
    "value", [None, "", "00-x", f"00-{'0' * 32}-{'b' * 16}-01", f"00-{'a' * 32}-{'0' * 16}-01", "zz"]
)
def test_a_malformed_traceparent_is_no_parent(value):
    assert parse_traceparent(value) is None


def test_a_traceparent_comes_back():
    for trace in (SAMPLED, UNSAMPLED):
        assert parse_traceparent(trace.traceparent()) == trace
    with within(SAMPLED):
        assert sampled_traceparent() == SAMPLED.traceparent()


def test_spans_go_to_a_file_as_json_lines(tmp_path):
    env = {"HUAXIANG_TRACE_FILE": str(tmp_path / "out" / "spans.jsonl"), "HUAXIANG_TRACE_RATIO": "1"}
    tracer = tracer_from_environment("tagging", env)
    with tracer.span("work", attributes={TENANT: "t1"}, links=(SAMPLED,)):
        pass
    tracer.close()
    (line,) = (tmp_path / "out" / "spans.jsonl").read_text().splitlines()
    written = json.loads(line)
    assert written["service"] == "tagging"
    assert written["name"] == "work"
    assert written["attributes"] == {"huaxiang.tenant": "t1"}
    assert written["links"] == [SAMPLED.trace_id]
    assert written["end_ns"] >= written["start_ns"]


def test_processes_may_share_a_file(tmp_path):
    for service in ("identity", "tagging"):
        exporter = FileExporter(service, tmp_path / "spans.jsonl")
        with Tracer(exporter, 1.0).span("work"):
            pass
        exporter.close()
    lines = (tmp_path / "spans.jsonl").read_text().splitlines()
    assert [json.loads(line)["service"] for line in lines] == ["identity", "tagging"]


def test_a_bad_ratio_is_refused():
    with pytest.raises(ValueError, match="HUAXIANG_TRACE_RATIO"):
        tracer_from_environment("x", {"HUAXIANG_TRACE_RATIO": "7"})


def test_the_sdks_form_keeps_ids_parent_kind_and_error():
    spans = Collected()
    with pytest.raises(KeyError), Tracer(spans, 0.0).span("work", "server", parent=SAMPLED, links=(SAMPLED,)):
        raise KeyError("x")
    readable = readable_span(spans[0], Resource.create({"service.name": "x"}))
    assert format(readable.context.trace_id, "032x") == SAMPLED.trace_id
    assert format(readable.parent.span_id, "016x") == SAMPLED.span_id
    assert readable.kind.name == "SERVER"
    assert not readable.status.is_ok
    assert readable.context.trace_flags.sampled
    assert len(readable.links) == 1


def test_every_name_is_declared_once_with_its_meaning():
    declared = [value for value in vars(names).values() if isinstance(value, SpanName | Attribute | Metric)]
    assert len({item.name for item in declared}) == len(declared) > 10
    for item in declared:
        assert item.meaning
        assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", item.name)
        assert not isinstance(item, Metric) or (item.suspect and item.unit)
