"""What our encoder makes of spans is what OpenTelemetry's makes of them; and light spans say what the SDK's say."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from litellm_cascade.audit.light import LightTracer
from litellm_cascade.audit.otlp import request_of

TEXT = st.text(max_size=20)
FLAT = st.one_of(TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
VALUES = st.one_of(FLAT, st.lists(TEXT, max_size=3).map(tuple), st.lists(st.integers(0, 9), max_size=3).map(tuple))
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=20), VALUES, max_size=8)
REMOTE = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED), trace_state=TraceState([("vendor", "x")]))


class Kept(SpanProcessor):
    def __init__(self):
        self.spans = []

    def on_end(self, span):
        self.spans.append(span)


def tracers(**settings):
    """The SDK's and ours, with one provider, and where their spans go."""
    kept, provider = Kept(), TracerProvider(shutdown_on_exit=False, **settings)
    provider.add_span_processor(kept)
    theirs = provider.get_tracer("test")
    return kept.spans, theirs, LightTracer(theirs, InstrumentationScope("test"))


def tell(tracer, attributes, parent=None, status=None):
    """A route and an attempt, as ``RequestTrace`` makes them."""
    context = trace.set_span_in_context(trace.NonRecordingSpan(parent)) if parent is not None else None
    route = tracer.start_span("route", context=context, start_time=1)
    inside = trace.set_span_in_context(route)
    attempt = tracer.start_span(
        "attempt", inside, SpanKind.CLIENT, attributes, links=[Link(route.get_span_context(), attributes)], start_time=2
    )
    attempt.add_event("judged", attributes, timestamp=3)
    attempt.end(4)
    route.set_attributes(attributes)
    if status is not None:
        route.set_status(status)
    route.end(5)
    return route


def without_ids(request):
    ((spans,),) = [[scope.spans for scope in resource.scope_spans] for resource in request.resource_spans]
    for span in spans:
        span.ClearField("trace_id"), span.ClearField("span_id"), span.ClearField("parent_span_id")
        for link in span.links:
            link.ClearField("trace_id"), link.ClearField("span_id")
    return request


@given(ATTRIBUTES, st.sampled_from([None, REMOTE]), st.sampled_from([None, Status(StatusCode.ERROR, "OSError"), Status(StatusCode.OK)]))
def test_both_encoders_and_both_tracers_say_the_same(attributes, parent, status):
    spans, theirs, ours = tracers()
    tell(theirs, attributes, parent, status)
    tell(ours, attributes, parent, status)
    of_theirs, of_ours = encode_spans(spans[:2]), encode_spans(spans[2:])
    assert (request_of(spans[:2]), request_of(spans[2:])) == (of_theirs, of_ours)
    assert without_ids(of_ours) == without_ids(of_theirs)


@pytest.mark.parametrize("strange", [{"bytes": b"x"}, {"mapping": {"a": 1}}, {"nothing": None}], ids=str)
def test_values_of_other_kinds_are_left_to_opentelemetry(strange):
    spans, theirs, _ = tracers()
    tell(theirs, {"plain": 1})
    tell(theirs, strange)
    assert request_of(spans) == encode_spans(spans)


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, ParentBased(ALWAYS_OFF), TraceIdRatioBased(0.0)], ids=str)
def test_what_is_not_sampled_is_not_recorded_and_is_known_by_its_context(sampler):
    spans, _, ours = tracers(sampler=sampler)
    route = tell(ours, {})
    assert (route.is_recording(), route.get_span_context().is_valid, route.get_span_context().trace_flags.sampled) == (False, True, False)
    assert spans == []


class RoutesAlone(Sampler):
    """A sampler that anybody might have written."""

    def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, links=None, trace_state=None):
        return SamplingResult(Decision.RECORD_AND_SAMPLE if name == "route" else Decision.DROP, {"sampler": "own"})

    def get_description(self):
        return "routes alone"


def test_a_sampler_of_the_operators_own_is_asked_for_every_span_and_may_add_attributes():
    spans, _, ours = tracers(sampler=RoutesAlone())
    tell(ours, {})
    assert [(span.name, dict(span.attributes)) for span in spans] == [("route", {"sampler": "own"})]


def test_a_sampled_parents_trace_goes_on():
    spans, _, ours = tracers(sampler=ParentBased(ALWAYS_OFF))
    tell(ours, {}, parent=REMOTE)
    attempt, route = spans
    assert (route.context.trace_id, route.parent, attempt.parent) == (REMOTE.trace_id, REMOTE, route.context)
    assert route.context.trace_state == REMOTE.trace_state


def test_a_span_that_has_ended_hears_nothing_more():
    spans, _, ours = tracers()
    span = ours.start_span("once")
    span.end(7)
    span.set_attribute("late", 1)
    span.add_event("late")
    span.set_status(StatusCode.ERROR, "late")
    span.update_name("late")
    span.end(8)
    (only,) = spans
    assert (only.name, only.end_time, dict(only.attributes), only.events, only.status.is_unset) == ("once", 7, {}, (), True)


def test_a_light_tracer_is_a_tracer():
    spans, _, ours = tracers()
    with suppress(ValueError), ours.start_as_current_span("around") as around:
        assert trace.get_current_span() is around
        around.update_name("renamed")
        raise ValueError("canary")
    (span,) = spans
    assert span.name == "renamed"
    assert [(event.name, dict(event.attributes)) for event in span.events] == [("exception", {"exception.type": "ValueError"})]
