from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from litellm_cascade.audit import Tracing, costs_of, request_metrics
from litellm_cascade.audit.request_metrics import CONFIDENCE, COST, DEGRADED, ESCALATIONS, REQUESTS
from litellm_cascade.pipeline import Pipeline
from litellm_cascade.policy import parse_policy
from litellm_cascade.testing import FakeClassifier
from litellm_cascade.testing.fakes import RememberingSink
from litellm_cascade.vocabulary import (
    UNCLASSIFIED,
    AliasFacts,
    Attempt,
    AuditRecord,
    Band,
    Basis,
    Classification,
    Confidence,
    Costs,
    Decision,
    Endpoint,
    Envelope,
    Evidence,
    Judgement,
    Outcome,
    Plan,
    Reason,
    Request,
    Usage,
    Verdict,
)

ENVELOPE = Envelope(request_id="r-1", endpoint=Endpoint.CHAT, requested_model="auto", policy="balanced")
DECISION = Decision(policy="balanced", digest="sha256:1", route="all", band=Band.CASCADE, ladder=("small", "large"))
UNSURE = Judgement(verdict=Verdict.ESCALATE, reason=Reason.LOW_CONFIDENCE, confidence=Confidence(name="mean", score=-1.25, threshold=-0.35))
LEFT = Attempt(rung=0, alias="small", judgement=UNSURE, usage=Usage(input_tokens=100, output_tokens=10), cost_usd=0.001)
SERVED = Attempt(
    rung=1,
    alias="large",
    judgement=Judgement(verdict=Verdict.ACCEPT, reason=Reason.LAST_RUNG),
    usage=Usage(input_tokens=100, output_tokens=20),
    cost_usd=0.25,
    served=True,
)
ESCALATED = Outcome(alias="large", reason=Reason.LOW_CONFIDENCE, attempts=(LEFT, SERVED))
SMALL = AliasFacts(input_usd_per_million=10.0, output_usd_per_million=20.0)
LARGE = AliasFacts(input_usd_per_million=1000.0, output_usd_per_million=2000.0)
BASIS = Basis(aliases={"small": SMALL, "large": LARGE}, smallest="small", largest="large")


def record(outcome=ESCALATED, basis=BASIS, **decision):
    plan = Plan(evidence=Evidence(envelope=ENVELOPE), decision=replace(DECISION, **decision))
    return AuditRecord(plan=plan, outcome=outcome, costs=costs_of(outcome, basis))


@pytest.fixture(autouse=True)
def shown():
    """What Prometheus would read of the requests from here on, without the lines that say when a series began."""
    registry = CollectorRegistry()
    for metric in (REQUESTS, ESCALATIONS, CONFIDENCE, COST, DEGRADED):
        metric.clear()
        registry.register(metric)
    return lambda: [line for line in generate_latest(registry).decode().splitlines() if line[0] != "#" and "_created" not in line]


def test_an_answer_out_of_the_cache_is_no_request_that_nobody_answered(shown):
    for alias, reason in ((None, Reason.CACHED), ("large", Reason.CACHED), (None, Reason.ERROR)):
        request_metrics.request_ended(record(Outcome(alias=alias, reason=reason)))
    counted = {line.split(",")[0]: line[-3:] for line in shown() if line.startswith("cascade_requests_total")}
    assert counted == {f'cascade_requests_total{{alias="{alias}"': "1.0" for alias in ("cache", "large", "none")}


def test_an_escalated_request_as_prometheus_reads_it(shown):
    request_metrics.request_ended(record(replace(ESCALATED, degraded=("condition_failed:vip", "classifier_late"))))
    lines = shown()
    edges = ["-5.0", "-3.0", "-2.0", "-1.5", "-1.0", "-0.75", "-0.5", "-0.35", "-0.25", "-0.15", "-0.1", "-0.05", "0.0"]
    edges += ["0.25", "0.5", "0.6", "0.7", "0.8", "0.9", "0.95", "1.0", "+Inf"]
    assert lines == [
        'cascade_requests_total{alias="large",band="cascade",policy="balanced"} 1.0',
        'cascade_escalations_total{policy="balanced",reason="low_confidence"} 1.0',
        *(
            f'cascade_confidence_bucket{{le="{edge}",policy="balanced",score="mean"}} {0.0 if float(edge) < -1.25 else 1.0}'
            for edge in edges
        ),
        'cascade_confidence_count{policy="balanced",score="mean"} 1.0',
        'cascade_cost_usd_total{kind="actual"} 0.251',
        'cascade_cost_usd_total{kind="all_small"} 0.0014',
        'cascade_cost_usd_total{kind="all_large"} 0.14',
        'cascade_degraded_total{reason="condition_failed"} 1.0',
        'cascade_degraded_total{reason="classifier_late"} 1.0',
    ]


def test_a_direct_request_is_neither_an_escalation_nor_a_confidence(shown):
    sent = Attempt(rung=0, alias="large", judgement=Judgement(verdict=Verdict.ACCEPT, reason=Reason.DIRECT), served=True)
    request_metrics.request_ended(record(Outcome(alias="large", reason=Reason.DIRECT, attempts=(sent,)), band=Band.LARGE))
    assert shown() == ['cascade_requests_total{alias="large",band="large",policy="balanced"} 1.0']


def test_a_request_without_an_answer_has_no_alias(shown):
    request_metrics.request_ended(record(Outcome(alias=None, reason=Reason.NO_ACCESS)))
    assert shown()[0] == 'cascade_requests_total{alias="none",band="cascade",policy="balanced"} 1.0'


def test_an_escalation_has_the_reason_why_the_first_rung_was_left(shown):
    kept = replace(ESCALATED, alias="small", reason=Reason.KEPT_EARLIER)
    request_metrics.request_ended(record(kept, Basis()))
    nobody_judged = replace(ESCALATED, reason=Reason.CLIENT_GONE, attempts=(replace(LEFT, judgement=None), SERVED))
    request_metrics.request_ended(record(nobody_judged, Basis()))
    assert [line for line in shown() if line.startswith("cascade_escalations")] == [
        'cascade_escalations_total{policy="balanced",reason="low_confidence"} 1.0',
        'cascade_escalations_total{policy="balanced",reason="client_gone"} 1.0',
    ]


def test_an_unknown_score_is_no_confidence(shown):
    unknown = replace(UNSURE, confidence=Confidence(name="mean", score=None, threshold=-0.35))
    request_metrics.request_ended(record(replace(ESCALATED, attempts=(replace(LEFT, judgement=unknown), SERVED)), Basis()))
    assert not any("cascade_confidence" in line for line in shown())


@pytest.mark.parametrize(
    ("basis", "kinds"),
    [
        (BASIS, ["actual", "all_small", "all_large"]),
        (replace(BASIS, aliases={"large": LARGE}), ["actual", "all_large"]),
        (Basis(), ["actual"]),
    ],
)
def test_a_price_that_is_not_known_leaves_its_comparison_out(shown, basis, kinds):
    request_metrics.request_ended(record(basis=basis))
    assert [line.split('"')[1] for line in shown() if line.startswith("cascade_cost")] == kinds


def test_a_request_with_an_unknown_bill_is_compared_with_nothing(shown):
    request_metrics.request_ended(record(replace(ESCALATED, attempts=(replace(LEFT, cost_usd=None), SERVED))))
    assert not any(line.startswith("cascade_cost") for line in shown())


@pytest.mark.parametrize(
    ("attempts", "costs"),
    [
        ((LEFT, SERVED), Costs(actual_usd=0.251, all_small_usd=0.0014, all_large_usd=0.14)),
        ((LEFT,), Costs(actual_usd=0.001)),  # nobody was served: there is nothing to compare with
        ((replace(LEFT, cost_usd=None, error="TimeoutError"), SERVED), Costs(actual_usd=0.25, all_small_usd=0.0014, all_large_usd=0.14)),
        ((), Costs(actual_usd=0)),
    ],
)
def test_costs(attempts, costs):
    assert costs_of(Outcome(alias=None, reason=Reason.DIRECT, attempts=attempts), BASIS) == costs


ALIASES = st.sampled_from(["small", "large"])
ATTEMPTS = st.builds(
    Attempt,
    rung=st.integers(0, 3),
    alias=ALIASES,
    judgement=st.none() | st.builds(Judgement, verdict=st.sampled_from(Verdict), reason=st.sampled_from(Reason)),
    usage=st.none() | st.just(Usage(input_tokens=3, output_tokens=4)),
    cost_usd=st.none() | st.floats(0, 10),
    served=st.booleans(),
)
OUTCOMES = st.builds(
    Outcome,
    alias=st.none() | ALIASES,
    reason=st.sampled_from(Reason),
    attempts=st.lists(ATTEMPTS, max_size=3).map(tuple),
    degraded=st.lists(st.text(max_size=9).map("over_budget:{}".format), max_size=3).map(tuple),
)


@given(st.lists(OUTCOMES, min_size=1, max_size=20))
def test_every_request_counts_once_and_no_label_comes_from_a_client(outcomes):
    for metric in (REQUESTS, ESCALATIONS, DEGRADED):
        metric.clear()
    for outcome in outcomes:
        request_metrics.request_ended(record(outcome))
    counts = {metric: {tuple(s.labels.values()): s.value for s in next(iter(metric.collect())).samples if s.name.endswith("_total")}
              for metric in (REQUESTS, ESCALATIONS, DEGRADED)}  # fmt: skip
    assert sum(counts[REQUESTS].values()) == len(outcomes)
    assert sum(counts[ESCALATIONS].values()) == sum(outcome.escalated for outcome in outcomes)
    assert set(counts[REQUESTS]) <= {("balanced", "cascade", alias) for alias in ("small", "large", "cache", "none")}
    assert set(counts[ESCALATIONS]) <= {("balanced", reason.value) for reason in Reason}
    assert set(counts[DEGRADED]) <= {("over_budget",)}


# --- where they are counted ----------------------------------------------------------------------------------------------------------

POLICY = parse_policy(
    """
    version: 1
    name: test
    models: {small: {tier: budget, price: {input_usd_per_million: 1, output_usd_per_million: 2}}, large: {tier: premium}}
    routes: [{name: all, send: small}]
    """
)


def waited():
    return REGISTRY.get_sample_value("cascade_classifier_seconds_count")


async def planned(belief, meter=request_metrics):
    sink = RememberingSink()
    pipeline = Pipeline(FakeClassifier(answer=belief), Tracing({}), sink, meter=meter)
    journey = pipeline.begin(ENVELOPE)
    await pipeline.plan(Request(envelope=ENVELOPE), POLICY, journey)
    return journey, sink


@pytest.mark.parametrize(
    ("belief", "counted"),
    [(Classification(), 1), (replace(UNCLASSIFIED, degraded=("classifier_late",)), 1), (UNCLASSIFIED, 0)],
    ids=["answered", "late", "none"],
)
async def test_a_classification_is_timed_unless_there_is_no_classifier(belief, counted):
    before = waited()
    await planned(belief)
    assert waited() - before == counted


async def test_a_journey_counts_once_and_its_record_has_the_costs(shown):
    journey, sink = await planned(Classification())
    assert journey.is_watched
    answered = Attempt(rung=0, alias="small", usage=Usage(input_tokens=1000, output_tokens=500), cost_usd=0.002, served=True)
    journey.answered_directly(answered, started_ns=1, ended_ns=2)
    journey.ended(Reason.CLIENT_GONE)
    assert shown() == [
        'cascade_requests_total{alias="small",band="small",policy="test"} 1.0',
        'cascade_cost_usd_total{kind="actual"} 0.002',
        'cascade_cost_usd_total{kind="all_small"} 0.002',
    ]
    assert sink.last.costs == Costs(actual_usd=0.002, all_small_usd=0.002)


async def test_without_a_meter_nothing_is_counted(shown):
    before = waited()
    journey, _ = await planned(Classification(), meter=None)
    journey.ended()
    assert (waited(), shown()) == (before, [])


def test_what_a_request_costs_to_count(benchmark):
    benchmark(request_metrics.request_ended, record())
    assert benchmark.stats["median"] < 100e-6
