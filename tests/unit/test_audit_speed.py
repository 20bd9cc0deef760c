"""What the lighter spans and their encoding take beside OpenTelemetry's own. Run with --benchmark-only."""

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from litellm_cascade.audit.light import LightTracer
from litellm_cascade.audit.otlp import request_of

SPANS = 100
ATTRIBUTES = {f"cascade.attribute_{number}": value for number, value in enumerate(["text", 1, 0.5, True, ("a", "b")] * 4)}


class Kept(SpanProcessor):
    def __init__(self):
        self.spans = []

    def on_end(self, span):
        self.spans.append(span)


def spans_of(kind):
    """A hundred spans of twenty attributes each, told by the SDK's tracer or by ours."""
    kept, provider = Kept(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(kept)
    sdks = provider.get_tracer("speed")
    tracer = sdks if kind == "sdk" else LightTracer(sdks, InstrumentationScope("speed"))
    for _ in range(SPANS):
        span = tracer.start_span("cascade.attempt")
        span.set_attributes(ATTRIBUTES)
        span.end()
    return kept.spans


@pytest.mark.parametrize("kind", ["sdk", "light"])
def test_spans_are_told(benchmark, kind):
    assert len(benchmark(spans_of, kind)) == SPANS


@pytest.mark.parametrize(("kind", "encode"), [("sdk", encode_spans), ("light", request_of)], ids=["sdk", "light"])
def test_spans_are_encoded(benchmark, kind, encode):
    spans = spans_of(kind)
    assert len(benchmark(lambda: encode(spans).SerializeToString())) > SPANS
