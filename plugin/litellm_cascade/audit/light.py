"""OpenTelemetry's tracer with lighter spans, for the provider that is ours alone.

A span of the SDK has three locks, copies and checks whatever it is told, and becomes a second span when it ends. Ours are written by
one piece of code (``spans``), with values of the right types, and seen by one processor, so a span here is what is exported, and no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan, Tracer
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    SamplingResult,
    StaticSampler,
    TraceIdRatioBased,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

FOLLOWING = frozenset({ParentBased, ParentBasedTraceIdRatio, TraceIdRatioBased, StaticSampler})
"""Samplers that keep what stands below a span of this process that they kept."""


class LightTracer(Tracer):
    """Identifiers, sampling and processors are those of ``whole``; its limits are not looked at."""

    def __init__(self, whole: Tracer, scope: InstrumentationScope) -> None:
        self.sampler, self.id_generator = whole.sampler, whole.id_generator
        self.resource, self.span_processor = whole.resource, whole.span_processor
        self._scope = scope
        self._follows = type(self.sampler) in FOLLOWING

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        """As OpenTelemetry says."""
        del record_exception, set_status_on_exception
        around = trace.get_current_span(context)
        above = around.get_span_context()
        parent = above if above.is_valid else None
        trace_id = parent.trace_id if parent is not None else self.id_generator.generate_trace_id()
        if parent is not None and self._follows and isinstance(around, LightSpan):
            sampled = SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, parent.trace_state)
        else:
            sampled = self.sampler.should_sample(context, trace_id, name, kind, attributes, links)
        is_exported = sampled.decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags(TraceFlags.SAMPLED if is_exported else TraceFlags.DEFAULT)
        own = SpanContext(trace_id, self.id_generator.generate_span_id(), False, flags, sampled.trace_state)  # noqa: FBT003 - not remote
        if not is_exported:
            return NonRecordingSpan(own)
        return LightSpan(
            self.span_processor.on_end,
            own,
            dict(sampled.attributes or {}),
            name=name,
            parent=parent,
            resource=self.resource,
            links=links or (),
            kind=kind,
            start_time=time.time_ns() if start_time is None else start_time,
            instrumentation_scope=self._scope,
        )


class LightSpan(trace.Span, ReadableSpan):
    """Given to ``ended`` when it ends; what is said of it after that is not heard."""

    def __init__(self, ended: Callable[[ReadableSpan], None], context: SpanContext, attributes: dict[str, Any], **told: Any) -> None:
        self._own, self._said, self._happened = context, attributes, list[Event]()
        super().__init__(context=context, attributes=self._said, events=self._happened, **told)
        self._ended = ended

    def is_recording(self) -> bool:
        """True until it ends."""
        return self._end_time is None

    def end(self, end_time: int | None = None) -> None:
        """Over."""
        if self._end_time is None:
            self._end_time = time.time_ns() if end_time is None else end_time
            self._ended(self)

    def get_span_context(self) -> SpanContext:
        """Where it stands."""
        return self._own

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Several at once."""
        if self._end_time is None:
            self._said.update(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        """One."""
        self.set_attributes({key: value})

    def add_event(self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None) -> None:
        """Something happened."""
        if self._end_time is None:
            self._happened.append(Event(name, attributes or {}, timestamp))

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """How it went."""
        if self._end_time is None:
            self._status = status if isinstance(status, Status) else Status(status, description)

    def update_name(self, name: str) -> None:
        """Another name."""
        if self._end_time is None:
            self._name = name

    def record_exception(
        self, exception: BaseException, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None, escaped: bool = False
    ) -> None:
        """The type alone: what an exception says may quote a prompt."""
        del escaped
        self.add_event("exception", {"exception.type": type(exception).__qualname__, **(attributes or {})}, timestamp)
