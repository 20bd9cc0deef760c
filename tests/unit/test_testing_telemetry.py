"""The span collector, fed by the exporter that real programs use."""

import gzip

import httpx
import pytest
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from litellm_cascade.testing.telemetry import SpanCollector, TraceParent


@pytest.fixture(scope="module")
def server():
    with SpanCollector() as server:
        yield server


@pytest.fixture
def collector(server):
    server.clear()
    return server


def tracer(collector, compression=Compression.NoCompression):
    return exporting(OTLPSpanExporter(f"{collector.endpoint}/v1/traces", compression=compression))


def grpc_tracer(collector):
    return exporting(GrpcExporter(collector.grpc_endpoint, insecure=True))


def exporting(exporter):
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("till")


@pytest.mark.parametrize("over", [tracer, grpc_tracer])
def test_a_span_arrives_with_its_values_and_their_types(collector, over):
    written = {"text": "a", "count": 3, "share": 0.5, "sure": True, "names": ("a", "b"), "sizes": (1, 2)}
    with over(collector).start_as_current_span("sale", kind=trace.SpanKind.SERVER, attributes=written):
        pass
    span = collector.wait_for(lambda span: span.name == "sale")
    assert dict(span.attributes) == written
    assert b"names" in collector.wire
    assert [type(value) for value in span.attributes.values()] == [str, int, float, bool, tuple, tuple]
    assert (span.kind, span.status, span.parent_id, span.scope) == ("SERVER", "UNSET", None, "till")
    assert (span.resource["service.name"], span.start_ns <= span.end_ns) == ("shop", True)


def test_events_links_and_status_arrive(collector):
    tracing = tracer(collector)
    with tracing.start_as_current_span("first") as first:
        pass
    with pytest.raises(ValueError, match="odd"), tracing.start_as_current_span("second", links=[trace.Link(first.get_span_context())]):
        raise ValueError("odd")
    span = collector.wait_for(lambda span: span.name == "second")
    assert (span.status, span.status_message) == ("ERROR", "ValueError: odd")
    assert [(event.name, event.attributes["exception.message"]) for event in span.events] == [("exception", "odd")]
    assert [link.span_id for link in span.links] == [collector.named("first")[0].span_id]


def test_a_trace_can_be_walked_down_and_up(collector):
    tracing = tracer(collector)
    with tracing.start_as_current_span("root"), tracing.start_as_current_span("left"):
        tracing.start_span("leaf").end()
    root = collector.wait_for(lambda span: span.name == "root")
    (left,) = collector.children(root)
    assert [span.name for span in collector.trace(root.trace_id)] == ["root", "left", "leaf"]
    assert ([span.name for span in collector.children(left)], collector.parent(left), collector.parent(root)) == (["leaf"], root, None)


def test_a_trace_begun_by_the_client_is_found_by_its_id(collector):
    begun, other = TraceParent(), TraceParent()
    for parent, name in ((other, "theirs"), (begun, "ours")):
        tracer(collector).start_span(name, propagate.extract(parent.headers)).end()
    (span,) = collector.wait_for_trace(begun.trace_id, "ours")
    assert (span.name, span.parent_id) == ("ours", begun.span_id)


def test_compressed_exports_are_read(collector):
    tracer(collector, Compression.Gzip).start_span("small").end()
    assert collector.wait_for(lambda span: span.name == "small")


def test_other_signals_are_accepted_and_dropped(collector):
    for signal in ("metrics", "logs"):
        assert httpx.post(f"{collector.endpoint}/v1/{signal}", content=gzip.compress(b""), trust_env=False).is_success
    assert collector.spans == []


def test_waiting_in_vain_lists_what_had_arrived(collector):
    tracer(collector).start_span("other").end()
    with pytest.raises(AssertionError, match="other"):
        collector.wait_for(lambda span: span.name == "wanted", timeout=0.01)
