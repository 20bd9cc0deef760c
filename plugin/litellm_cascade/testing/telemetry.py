"""An OpenTelemetry collector that keeps what it is sent, so that tests can look at spans as they left a real process."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from litellm_cascade.testing.board import Board
from litellm_cascade.testing.lifetime import Lifetime
from litellm_cascade.testing.serving import ServerThread
from litellm_cascade.testing.spans import Span, SpanEvent, SpanLink, TraceParent, decoded
from litellm_cascade.testing.telemetry_grpc import GrpcDoor

__all__ = ["Span", "SpanCollector", "SpanEvent", "SpanLink", "TraceParent"]


class SpanCollector(Lifetime):
    """Receives OTLP on free local ports, over HTTP (protobuf, gzip or not) and over gRPC; started by ``with`` or ``start``.

    ``endpoint`` and ``grpc_endpoint`` are what ``OTEL_EXPORTER_OTLP_ENDPOINT`` wants. Metrics and logs are accepted over HTTP, and dropped.
    """

    def __init__(self) -> None:
        self._spans: Board[Span] = Board()
        self._exports: Board[bytes] = Board()
        routes = [Route("/v1/traces", self._traces, methods=["POST"])]
        routes += [Route(f"/v1/{signal}", self._dropped, methods=["POST"]) for signal in ("metrics", "logs")]
        self._server = ServerThread(Starlette(routes=routes))
        self._grpc = GrpcDoor(self._export)
        self.endpoint, self.grpc_endpoint = self._server.url, self._grpc.endpoint

    @property
    def spans(self) -> list[Span]:
        """Every span, in order of arrival."""
        return self._spans.items

    @property
    def wire(self) -> bytes:
        """Every export of spans as it came, without its compression: for what must not be in it."""
        return b"".join(self._exports.items)

    def named(self, name: str) -> list[Span]:
        """The spans of that name."""
        return [span for span in self.spans if span.name == name]

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of one trace, in order of their start."""
        return sorted((span for span in self.spans if span.trace_id == trace_id), key=lambda span: span.start_ns)

    def children(self, parent: Span) -> list[Span]:
        """The spans right below ``parent``, in order of their start."""
        return [span for span in self.trace(parent.trace_id) if span.parent_id == parent.span_id]

    def parent(self, child: Span) -> Span | None:
        """The span right above ``child``; None for a root, or when it has not arrived."""
        return next((span for span in self.trace(child.trace_id) if span.span_id == child.parent_id), None)

    def wait_for(self, wanted: Callable[[Span], bool], timeout: float = 10.0) -> Span:
        """The first span that is ``wanted``, now or within ``timeout`` seconds; else an ``AssertionError`` lists what had arrived."""
        return self._spans.wait_for(wanted, timeout)

    def wait_until(self, holds: Callable[[list[Span]], bool], timeout: float = 10.0) -> list[Span]:
        """All spans, as soon as ``holds`` is true of them."""
        return self._spans.wait_until(holds, timeout)

    def wait_for_trace(self, trace_id: str, *names: str, timeout: float = 10.0) -> list[Span]:
        """The spans of one trace, in order of their start, as soon as a span of each of ``names`` is among them."""
        self.wait_until(lambda spans: {span.name for span in spans if span.trace_id == trace_id} >= set(names), timeout)
        return self.trace(trace_id)

    def clear(self) -> None:
        """Forget every span. Processes export late, so spans of what ran before may still come in: see ``TraceParent``."""
        self._spans.clear()
        self._exports.clear()

    def start(self) -> None:
        """Begin to listen."""
        self._server.start()
        self._grpc.start()

    def stop(self) -> None:
        """Stop listening."""
        self._grpc.stop()
        self._server.stop()

    async def _traces(self, request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self._export(ExportTraceServiceRequest.FromString(body))
        return Response(media_type="application/x-protobuf")

    def _export(self, export: ExportTraceServiceRequest) -> None:
        self._exports.pin(export.SerializeToString())
        self._spans.pin(*decoded(export))

    async def _dropped(self, request: Request) -> Response:
        del request
        return Response(media_type="application/x-protobuf")
