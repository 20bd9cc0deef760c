import asyncio
import time
from dataclasses import replace

import pytest
from blockbuster import blockbuster_ctx
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import REGISTRY

from frozen_spans import undocumented
from litellm_cascade.audit import Tracing, input_hash, metrics
from litellm_cascade.audit.later import Later, now
from litellm_cascade.audit.ledger import Ledger, LedgerOptions
from litellm_cascade.audit.ledger.reading import requests_in
from litellm_cascade.errors import AccessError
from litellm_cascade.escalation import Answer, AnswerStream, CascadeRun, Piece
from litellm_cascade.pipeline import Pipeline, decide
from litellm_cascade.policy import parse_policy
from litellm_cascade.testing import FakeClassifier, RememberingSink
from litellm_cascade.vocabulary import (
    UNCLASSIFIED,
    AnswerContract,
    Attempt,
    Band,
    Caller,
    Classification,
    Completion,
    Consultation,
    Endpoint,
    Ensemble,
    Envelope,
    Judgement,
    Outcome,
    Overrides,
    Reason,
    Receipt,
    Request,
    TokenLogprob,
    Turn,
    Usage,
    Verdict,
)

CANARY = "the-secret-canary-sings"
POLICY = parse_policy(
    """
    version: 1
    name: test
    models:
      small: {tier: budget}
      sql: {tier: standard}
      large: {tier: premium}
    routes:
      - name: hard
        when: classification.known && classification.complexity >= 0.9
        send: large
      - name: queries
        when: '"sql" in signals.markup'
        send: sql
      - name: the rest
        cascade: [small, large]
        gate: careful
    gates:
      careful: {confidence: {score: mean}, accept_at: -0.5, stream: {tokens: 2}}
    """
)
HARD = Classification(task="Open QA", task_probability=0.75, complexity=0.95, classifier="fake", digest="sha256:fake", took_ms=1.5)
EASY = replace(HARD, task="Rewrite", complexity=0.1, truncated=True)
LATE = replace(UNCLASSIFIED, classifier="fake", degraded=("classifier_late",))
SURE = Completion(text=CANARY, tokens=(TokenLogprob(CANARY, -0.25),))
HANG = object()
UNSURE = Completion(text=CANARY, tokens=(TokenLogprob(CANARY, -2.0),))


STRANGERS = []
"""What the spans of the test at hand said that docs/audit.md does not."""


@pytest.fixture(autouse=True)
def every_span_is_in_the_reference():
    STRANGERS.clear()
    yield
    assert STRANGERS == []


class InMemory(Tracing, SpanProcessor):
    """Tracing into lists: of the spans that were started, and of those that ended."""

    def __init__(self):
        super().__init__({})
        self.exporter = InMemorySpanExporter()
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self._provider.add_span_processor(self)
        self.started = []

    def on_start(self, span, parent_context=None):
        self.started.append(span.name)

    def on_end(self, span):
        STRANGERS.extend(undocumented(span.name, span.attributes, [(event.name, event.attributes) for event in span.events]))

    def _resolve(self):
        return self._provider

    def _tracer_of(self, provider):
        return provider.get_tracer("litellm_cascade")

    @property
    def spans(self):
        return {span.name: span for span in self.exporter.get_finished_spans()}


class Models:
    """Aliases that answer as told, and report to the journey as the proxy's do."""

    def __init__(self, journey, **answers):
        self.journey = journey
        self.answers = answers
        self.hangs = asyncio.Event()

    async def ask(self, ask):
        return Answer(f"{ask.alias}: {CANARY}", await self._answer(ask.rung, ask.alias))

    async def open(self, ask):
        completion = await self._answer(ask.rung, ask.alias)
        return Stream([Piece(f"{ask.alias} {n}", text=CANARY, tokens=completion.tokens) for n in range(4)])

    async def consult(self, asked):
        raise AssertionError(asked)  # no gate here asks a model again

    def ended(self, rung):
        self.journey.attempt_ended(rung, Usage(input_tokens=7, output_tokens=rung + 1), 0.5 * (rung + 1))

    async def _answer(self, rung, alias):
        self.journey.attempt_started(rung, alias)
        answer = self.answers[alias]
        if answer is HANG:
            self.hangs.set()
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Stream(AnswerStream):
    def __init__(self, pieces):
        self.pieces = pieces

    async def __aiter__(self):
        for piece in self.pieces:
            yield piece

    async def abandon(self):
        pass


class Proxy:
    """One pipeline with everything around it."""

    def __init__(self, belief=EASY, **settings):
        self.tracing = InMemory()
        self.sink = RememberingSink()
        self.classifier = FakeClassifier(answer=belief)
        self.pipeline = Pipeline(self.classifier, self.tracing, self.sink, salt=b"salt", **settings)

    async def planned(self, text=f"Say {CANARY}", parent=None, may_call=None, policy=POLICY, **changes):
        asked = Request(
            envelope=Envelope(request_id="r-1", endpoint=Endpoint.CHAT, requested_model="cascade-auto", policy="test", stream=False),
            caller=Caller(key_hash="k-1", team="t-1"),
            turns=(Turn(role="user", text=text),),
            **changes,
        )
        journey = self.pipeline.begin(asked.envelope, parent)
        await self.pipeline.plan(asked, policy, journey, may_call=may_call)
        return journey

    @property
    def spans(self):
        return self.tracing.spans


@pytest.fixture
def proxy():
    return Proxy()


def typed(attributes):
    """With each value its type, because 1, 1.0 and True are equal, and a collector keeps them apart."""
    return {key: (type(value), value) for key, value in attributes.items()}


def only(*aliases):
    async def may_call(alias):
        return alias in aliases

    return may_call


# --- planning -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("belief", "text", "route", "band", "ladder"),
    [
        (HARD, "prove it", "hard", Band.LARGE, ("large",)),
        (EASY, "```sql\nSELECT a FROM b WHERE c = 1;\n```", "queries", Band.SMALL, ("sql",)),
        (EASY, "hello", "the rest", Band.CASCADE, ("small", "large")),
        (LATE, "prove it", "the rest", Band.CASCADE, ("small", "large")),
    ],
)
async def test_signals_and_a_belief_lead_to_the_route_that_the_policy_names(belief, text, route, band, ladder):
    journey = await Proxy(belief).planned(text)
    decision = journey.decided_plan.decision
    assert (decision.route, decision.band, decision.ladder, decision.alias) == (route, band, ladder, ladder[0])
    assert journey.cascades is (band is Band.CASCADE)


async def test_the_plan_keeps_the_evidence_it_rests_on(proxy):
    evidence = (await proxy.planned("hello", direct_only="several choices")).decided_plan.evidence
    assert (evidence.classification, evidence.caller.team, evidence.direct_only) == (EASY, "t-1", "several choices")
    assert evidence.signals.input_tokens > 0


async def test_the_same_request_gets_the_same_decision(proxy):
    first, second = [(await proxy.planned()).decided_plan for _ in range(2)]
    assert first == second


async def test_a_late_classifier_degrades_the_decision_and_all_that_follows():
    proxy = Proxy(LATE)
    journey = await proxy.planned()
    assert journey.decided_plan.decision.degraded == ("classifier_late",)
    await journey.settle(Models(journey, small=SURE))
    assert proxy.sink.last.outcome.degraded == ("classifier_late",)
    assert proxy.spans["cascade.route"].attributes["cascade.degraded"] == ("classifier_late",)
    assert proxy.spans["cascade.classify"].status.status_code is StatusCode.ERROR
    assert proxy.spans["cascade.classify"].status.description == "classifier_late"


class Suspicious:
    def __init__(self, *words):
        self.words, self.seen = words, []

    def ended(self, plan, outcome):
        self.seen.append((plan.evidence.caller.key_hash, outcome.escalated))
        return self.words


async def test_what_the_watch_finds_unusual_is_on_the_span_and_in_the_record():
    watch = Suspicious("unusual_escalations")
    proxy = Proxy(watch=watch)
    journey = await proxy.planned()
    await journey.settle(Models(journey, small=UNSURE, large=SURE))
    assert watch.seen == [("k-1", True)]
    assert proxy.sink.last.outcome.degraded == ("unusual_escalations",)
    assert proxy.spans["cascade.route"].attributes["cascade.degraded"] == ("unusual_escalations",)


async def test_a_classifier_that_nobody_chose_has_not_failed():
    proxy = Proxy(UNCLASSIFIED)
    await proxy.planned()
    assert proxy.spans["cascade.classify"].status.status_code is StatusCode.UNSET


async def test_what_was_not_planned_cannot_be_settled(proxy):
    journey = proxy.pipeline.begin(Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="m", policy="p"))
    assert not journey.cascades
    with pytest.raises(RuntimeError, match=r"call Pipeline\.plan first"):
        await journey.settle(Models(journey))
    journey.ended(Reason.ERROR)
    assert proxy.sink.records == [], "there is no record without a plan"
    assert proxy.spans["cascade.route"].status.description == "error"


# --- the trace ------------------------------------------------------------------------------------------------------------------------


async def test_the_trace_of_an_escalated_request(proxy):
    parent = proxy.tracing.tracer.start_span("Received Proxy Server Request")
    journey = await proxy.planned(parent=parent)
    assert await journey.settle(Models(journey, small=UNSURE, large=SURE)) == f"large: {CANARY}"
    route, classify, small, large = (
        proxy.spans[name] for name in ("cascade.route", "cascade.classify", "cascade.attempt small", "cascade.attempt large")
    )
    assert len(proxy.spans) == 4
    assert route.parent.span_id == parent.get_span_context().span_id
    assert {span.parent.span_id for span in (classify, small, large)} == {route.context.span_id}
    assert {span.context.trace_id for span in (route, classify, small, large)} == {parent.get_span_context().trace_id}
    assert [span.kind for span in (route, classify, small, large)] == [
        SpanKind.INTERNAL,
        SpanKind.INTERNAL,
        SpanKind.CLIENT,
        SpanKind.CLIENT,
    ]
    assert [link.context.span_id for link in large.links] == [small.context.span_id]
    (evaluation,) = small.events
    assert (evaluation.name, evaluation.timestamp, large.events) == ("gen_ai.evaluation.result", small.end_time, ())
    assert [len(span.links) for span in (route, classify, small)] == [0, 0, 0]
    assert {span.status.status_code for span in (route, classify, small, large)} == {StatusCode.UNSET}
    assert {span.instrumentation_scope.name for span in (route, classify, small, large)} == {"litellm_cascade"}
    assert (
        route.start_time
        <= classify.start_time
        <= classify.end_time
        <= small.start_time
        <= small.end_time
        <= large.end_time
        <= route.end_time
    )


async def test_the_attributes_of_an_escalated_request(proxy):
    journey = await proxy.planned()
    await journey.settle(Models(journey, small=UNSURE, large=SURE))
    decision = journey.decided_plan.decision
    assert typed(proxy.spans["cascade.route"].attributes) == typed(
        {
            "cascade.request_id": "r-1",
            "cascade.endpoint": "chat",
            "cascade.requested_model": "cascade-auto",
            "cascade.stream": False,
            "cascade.policy": "test",
            "cascade.policy.digest": decision.digest,
            "cascade.route": "the rest",
            "cascade.band": "cascade",
            "cascade.ladder": ("small", "large"),
            "cascade.reasons": ("otherwise",),
            "cascade.propensity": 1.0,
            "cascade.alternatives": ("sql",),
            "cascade.decision_confidence": 1.0,
            "cascade.caller.key_hash": "k-1",
            "cascade.caller.team": "t-1",
            "cascade.input_hash": input_hash((Turn(role="user", text=f"Say {CANARY}"),), b"salt"),
            "cascade.signals.input_tokens": journey.decided_plan.evidence.signals.input_tokens,
            "cascade.signals.language": journey.decided_plan.evidence.signals.language,
            "cascade.task": "Rewrite",
            "cascade.complexity": 0.1,
            "cascade.final_alias": "large",
            "cascade.cached": False,
            "cascade.escalated": True,
            "cascade.reason": "low_confidence",
            "cascade.verdict": "accept",
            "cascade.attempts": 2,
            "cascade.discarded_tokens": 1,
            "cascade.cost.actual_usd": 1.5,
            "cascade.cost.price_table": POLICY.price_table,
            "cascade.confidence.score_name": "mean",
            "cascade.confidence.score": -2.0,
            "cascade.confidence.threshold": -0.5,
            "cascade.confidence.band": "low",
            "cascade.confidence.tokens": 1,
        }
    )
    assert typed(proxy.spans["cascade.classify"].attributes) == typed(
        {
            "cascade.classifier": "fake",
            "cascade.classifier.digest": "sha256:fake",
            "cascade.classifier.device": "cpu",
            "cascade.classifier.ms": 1.5,
            "cascade.classifier.truncated": True,
            "cascade.classification.cached": False,
            "cascade.task": "Rewrite",
            "cascade.task.probability": 0.75,
            "cascade.complexity": 0.1,
        }
    )
    assert typed(proxy.spans["cascade.attempt small"].attributes) == typed(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "small",
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.output_tokens": 1,
            "cascade.alias": "small",
            "cascade.rung": 0,
            "cascade.served": False,
            "cascade.decision": "escalate",
            "cascade.reason": "low_confidence",
            "cascade.cost_usd": 0.5,
            "cascade.confidence.score_name": "mean",
            "cascade.confidence.score": -2.0,
            "cascade.confidence.threshold": -0.5,
            "cascade.confidence.band": "low",
            "cascade.confidence.tokens": 1,
        }
    )
    assert typed(proxy.spans["cascade.attempt large"].attributes) == typed(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "large",
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.output_tokens": 2,
            "cascade.alias": "large",
            "cascade.rung": 1,
            "cascade.served": True,
            "cascade.decision": "accept",
            "cascade.reason": "last_rung",
            "cascade.cost_usd": 1.0,
        }
    )


async def test_an_unknown_confidence_has_a_band_and_no_score(proxy):
    journey = await proxy.planned()
    await journey.settle(Models(journey, small=Completion(text="yes")))
    attributes = proxy.spans["cascade.attempt small"].attributes
    assert attributes["cascade.confidence.band"] == "unknown"
    assert "cascade.confidence.score" not in attributes


@pytest.mark.parametrize(
    ("consultation", "status", "said"),
    [
        (
            Consultation(kind="agreement", score=0.8, calls=5, usage=Usage(input_tokens=50, output_tokens=20), cost_usd=0.25),
            StatusCode.UNSET,
            {
                "cascade.confidence.score": 0.8,
                "cascade.consult.calls": 5,
                "cascade.cost_usd": 0.25,
                "gen_ai.usage.input_tokens": 50,
                "gen_ai.usage.output_tokens": 20,
            },
        ),
        (Consultation(kind="agreement", calls=5), StatusCode.ERROR, {"cascade.consult.calls": 5}),
    ],
)
async def test_what_a_model_says_of_its_own_answer_stands_below_its_attempt(proxy, consultation, status, said):
    journey = await proxy.planned()
    models = Models(journey, small=UNSURE, large=SURE)
    journey.run = CascadeRun(journey.decided_plan.decision)
    await models.ask(journey.run.start())
    journey.consult_ended(0, journey.consult_started(0, "small", "agreement"), consultation)
    journey.run.failed(ConnectionError())
    journey.ended()
    span, attempt = proxy.spans["cascade.consult agreement"], proxy.spans["cascade.attempt small"]
    assert (span.parent.span_id, span.kind, span.status.status_code) == (attempt.context.span_id, SpanKind.CLIENT, status)
    asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "small", "cascade.alias": "small", "cascade.rung": 0}
    assert typed(span.attributes) == typed(asked | {"cascade.confidence.score_name": "agreement"} | said)
    assert proxy.sink.last.outcome.attempts[0].consultations == (consultation,)


async def test_a_kept_answer_is_served_on_its_span_although_its_attempt_ended_long_before(proxy):
    journey = await proxy.planned()
    await journey.settle(Models(journey, small=UNSURE, large=ConnectionError(CANARY)))
    small, large = proxy.spans["cascade.attempt small"], proxy.spans["cascade.attempt large"]
    assert (small.attributes["cascade.served"], small.attributes["cascade.decision"]) == (True, "escalate")
    assert small.end_time <= large.start_time
    assert (large.status.status_code, large.status.description) == (StatusCode.ERROR, "ConnectionError")
    assert proxy.spans["cascade.route"].attributes["cascade.degraded"] == ("large_failed",)
    assert proxy.spans["cascade.route"].status.status_code is StatusCode.UNSET


async def test_a_request_that_nobody_answered_is_an_error_and_says_which(proxy):
    journey = await proxy.planned()
    error = ConnectionError(CANARY)
    with pytest.raises(ConnectionError) as raised:
        await journey.settle(Models(journey, small=OSError(), large=error))
    assert raised.value is error
    route = proxy.spans["cascade.route"]
    assert (route.status.status_code, route.status.description) == (StatusCode.ERROR, "error")
    assert route.attributes["cascade.reason"] == "error"
    assert "cascade.final_alias" not in route.attributes


@pytest.mark.parametrize("large", [SURE, ConnectionError(CANARY)])
@pytest.mark.parametrize("belief", [EASY, LATE])
async def test_no_span_and_no_record_holds_a_word_of_the_conversation(belief, large):
    proxy = Proxy(belief)
    journey = await proxy.planned()
    await journey.settle(Models(journey, small=UNSURE, large=large))
    written = "".join(span.to_json() for span in proxy.spans.values()) + repr(proxy.sink.records)
    assert "cascade.request_id" in written
    assert CANARY not in written


async def test_without_a_collector_everything_goes_on_and_there_is_no_trace_id():
    sink = RememberingSink()
    proxy = Proxy()
    proxy.pipeline = Pipeline(proxy.classifier, Tracing({}), sink)
    journey = await proxy.planned()
    await journey.settle(Models(journey, small=UNSURE, large=SURE))
    assert (sink.last.trace_id, sink.last.outcome.alias, proxy.spans) == (None, "large", {})


async def test_a_journey_is_watched_when_there_is_a_sink_or_a_collector(proxy):
    assert (await proxy.planned()).is_watched
    for pipeline, watched in (
        (Pipeline(proxy.classifier, Tracing({})), False),
        (Pipeline(proxy.classifier, Tracing({}), proxy.sink), True),
        (Pipeline(proxy.classifier, proxy.tracing), True),
    ):
        proxy.pipeline = pipeline
        assert (await proxy.planned()).is_watched is watched


# --- access ---------------------------------------------------------------------------------------------------------------------------


async def test_a_ladder_loses_the_rungs_that_the_caller_may_not_call(proxy):
    journey = await proxy.planned(may_call=only("small", "sql"))
    decision = journey.decided_plan.decision
    assert (decision.ladder, decision.band, decision.gate) == (("small",), Band.SMALL, None)
    journey.ended()
    assert proxy.spans["cascade.route"].attributes["cascade.reasons"] == ("otherwise", "no_access:large")


async def test_a_caller_that_may_call_nothing_is_refused_and_the_trace_says_what_was_wanted(proxy):
    with pytest.raises(AccessError):
        await proxy.planned(may_call=only("sql"))
    route = proxy.spans["cascade.route"]
    assert (route.attributes["cascade.ladder"], route.attributes["cascade.reason"]) == (("small", "large"), "no_access")
    assert (proxy.sink.last.outcome.alias, proxy.sink.last.outcome.reason) == (None, Reason.NO_ACCESS)


async def test_what_a_client_asks_for_itself_reaches_the_policy(proxy):
    journey = await proxy.planned(overrides=Overrides(alias="sql"))
    assert journey.decided_plan.evidence.overrides.alias == "sql"
    assert journey.decided_plan.decision.reasons == ("otherwise", "override_ignored:alias")


# --- the record and the end -----------------------------------------------------------------------------------------------------------


async def test_the_record_tells_plan_outcome_and_trace(proxy):
    journey = await proxy.planned()
    assert journey.outcome().alias is None
    await journey.settle(Models(journey, small=SURE))
    (record,) = proxy.sink.records
    assert record.plan is journey.decided_plan
    assert record.outcome == journey.outcome()
    assert (record.outcome.alias, record.outcome.reason, record.outcome.escalated) == ("small", Reason.CONFIDENT, False)
    assert record.outcome.attempts[0].usage == Usage(input_tokens=7, output_tokens=1)
    assert record.trace_id == format(proxy.spans["cascade.route"].context.trace_id, "032x") == journey.trace.trace_id
    assert 0 < record.took_ms < 60_000


SENT = Attempt(rung=0, alias="large", judgement=Judgement(verdict=Verdict.ACCEPT, reason=Reason.DIRECT), served=True)


async def test_a_journey_that_has_ended_stays_as_it_ended(proxy):
    journey = await proxy.planned()
    assert not journey.is_over
    await journey.settle(Models(journey, small=SURE))
    before, started = journey.outcome(), list(proxy.tracing.started)
    journey.ended(Reason.CLIENT_GONE)
    journey.ended()
    journey.attempt_ended(0, None, None)
    journey.answered_directly(SENT, started_ns=1, ended_ns=2)
    assert (journey.is_over, journey.outcome(), len(proxy.sink.records)) == (True, before, 1)
    assert proxy.tracing.started == started
    assert sorted(span.name for span in proxy.tracing.exporter.get_finished_spans()) == sorted(started)


async def test_a_request_sent_straight_to_an_alias_has_one_attempt_with_the_times_of_its_call():
    proxy = Proxy(HARD)
    journey = await proxy.planned()
    ended_ns = time.time_ns()
    journey.answered_directly(replace(SENT, usage=Usage(output_tokens=3)), started_ns=ended_ns - 1000, ended_ns=ended_ns)
    span = proxy.spans["cascade.attempt large"]
    assert (span.start_time, span.end_time, span.kind) == (ended_ns - 1000, ended_ns, SpanKind.CLIENT)
    assert (span.attributes["cascade.reason"], span.attributes["cascade.served"]) == ("direct", True)
    outcome = proxy.sink.last.outcome
    assert (outcome.alias, outcome.reason, outcome.attempts[0].usage) == ("large", Reason.DIRECT, Usage(output_tokens=3))


async def test_a_request_sent_straight_that_fails_still_says_what_was_degraded(proxy):
    proxy = Proxy(replace(HARD, degraded=("view_trimmed",)))
    journey = await proxy.planned()
    journey.attempt_ended(0, None, None)
    journey.ended(Reason.ERROR)
    assert proxy.sink.last.outcome.degraded == ("view_trimmed",)
    assert (proxy.sink.last.outcome.alias, proxy.sink.last.outcome.reason) == (None, Reason.ERROR)


async def test_a_client_that_leaves_ends_the_journey_and_the_attempt_was_neither_accepted_nor_escalated(proxy):
    journey = await proxy.planned()
    models = Models(journey, small=HANG)
    settling = asyncio.create_task(journey.settle(models))
    await asyncio.wait_for(models.hangs.wait(), 5)
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    assert (proxy.sink.last.outcome.alias, proxy.sink.last.outcome.reason) == (None, Reason.CLIENT_GONE)
    assert proxy.sink.last.outcome.attempts[0].usage is not None, "what it produced is billed"
    attributes = proxy.spans["cascade.attempt small"].attributes
    assert "cascade.decision" not in attributes
    assert attributes["cascade.served"] is False
    assert proxy.spans["cascade.route"].status.description == "client_gone"


# --- streams --------------------------------------------------------------------------------------------------------------------------


async def test_a_streamed_journey_ends_with_its_stream(proxy):
    journey = await proxy.planned()
    stream = journey.settle_stream(Models(journey, small=UNSURE, large=SURE))
    assert [payload async for payload in stream] == ["large 0", "large 1", "large 2", "large 3"]
    (record,) = proxy.sink.records
    assert (record.outcome.alias, record.outcome.reason) == ("large", Reason.LOW_CONFIDENCE)
    assert [attempt.cost_usd for attempt in record.outcome.attempts] == [0.5, 1.0]
    assert set(proxy.spans) == {"cascade.route", "cascade.classify", "cascade.attempt small", "cascade.attempt large"}


async def test_a_streamed_journey_that_the_client_leaves_says_so_and_who_was_speaking(proxy):
    journey = await proxy.planned()
    stream = journey.settle_stream(Models(journey, small=SURE))
    assert await anext(stream) == "small 0"
    await stream.aclose()
    assert (proxy.sink.last.outcome.alias, proxy.sink.last.outcome.reason) == ("small", Reason.CLIENT_GONE)


async def test_nothing_on_the_way_blocks_the_event_loop(proxy):
    with blockbuster_ctx():
        journey = await proxy.planned()
        await journey.settle(Models(journey, small=UNSURE, large=SURE))
        journey = await proxy.planned()
        shown = [payload async for payload in journey.settle_stream(Models(journey, small=UNSURE, large=SURE))]
    assert len(shown) == 4


# --- streams, hedges and ensembles ------------------------------------------------------------------------------------------------------


def counted(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def reshaped(proxy, **shape):
    journey = await proxy.planned()
    journey.decided(replace(journey.plan, decision=replace(journey.plan.decision, policy="shapes", **shape)))
    return journey


async def test_the_times_of_a_stream_are_on_its_spans_and_in_the_metrics(proxy):
    held = counted("cascade_gate_hold_seconds_count", policy="shapes", verdict="accept")
    first = counted("cascade_first_token_seconds_count", policy="shapes", branch="released")
    journey = await reshaped(proxy)
    async for _ in journey.settle_stream(Models(journey, small=SURE)):
        pass
    assert proxy.spans["cascade.attempt small"].attributes["cascade.hold_ms"] >= 0
    assert proxy.spans["cascade.route"].attributes["cascade.first_token_ms"] >= 0
    assert counted("cascade_gate_hold_seconds_count", policy="shapes", verdict="accept") == held + 1
    assert counted("cascade_first_token_seconds_count", policy="shapes", branch="released") == first + 1


async def test_a_hedge_that_was_not_needed_is_spare_on_its_span_and_its_tokens_are_wasted(proxy):
    wasted = counted("cascade_wasted_tokens_total", policy="shapes", alias="large")
    journey = await reshaped(proxy, hedge=True)
    assert await journey.settle(Models(journey, small=SURE, large=HANG)) == f"small: {CANARY}"
    large = proxy.spans["cascade.attempt large"]
    assert (large.attributes["cascade.spare"], large.attributes["cascade.served"], len(large.links)) == (True, False, 0)
    assert proxy.spans["cascade.route"].attributes["cascade.hedge"] is True
    assert counted("cascade_wasted_tokens_total", policy="shapes", alias="large") == wasted + 2


@pytest.mark.parametrize("stream", [False, True])
async def test_an_ensemble_has_an_attempt_for_each_member(proxy, stream):
    first = counted("cascade_first_token_seconds_count", policy="shapes", branch="ensemble")
    journey = await reshaped(proxy, band=Band.ENSEMBLE, gate=None, ensemble=Ensemble(by="vote"))
    assert journey.cascades
    models = Models(journey, small=SURE, large=SURE)
    if stream:
        shown = [payload async for payload in journey.settle_stream(models)]
        assert shown == [f"small {n}" for n in range(4)]
    else:
        assert await journey.settle(models) == f"small: {CANARY}"
    assert proxy.spans["cascade.route"].attributes["cascade.ensemble.by"] == "vote"
    assert [proxy.spans[f"cascade.attempt {alias}"].attributes["cascade.served"] for alias in ("small", "large")] == [True, False]
    assert proxy.sink.last.outcome.reason is Reason.VOTE
    assert counted("cascade_first_token_seconds_count", policy="shapes", branch="ensemble") == first + stream


async def test_a_late_regret_is_on_the_span_and_counted(proxy):
    regrets = counted("cascade_late_regrets_total", policy="shapes", alias="small")
    journey = await reshaped(proxy)
    tokens = [TokenLogprob("x", -0.1)] * 2 + [TokenLogprob("y", -3.0)] * 2

    class Wavering(Models):
        async def open(self, ask):
            await self._answer(ask.rung, ask.alias)
            return Stream([Piece(token.token, text="x", tokens=(token,)) for token in tokens])

    assert [payload async for payload in journey.settle_stream(Wavering(journey, small=SURE))] == ["x", "x", "y", "y"]
    small = proxy.spans["cascade.attempt small"]
    assert (small.attributes["cascade.late_regret"], small.attributes["cascade.late_regret.score"]) == (True, -3.0)
    assert counted("cascade_late_regrets_total", policy="shapes", alias="small") == regrets + 1


@pytest.mark.parametrize(
    ("attempts", "branch"),
    [
        ([Judgement(verdict=Verdict.ACCEPT, reason=Reason.CONFIDENT)], "released"),
        ([Judgement(verdict=Verdict.ACCEPT, reason=Reason.NOT_JUDGED)], "not_judged"),
        ([Judgement(verdict=Verdict.ACCEPT, reason=Reason.DIRECT)], "direct"),
        ([None, Judgement(verdict=Verdict.ACCEPT, reason=Reason.LAST_RUNG)], "escalated"),
        ([Judgement(verdict=Verdict.ESCALATE, reason=Reason.LOW_CONFIDENCE)], "kept_earlier"),
        ([], "not_judged"),
    ],
)
async def test_a_branch_says_by_which_way_the_first_text_came(proxy, attempts, branch):
    decision = (await proxy.planned()).decided_plan.decision
    tried = [
        Attempt(rung=rung, alias="a", judgement=judgement, served=rung == len(attempts) - 1) for rung, judgement in enumerate(attempts)
    ]
    assert metrics.branch_of(decision, Outcome(alias="a", reason=Reason.DIRECT, attempts=tuple(tried))) == branch


# --- what an answer must satisfy ------------------------------------------------------------------------------------------------------

CHECKED = """
version: 1
name: checked
models: {small: {tier: budget}, sql: {tier: standard}, large: {tier: premium}}
routes: [{name: all, cascade: [small, sql], gate: careful}]
gates: {careful: {accept_at: -0.5, also_escalate: [invalid_json, language_mismatch], abstain: {then: large}}}
"""
GERMAN = "Bitte erkläre mir, warum der Himmel am Tag blau ist und wie es am Abend mit dem Licht ist."
ENGLISH = "The sky is blue because the air scatters the short waves of the light more than the long ones."


def saying(text, logprob=-0.1):
    return Completion(text=text, tokens=(TokenLogprob(text, logprob),))


async def test_an_answer_is_held_against_the_request_and_the_demand_is_told_to_nobody(proxy):
    contract = AnswerContract(json="json_schema", schema={"required": [CANARY]})
    journey = await proxy.planned(policy=parse_policy(CHECKED), contract=contract)
    await journey.settle(Models(journey, small=saying("{}"), sql=saying(f'{{"{CANARY}": 1}}')))
    assert (journey.outcome().alias, journey.outcome().reason) == ("sql", Reason.INVALID_JSON)
    assert CANARY not in str([span.to_json() for span in proxy.spans.values()])
    assert CANARY not in repr(proxy.sink.last)


async def test_an_answer_is_held_against_the_language_of_the_prompt(proxy):
    journey = await proxy.planned(GERMAN, policy=parse_policy(CHECKED))
    await journey.settle(Models(journey, small=saying(ENGLISH), sql=saying(GERMAN)))
    assert (journey.outcome().alias, journey.outcome().reason) == ("sql", Reason.LANGUAGE_MISMATCH)


async def test_doubt_goes_on_to_an_alias_that_the_caller_may_call_and_to_no_other(proxy):
    doubtful = {alias: saying("hm", -2.0) for alias in ("small", "sql", "large")}
    journey = await proxy.planned(policy=parse_policy(CHECKED), may_call=only("small", "sql", "large"))
    await journey.settle(Models(journey, **doubtful))
    assert (journey.outcome().alias, journey.outcome().verdict) == ("large", Verdict.ACCEPT)
    journey = await proxy.planned(policy=parse_policy(CHECKED), may_call=only("small", "sql"))
    await journey.settle(Models(journey, **doubtful))
    assert (journey.outcome().alias, journey.outcome().abstained) == ("sql", Reason.LOW_CONFIDENCE)


async def test_who_may_only_call_the_alias_for_doubtful_cases_may_call_nothing(proxy):
    with pytest.raises(AccessError):
        await proxy.planned(policy=parse_policy(CHECKED), may_call=only("large"))


async def test_every_verdict_is_counted(proxy):
    labels = {"policy": "checked", "verdict": "abstain", "reason": "low_confidence"}
    before = REGISTRY.get_sample_value("cascade_verdicts_total", labels) or 0.0
    journey = await proxy.planned(policy=parse_policy(CHECKED))
    await journey.settle(Models(journey, **{alias: saying("hm", -2.0) for alias in ("small", "sql", "large")}))
    assert REGISTRY.get_sample_value("cascade_verdicts_total", labels) == before + 1


# --- records -----------------------------------------------------------------------------------------------------------------------

KEEPING = parse_policy(
    """
    version: 1
    name: test
    models: {small: {tier: budget}, large: {tier: premium}}
    routes: [{name: all, cascade: [small, large], gate: careful}]
    gates: {careful: {confidence: {score: mean}, accept_at: -0.5, stream: {tokens: 2}}}
    privacy: {record_prompts: always}
    """
)


async def test_a_record_is_enough_to_decide_again(proxy):
    journey = await proxy.planned(max_output_tokens=7)
    await journey.settle(Models(journey, small=UNSURE, large=SURE))
    record = proxy.sink.last
    assert decide(POLICY, record.plan.evidence) == record.plan.decision
    assert (record.basis.smallest, record.basis.largest) == ("small", "large")
    assert record.basis.input_hash == input_hash((Turn(role="user", text=f"Say {CANARY}"),), b"salt")


async def test_the_hash_of_the_input_tells_nothing_without_the_salt():
    turns = (Turn(role="user", text=CANARY),)
    assert input_hash(turns, b"salt") != input_hash(turns, b"another")
    assert input_hash((*turns, Turn(role="user", text="")), b"salt") != input_hash(turns, b"salt")


async def test_a_sink_that_raises_costs_no_request_and_is_counted(caplog):
    def full(record, texts=None):
        raise OSError(CANARY)

    proxy = Proxy()
    proxy.pipeline = Pipeline(proxy.classifier, proxy.tracing, full)
    before = REGISTRY.get_sample_value("cascade_record_lost_total", {"reason": "error"}) or 0.0
    journey = await proxy.planned()
    assert await journey.settle(Models(journey, small=SURE)) == f"small: {CANARY}"
    assert proxy.spans["cascade.route"].attributes["cascade.final_alias"] == "small"
    assert REGISTRY.get_sample_value("cascade_record_lost_total", {"reason": "error"}) - before == 1
    assert caplog.messages == ["cascade: the decision record of a request is lost: OSError"]


async def test_the_place_of_a_record_is_on_its_span(proxy):
    proxy.pipeline = Pipeline(proxy.classifier, proxy.tracing, lambda _: Receipt(hash="cd", previous="ab"))
    journey = await proxy.planned()
    await journey.settle(Models(journey, small=SURE))
    attributes = proxy.spans["cascade.route"].attributes
    assert (attributes["cascade.record.hash"], attributes["cascade.record.previous_hash"]) == ("cd", "ab")


async def kept(proxy, policy, stream):
    asked = Request(
        envelope=Envelope(request_id="r-1", endpoint=Endpoint.CHAT, requested_model="auto", policy="test", stream=stream),
        turns=(Turn(role="user", text=CANARY),),
    )
    journey = proxy.pipeline.begin(asked.envelope)
    await proxy.pipeline.plan(asked, policy, journey)
    models = Models(journey, small=UNSURE, large=SURE)
    if stream:
        assert [payload async for payload in journey.settle_stream(models)] == [f"large {n}" for n in range(4)]
    else:
        assert await journey.settle(models) == f"large: {CANARY}"
    return proxy.sink.texts


@pytest.mark.parametrize("stream", [False, True])
async def test_where_the_policy_asks_for_it_the_record_has_what_was_said_and_nothing_else_has(proxy, stream):
    (texts,) = await kept(proxy, KEEPING, stream)
    assert texts.turns == (Turn(role="user", text=CANARY),)
    assert set(texts.answers) == {0, 1}
    assert texts.answers[1] == CANARY * (4 if stream else 1)
    assert CANARY not in "".join(span.to_json() for span in proxy.spans.values()) + repr(proxy.sink.records)


@pytest.mark.parametrize("stream", [False, True])
async def test_elsewhere_nothing_that_was_said_is_kept(proxy, stream):
    assert await kept(proxy, POLICY, stream) == []


async def test_a_ledger_blocks_no_event_loop(proxy, tmp_path):
    ledger = Ledger(LedgerOptions(folder=tmp_path, fsync_ms=0))
    proxy.pipeline = Pipeline(proxy.classifier, proxy.tracing, ledger)
    with blockbuster_ctx("litellm_cascade"):
        for _ in range(20):
            journey = await proxy.planned()
            await journey.settle(Models(journey, small=SURE))
    ledger.close()
    routes = [span for span in proxy.tracing.exporter.get_finished_spans() if span.name == "cascade.route"]
    assert [span.attributes["cascade.record.hash"] for span in routes] == [line["hash"] for line in requests_in([tmp_path])]


# --- later ----------------------------------------------------------------------------------------------------------------------------


async def told(later):
    """What a request with two attempts leaves behind, without what is another's in every request."""
    proxy = Proxy(later=later)
    journey = await proxy.planned()
    await journey.settle(Models(journey, small=UNSURE, large=SURE))
    return proxy, journey


def left_behind(proxy):
    spans = [
        (
            span.name,
            {key: value for key, value in typed(span.attributes).items() if not key.endswith(".ms")},
            span.status.status_code,
            [(event.name, typed(event.attributes)) for event in span.events],
        )
        for span in proxy.tracing.exporter.get_finished_spans()
    ]
    return spans, [replace(record, took_ms=0.0, trace_id=None) for record in proxy.sink.records]


async def test_what_is_told_later_is_what_is_told_at_once():
    later = Later(gather_s=3600.0)
    proxy, journey = await told(later)
    assert left_behind(proxy) == ([], [])
    assert (journey.is_over, journey.outcome().alias) == (True, "large")
    ended_ns = time.time_ns()
    later.finish()
    at_once, _ = await told(now)
    assert left_behind(proxy) == left_behind(at_once)
    assert all(span.start_time <= span.end_time < ended_ns for span in proxy.tracing.exporter.get_finished_spans())
    assert proxy.sink.last.took_ms < 60_000


async def test_telling_it_later_blocks_no_event_loop(tmp_path):
    later, ledger, tracing = Later(), Ledger(LedgerOptions(folder=tmp_path)), InMemory()
    proxy = Proxy()
    proxy.pipeline = Pipeline(proxy.classifier, tracing, ledger, later=later)
    with blockbuster_ctx("litellm_cascade"):
        for _ in range(20):
            journey = await proxy.planned()
            await journey.settle(Models(journey, small=SURE))
    later.finish()
    ledger.close()
    routes = [span for span in tracing.exporter.get_finished_spans() if span.name == "cascade.route"]
    assert [span.attributes["cascade.record.hash"] for span in routes] == [line["hash"] for line in requests_in([tmp_path])]
    assert len(routes) == 20
