import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from litellm_cascade.audit import RequestTrace
from litellm_cascade.vocabulary import (
    Attempt,
    Band,
    Classification,
    Decision,
    Endpoint,
    Envelope,
    Evidence,
    Judgement,
    Outcome,
    Plan,
    Reason,
    Verdict,
)

ENVELOPE = Envelope(request_id="r", endpoint=Endpoint.MESSAGES, requested_model="auto", policy="p", stream=True)
DECISION = Decision(policy="p", digest="d", route="r", band=Band.CASCADE, ladder=("small", "large"))
PLAN = Plan(evidence=Evidence(envelope=ENVELOPE), decision=DECISION)
ACCEPTED = Judgement(verdict=Verdict.ACCEPT, reason=Reason.NOT_JUDGED)
OUTCOME = Outcome(alias="small", reason=Reason.NOT_JUDGED, attempts=(Attempt(rung=0, alias="small"),))


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("test")


def tell_all(told):
    """Every word of a request's life, some of them twice."""
    told.classified(Classification(), started_ns=1, ended_ns=2)
    told.decided(PLAN)
    for rung, alias in enumerate(("small", "large")):
        told.attempt_started(rung, alias, started_ns=3)
        told.attempt_ended(Attempt(rung=rung, alias=alias, judgement=ACCEPTED), ended_ns=4)
        told.attempt_ended(Attempt(rung=rung, alias=alias, error="OSError"), ended_ns=5)
    told.attempt_ended(Attempt(rung=7, alias="never started"))
    told.ended(OUTCOME, ended_ns=6)
    told.ended(OUTCOME, ended_ns=7)


def test_every_span_is_exported_once_with_the_times_it_was_told(tracer, exporter):
    tell_all(RequestTrace(tracer, None, ENVELOPE))
    spans = [(span.name, span.start_time, span.end_time) for span in exporter.get_finished_spans()]
    assert spans[:3] == [("cascade.classify", 1, 2), ("cascade.attempt small", 3, 4), ("cascade.attempt large", 3, 4)]
    assert (spans[3][0], spans[3][2], len(spans)) == ("cascade.route", 6, 4)


def test_what_is_said_of_a_span_that_has_ended_does_not_change_it(tracer, exporter):
    tell_all(RequestTrace(tracer, None, ENVELOPE))
    assert all(span.status.is_unset for span in exporter.get_finished_spans())


def test_without_a_parent_the_span_around_the_call_is_the_parent(tracer, exporter):
    with tracer.start_as_current_span("around") as around:
        told = RequestTrace(tracer, None, ENVELOPE)
    told.ended(OUTCOME)
    (route,) = (span for span in exporter.get_finished_spans() if span.name == "cascade.route")
    assert route.parent.span_id == around.get_span_context().span_id
    assert told.trace_id == format(around.get_span_context().trace_id, "032x")


@pytest.mark.parametrize("silent", [trace.NoOpTracer(), TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("test")])
def test_without_a_collector_or_when_not_sampled_everything_may_be_told_and_nothing_is_recorded(silent):
    told = RequestTrace(silent, None, ENVELOPE)
    tell_all(told)
    assert not told.route.is_recording()


def test_nothing_recorded_has_no_trace_id():
    assert RequestTrace(trace.NoOpTracer(), None, ENVELOPE).trace_id is None


def test_what_is_unknown_is_left_out_and_what_is_zero_is_not(tracer, exporter):
    told = RequestTrace(tracer, None, ENVELOPE)
    told.attempt_started(0, "small")
    told.attempt_ended(Attempt(rung=0, alias="small", cost_usd=0.0))
    (attempt,) = exporter.get_finished_spans()
    assert attempt.attributes["cascade.cost_usd"] == 0.0
    assert {"cascade.reason", "cascade.decision", "gen_ai.usage.input_tokens"}.isdisjoint(attempt.attributes)
