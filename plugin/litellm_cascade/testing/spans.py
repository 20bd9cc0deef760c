"""Spans as they arrived over OTLP, with attributes as plain Python values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """Something that happened during a span."""

    name: str
    at_ns: int
    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanLink:
    """A pointer to another span."""

    trace_id: str
    span_id: str
    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One finished span. Ids in lower-case hex; ``parent_id`` is None for a root; ``kind`` and ``status`` as ``SERVER``, ``ERROR``."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    kind: str
    status: str
    status_message: str
    attributes: Attributes
    events: tuple[SpanEvent, ...]
    links: tuple[SpanLink, ...]
    start_ns: int
    end_ns: int
    scope: str
    resource: Attributes

    @property
    def took_ms(self) -> float:
        """How long it lasted."""
        return (self.end_ns - self.start_ns) / 1e6

    def __str__(self) -> str:
        """What a failed wait shows: name, place in the tree and attributes."""
        return f"{self.name} [{self.trace_id[:8]} {self.parent_id} > {self.span_id}] {self.status} {dict(self.attributes)}"


@dataclass(frozen=True, slots=True)
class TraceParent:
    """A trace that begins in the test. Sent with a request, it tells that request's spans from all others."""

    trace_id: str = field(default_factory=lambda: token_hex(16))
    span_id: str = field(default_factory=lambda: token_hex(8))

    @property
    def headers(self) -> dict[str, str]:
        """What a client sends (W3C Trace Context, sampled)."""
        return {"traceparent": f"00-{self.trace_id}-{self.span_id}-01"}


def decoded(export: ExportTraceServiceRequest) -> Iterator[Span]:
    """Every span of one export."""
    for group in export.resource_spans:
        resource = _attributes(group.resource.attributes)
        for scoped in group.scope_spans:
            yield from (_span(span, scoped.scope.name, resource) for span in scoped.spans)


def _span(span: trace_pb2.Span, scope: str, resource: Attributes) -> Span:
    return Span(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex() or None,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        status=trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        status_message=span.status.message,
        attributes=_attributes(span.attributes),
        events=tuple(
            SpanEvent(name=event.name, at_ns=event.time_unix_nano, attributes=_attributes(event.attributes)) for event in span.events
        ),
        links=tuple(
            SpanLink(trace_id=link.trace_id.hex(), span_id=link.span_id.hex(), attributes=_attributes(link.attributes))
            for link in span.links
        ),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        scope=scope,
        resource=resource,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: AnyValue) -> Any:
    """A str, bool, int, float, bytes, tuple, dict or None."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return tuple(_plain(item) for item in value.array_value.values)
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, kind)
