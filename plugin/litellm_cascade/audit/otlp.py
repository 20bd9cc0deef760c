"""Our spans as OTLP messages, each made in one go.

The exporters' own encoder makes a message of every value, copies it into the one of its attribute, that into the span's and that into the
batch's: three times the processor time. This hands the same generated classes the same content at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import SpanFlags
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext

Message = dict[str, Any]
"""What a generated class is called with; a dictionary within stands for a message within."""

KINDS = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
LOCAL = int(SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
REMOTE = LOCAL | int(SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)


def request_of(spans: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
    """What ``encode_spans`` makes of spans of one tracer. ``encode_spans`` itself, where one has values of kinds that ours have not."""
    request = encode_spans(spans[:1])  # with the resource and the scope
    (of_tracer,) = request.resource_spans[0].scope_spans
    try:
        for span in spans[1:]:
            of_tracer.spans.add(**_span(span))
    except KeyError:
        return encode_spans(spans)
    return request


def _span(span: ReadableSpan) -> Message:
    parent = span.parent
    return {
        **_ids(span.context),
        "trace_state": span.context.trace_state.to_header(),
        "parent_span_id": parent.span_id.to_bytes(8) if parent is not None else None,
        "name": span.name,
        "kind": span.kind.value + 1,  # OTLP's first is "unspecified"
        "start_time_unix_nano": span.start_time,
        "end_time_unix_nano": span.end_time,
        "attributes": _attributes(span),
        "dropped_attributes_count": span.dropped_attributes,
        "events": [_event(event) for event in span.events],
        "dropped_events_count": span.dropped_events,
        "links": [_link(link) for link in span.links],
        "dropped_links_count": span.dropped_links,
        "status": {"code": span.status.status_code.value, "message": span.status.description},
        "flags": _flags(parent),
    }


def _ids(context: SpanContext) -> Message:
    return {"trace_id": context.trace_id.to_bytes(16), "span_id": context.span_id.to_bytes(8)}


def _flags(context: SpanContext | None) -> int:
    return REMOTE if context is not None and context.is_remote else LOCAL


def _event(event: Event) -> Message:
    return {
        "name": event.name,
        "time_unix_nano": event.timestamp,
        "attributes": _attributes(event),
        "dropped_attributes_count": event.dropped_attributes,
    }


def _link(link: Link) -> Message:
    return {
        **_ids(link.context),
        "attributes": _attributes(link),
        "dropped_attributes_count": link.dropped_attributes,
        "flags": _flags(link.context),
    }


def _attributes(of: ReadableSpan | Event | Link) -> list[Message]:
    return [{"key": key, "value": _value(value)} for key, value in (of.attributes or {}).items()]


def _value(value: Any) -> Message:
    if type(value) is tuple:
        return {"array_value": {"values": [_value(item) for item in value]}}
    return {KINDS[type(value)]: value}
