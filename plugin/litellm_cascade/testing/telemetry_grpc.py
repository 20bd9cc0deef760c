"""The gRPC door of the span collector."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceServicer, add_TraceServiceServicer_to_server

from litellm_cascade.testing.lifetime import Lifetime

STOP_WITHIN_S = 1.0


class GrpcDoor(Lifetime):
    """OTLP over gRPC on a free local port, without TLS; hands every export to ``receive``, from threads of its own."""

    def __init__(self, receive: Callable[[ExportTraceServiceRequest], None]) -> None:
        self._server = grpc.server(ThreadPoolExecutor(2))
        add_TraceServiceServicer_to_server(_Receiver(receive), self._server)  # type: ignore[no-untyped-call]
        self.endpoint = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def start(self) -> None:
        """Begin to listen."""
        self._server.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.stop(STOP_WITHIN_S).wait()


class _Receiver(TraceServiceServicer):
    def __init__(self, receive: Callable[[ExportTraceServiceRequest], None]) -> None:
        self._receive = receive

    def Export(self, request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> ExportTraceServiceResponse:  # noqa: N802
        del context
        self._receive(request)
        return ExportTraceServiceResponse()
