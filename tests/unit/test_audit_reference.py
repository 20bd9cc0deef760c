"""The reference of spans is whole, true and as printed in docs/audit.md."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from frozen_spans import undocumented
from litellm_cascade.audit import RequestTrace, attributes, feedback_given
from litellm_cascade.audit.reference import EVENTS, SPANS, as_markdown
from litellm_cascade.offline.document_spans import BEGIN, END, main, renewed
from litellm_cascade.vocabulary import (
    DIMENSIONS,
    Answered,
    Asked,
    Attempt,
    Band,
    Basis,
    BudgetLeft,
    Caller,
    Classification,
    Confidence,
    Consultation,
    Costs,
    Decision,
    Endpoint,
    Ensemble,
    Envelope,
    Estimate,
    Evidence,
    Feedback,
    Judgement,
    Outcome,
    Plan,
    Reason,
    Receipt,
    Session,
    Signals,
    Usage,
    Verdict,
)

DOCUMENT = Path(__file__).parents[2] / "docs/audit.md"
NAMES = {value for key, value in vars(attributes).items() if key.isupper() and isinstance(value, str)} | set(attributes.DIMENSIONS.values())
TITLES = {value for key, value in vars(attributes).items() if key.endswith(("_SPAN", "_EVENT"))}
USAGE = Usage(input_tokens=1, output_tokens=2)
CONFIDENCE = Confidence(name="mean", score=-0.5, threshold=0.8, tokens=3, probability=0.7, calibration="sha256:c")
ATTEMPT = Attempt(
    rung=0,
    alias="small",
    judgement=Judgement(verdict=Verdict.ACCEPT, reason=Reason.CONFIDENT, confidence=CONFIDENCE),
    usage=USAGE,
    cost_usd=0.1,
    dropped=("logprobs",),
    served=True,
    spare=True,
    hold_ms=1.0,
    late_regret=-2.0,
)
CLASSIFICATION = Classification(
    digest="sha256:w",
    classifier="linear",
    took_ms=1.0,
    small_copes=0.7,
    gain=0.1,
    degraded=("classifier_late",),
    domain="law",
    label="large",
    labels={"large": 1.0},
    dimensions=dict.fromkeys(DIMENSIONS, 0.5),
)
DECISION = Decision(
    policy="p",
    digest="sha256:d",
    route="r",
    band=Band.CASCADE,
    ladder=("small", "large"),
    reasons=("why",),
    alternatives=("sql",),
    estimates=(Estimate(alias="small", quality=0.5, cost_usd=0.1, latency_ms=300.0),),
    hedge=True,
    ensemble=Ensemble(),
)
EVIDENCE = Evidence(
    envelope=Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p"),
    caller=Caller(key_hash="k", team="t"),
    signals=Signals(input_tokens=7, language="en"),
    classification=CLASSIFICATION,
    session=Session(alias="small", turns=2, bound_to="small"),
)
OUTCOME = Outcome(
    alias="small",
    reason=Reason.LOW_CONFIDENCE,
    abstained=Reason.LOW_CONFIDENCE,
    attempts=(ATTEMPT, replace(ATTEMPT, rung=1, alias="large", served=False, judgement=None)),
    degraded=("large_failed",),
    budgets=(BudgetLeft(limit="escalation_rate", remaining_ratio=0.5),),
    first_token_ms=4.0,
)

ANSWERED = Answered(
    request_id="r",
    key_hash="k",
    policy="p",
    digest="sha256:d",
    band=Band.CASCADE,
    alias="small",
    score_name="mean",
    score=-0.5,
    probability=0.7,
    at=1.0,
)


@pytest.fixture
def everything():
    """The spans of a request of which everything is known."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    told = RequestTrace(provider.get_tracer("test"), None, EVIDENCE.envelope)
    told.classified(CLASSIFICATION, [Asked(usage=USAGE, cost_usd=0.1)], started_ns=1, ended_ns=2)
    told.decided(Plan(evidence=EVIDENCE, decision=DECISION), Basis(input_hash="0" * 64, price_table="sha256:" + "0" * 16))
    told.attempt_started(0, "small")
    told.answered_by(0, model="small-1", provider="openai")
    asked = told.consult_started(0, "small", "self_check")
    told.consult_ended(asked, Consultation(kind="self_check", score=0.5, usage=USAGE, cost_usd=0.1))
    told.attempt_ended(ATTEMPT)
    told.ended(OUTCOME, Receipt(hash="1" * 64, previous="2" * 64), costs=Costs(actual_usd=0.2, all_small_usd=0.1, all_large_usd=0.3))
    feedback_given(
        Feedback(answer=ANSWERED, rating=0.5, label="fine"), provider.get_tracer("test"), Receipt(hash="3" * 64, previous="1" * 64)
    )
    return exporter.get_finished_spans()


def test_a_request_of_which_everything_is_known_exports_every_name_of_the_reference_and_no_other(everything):
    said = {next(group for group in SPANS if group.documents(span.name)).title: set(span.attributes) for span in everything}
    assert said == {group.title: {row.name for row in group.attributes} for group in SPANS}
    (event,) = (event for span in everything for event in span.events)
    assert {event.name: set(event.attributes)} == {group.title: {row.name for row in group.attributes} for group in EVENTS}


def test_with_the_types_of_the_reference(everything):
    for span in everything:
        assert undocumented(span.name, span.attributes, [(event.name, event.attributes) for event in span.events]) == []


def test_a_stranger_is_noticed():
    assert undocumented("cascade.route", {"cascade.attempts": 2, "cascade.ladder": ("small",)}) == []
    for name, said in (
        ("cascade.detour", {}),
        ("cascade.attempt ", {}),
        ("cascade.route", {"cascade.surprise": "x"}),
        ("cascade.route", {"cascade.attempts": 2.0}),
        ("cascade.route", {"cascade.attempts": True}),
        ("cascade.route", {"cascade.ladder": (1, 2)}),
    ):
        assert len(undocumented(name, said)) == 1, (name, said)
    assert len(undocumented("cascade.route", {}, [("exception", {})])) == 1


def test_every_name_is_in_the_reference_and_every_row_is_a_name():
    rows = {row.name for group in (*SPANS, *EVENTS) for row in group.attributes}
    titles = {group.title.partition(" <")[0] for group in (*SPANS, *EVENTS)}
    assert titles == TITLES
    assert rows == NAMES - (TITLES - {attributes.ROUTE})


def test_no_two_attributes_share_a_name():
    named = [
        value
        for key, value in vars(attributes).items()
        if key.isupper() and isinstance(value, str) and not key.endswith(("_SPAN", "_EVENT"))
    ]
    named += attributes.DIMENSIONS.values()
    assert sorted(named) == sorted(set(named))


def test_no_group_says_a_thing_twice_or_without_a_meaning():
    for group in (*SPANS, *EVENTS):
        names = [row.name for row in group.attributes]
        assert len(names) == len(set(names)), group.title
        assert all(row.meaning and "|" not in row.meaning + row.values for row in group.attributes)


def test_beside_each_number_that_decides_stands_a_word_to_search_for():
    attempt = {row.name: row.type for group in SPANS if group.title.startswith("cascade.attempt") for row in group.attributes}
    assert [attempt[name] for name in (attributes.SCORE, attributes.CONFIDENCE_BAND, attributes.DECISION)] == [float, str, str]


def test_the_reference_in_the_docs_is_fresh():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == renewed(text), "stale: run `make span-docs`"
    assert len(re.findall(r"^#### `", as_markdown(), re.MULTILINE)) == len(SPANS) + len(EVENTS)


def test_the_command_writes_between_the_marks_and_nowhere_else(tmp_path, capsys):
    document = tmp_path / "a.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert main([str(document)]) == 0
    assert document.read_text() == f"before\n{BEGIN}\n\n{as_markdown()}\n\n{END}\nafter\n"
    document.write_text("no marks")
    assert (main([str(document)]), main([str(tmp_path / "nowhere.md")]), main([])) == (1, 1, 2)
    assert document.read_text() == "no marks"
    assert "it needs the two lines" in capsys.readouterr().err


def test_the_label_of_an_evaluation_is_of_its_score_and_not_of_the_verdict(everything):
    (event,) = next(span for span in everything if span.name == "cascade.attempt small").events
    assert dict(event.attributes) == {
        "gen_ai.evaluation.name": "mean",
        "gen_ai.evaluation.score.value": -0.5,
        "gen_ai.evaluation.score.label": "low",
    }
