"""The exporter over HTTP, with our encoder."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.semconv.attributes.http_attributes import HTTP_RESPONSE_STATUS_CODE

from litellm_cascade.audit.otlp import request_of


class HttpExporter(OTLPSpanExporter):
    """OpenTelemetry's has no place for another encoder; its client for messages, with its retries, has."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """One batch."""
        if self._shutdown or not hasattr(self, "_client"):  # which older releases do without
            return super().export(spans)
        with self._metrics.export_operation(len(spans)) as result:
            sent = self._client.export(request_of(spans).SerializeToString())
            if not sent.success:
                result.error = sent.error
                result.error_attrs = {HTTP_RESPONSE_STATUS_CODE: sent.status_code} if sent.status_code is not None else None
        return SpanExportResult.SUCCESS if sent.success else SpanExportResult.FAILURE
