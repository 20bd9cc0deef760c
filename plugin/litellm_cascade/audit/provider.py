"""Which tracer do our spans go to?

The one the process already has, else a private provider of our own when OTEL_EXPORTER_OTLP_ENDPOINT (or its sibling for traces) names a
collector, else nowhere.
The global provider is never set: that is the host's to do, and it may do it after us.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACER = "litellm_cascade"
DEFAULT_SERVICE = "litellm"
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class Tracing:
    """Resolves the tracer at the first request of each process: a forked worker must not share its parent's exporter thread."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._tracer: trace.Tracer | None = None
        self._provider: TracerProvider | None = None
        self._pid = 0

    @property
    def tracer(self) -> trace.Tracer:
        """The tracer of this process."""
        if self._tracer is None or self._pid != os.getpid():
            self._provider, self._pid = self._resolve(), os.getpid()
            self._tracer = self._provider.get_tracer(TRACER) if self._provider is not None else trace.NoOpTracer()
        return self._tracer

    def flush(self) -> None:
        """Send the spans that wait to be sent. Blocks, for as long as the exporter tries a collector that is away."""
        if self._provider is not None and self._pid == os.getpid():
            self._provider.force_flush()

    def _resolve(self) -> TracerProvider | None:
        existing = trace.get_tracer_provider()
        if isinstance(existing, TracerProvider):
            return existing
        return _private_provider(self._environ) if any(self._environ.get(variable) for variable in ENDPOINTS) else None


def remote_parent(headers: Mapping[str, str]) -> trace.Span | None:
    """The client's span, when its ``traceparent`` header names one (W3C Trace Context)."""
    span = trace.get_current_span(TraceContextTextMapPropagator().extract(headers, context=Context()))
    return span if span.get_span_context().is_valid else None


def parent_of(theirs: trace.Span | None, headers: Mapping[str, str]) -> trace.Span | None:
    """What a request's route span belongs under: LiteLLM's span of the request, while it lasts; else the span around the call; else the
    client's. With ``LITELLM_OTEL_V2`` LiteLLM hands on a span of FastAPI's that ended before the endpoint was reached.
    """
    if theirs is not None and not (isinstance(theirs, ReadableSpan) and theirs.end_time is not None):
        return theirs
    around = trace.get_current_span()
    return around if around.get_span_context().is_valid else theirs or remote_parent(headers)


def _private_provider(environ: Mapping[str, str]) -> TracerProvider:
    provider = TracerProvider(resource=Resource.create({"service.name": environ.get("OTEL_SERVICE_NAME", DEFAULT_SERVICE)}))
    provider.add_span_processor(BatchSpanProcessor(_exporter(environ)))
    return provider


def _exporter(environ: Mapping[str, str]) -> SpanExporter:
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    if "grpc" in protocol:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc  # noqa: PLC0415 - one of two, on demand

        return Grpc()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http  # noqa: PLC0415

    return Http()
