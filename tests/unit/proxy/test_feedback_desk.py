"""Feedback: what a body may say, whose answers are found, and where what is said of them goes."""

import asyncio
import json

import pytest
from fastapi import HTTPException, Request
from hypothesis import given
from hypothesis import strategies as st
from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.auth.route_checks import RouteChecks
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from litellm_cascade.audit import RequestTrace, Tracing
from litellm_cascade.classifiers.memory import Recent
from litellm_cascade.journey import Journey
from litellm_cascade.proxy import feedback
from litellm_cascade.proxy.feedback import FeedbackDesk, Said, feedback_routes, read
from litellm_cascade.proxy.recent_answers import MOST_TIMES, RecentAnswers
from litellm_cascade.proxy.shared_cache import SharedCache
from litellm_cascade.vocabulary import (
    Attempt,
    Band,
    Caller,
    Classification,
    Confidence,
    Decision,
    Endpoint,
    Envelope,
    Evidence,
    Gate,
    Judgement,
    Opinion,
    Plan,
    Reason,
    Receipt,
    Verdict,
)

ANN, BEN = Caller(key_hash="ann"), Caller(key_hash="ben")
OTHERS = [BEN, Caller(), Caller(key_hash="ann", team="t"), Caller(key_hash="ann", user="u"), Caller(team="ann"), Caller(user="ann")]
JUDGED = Judgement(
    verdict=Verdict.ACCEPT, reason=Reason.CONFIDENT, confidence=Confidence(name="mean", score=-0.1, threshold=-0.35, probability=0.9)
)
ALL = "request_id, trace_id, rating, outcome, label"


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class FakeRedis:
    """What LiteLLM's Redis client looks like from here."""

    def __init__(self):
        self.kept, self.gone = {}, False

    async def async_batch_get_cache(self, key_list):
        if self.gone:
            raise ConnectionError
        return {key: json.loads(self.kept[key]) for key in key_list if key in self.kept}

    async def async_set_cache(self, key, value, *, ttl):
        self.kept[key] = json.dumps(value)


def memory(most=100, clock=None, redis=None):
    clock = clock or Clock()
    return RecentAnswers(
        lambda entries: SharedCache(Recent(most=entries, clock=clock), within_ms=1000, remote=lambda: redis, now=clock),
        most=most,
        seconds=60,
        secret=lambda: b"secret",
        now=clock,
    )


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter):
    """Ours, with an exporter that keeps the spans."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    class Kept(Tracing):
        tracer = provider.get_tracer("test")

    return Kept({})


def answered(tracer, request_id="r-1", caller=ANN, *, stream=False, attempt=None):
    """A request of a cascade; where ``attempt`` is given, it was sent straight and this is what came of it."""
    envelope = Envelope(request_id=request_id, endpoint=Endpoint.CHAT, requested_model="auto", policy="p", stream=stream)
    decision = Decision(policy="p", digest="d", route="r", band=Band.SMALL, ladder=("small",), gate=Gate(name="sure"))
    journey = Journey(RequestTrace(tracer, None, envelope))
    journey.decided(
        Plan(evidence=Evidence(envelope=envelope, caller=caller, classification=Classification(task="Open QA")), decision=decision)
    )
    if attempt is not None:
        journey.answered_directly(attempt, started_ns=1, ended_ns=2)
    return journey


def found(answers, kind, value, caller=ANN):
    return asyncio.run(answers.find(kind, value, caller))[0]


def counts(outcome, alias="small"):
    return REGISTRY.get_sample_value("cascade_feedback_total", {"policy": "p", "alias": alias, "outcome": outcome}) or 0.0


# --- the body ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("{", f"the body must be a JSON object with {ALL}, and nothing else"),
        ("[]", f"the body must be a JSON object with {ALL}, and nothing else"),
        ("", f"the body must be a JSON object with {ALL}, and nothing else"),
        ('{"request_id": "r", "rating": 1, "comment": "x"}', f"the body must be a JSON object with {ALL}, and nothing else"),
        ('{"rating": 1}', "name the answer by request_id or by trace_id, and not by both"),
        (f'{{"request_id": "r", "trace_id": "{"0" * 32}", "rating": 1}}', "name the answer by request_id or by trace_id, and not by both"),
        ('{"request_id": "r", "label": "x"}', "say what the answer was worth: rating, outcome, or both"),
        ('{"request_id": "r", "rating": 1.01}', "rating must be a number from -1 (useless) to 1 (just right)"),
        ('{"request_id": "r", "rating": NaN}', "rating must be a number from -1 (useless) to 1 (just right)"),
        ('{"request_id": "r", "rating": true}', "rating must be a number from -1 (useless) to 1 (just right)"),
        ('{"request_id": "r", "outcome": "good"}', "outcome must be one of right, wrong, incomplete, unhelpful, harmful"),
        (
            '{"request_id": "r", "rating": 1, "label": "Two words"}',
            "label must be 1 to 32 of the characters a-z, 0-9, '.', '_' and '-'",
        ),
        (
            '{"request_id": "", "rating": 1}',
            "request_id must be a text of 1 to 500 characters: what the header x-litellm-call-id of the answer said",
        ),
        (
            '{"trace_id": "xyz", "rating": 2}',
            "trace_id must be 32 hexadecimal digits in lower case: the id of the trace that the request was part of; "
            "rating must be a number from -1 (useless) to 1 (just right)",
        ),
    ],
)
def test_what_is_wrong_with_a_body_is_said_in_a_sentence(body, sentence):
    with pytest.raises(HTTPException) as refused:
        read(body.encode())
    assert (refused.value.status_code, refused.value.detail) == (400, {"error": sentence})


def test_a_body_is_read():
    assert read(b'{"request_id": "r", "rating": 1, "outcome": "right", "label": "tables"}') == Said(
        request_id="r", rating=1.0, outcome=Opinion.RIGHT, label="tables"
    )


@given(st.one_of(st.binary(), st.text(), st.dictionaries(st.sampled_from([*feedback.FIELDS, "more"]), st.text() | st.floats() | st.none())))
def test_nothing_that_is_sent_is_said_back_and_nothing_breaks(sent):
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    own = {*feedback.FIELDS.values(), feedback.UNREADABLE, feedback.WHICH, feedback.WHAT}
    try:
        read(body)
    except HTTPException as refused:
        assert set(refused.detail["error"].split("; ")) <= own  # noqa: PT017 - a body may also be a good one


# --- the memory --------------------------------------------------------------------------------------------------------------------


def test_an_answer_is_found_by_both_its_ids_and_with_its_score(tracing):
    answers, attempt = memory(), Attempt(rung=0, alias="small", served=True, judgement=JUDGED)
    journey = answered(tracing.tracer, attempt=attempt)
    answers.remember(journey, "small")
    by_request = found(answers, "request", "r-1")
    assert by_request == found(answers, "trace", journey.trace.trace_id)
    assert (by_request.alias, by_request.task, by_request.band, by_request.at) == ("small", "Open QA", Band.SMALL, 1000.0)
    assert (by_request.score_name, by_request.score, by_request.probability) == ("mean", -0.1, 0.9)
    assert int(by_request.span_id, 16) == journey.trace.route.get_span_context().span_id


@pytest.mark.parametrize(("stream", "of_beginning"), [(False, False), (True, True)])
def test_scores_of_beginnings_are_told_apart(tracing, stream, of_beginning):
    answers = memory()
    answers.remember(answered(tracing.tracer, stream=stream), "small")
    assert found(answers, "request", "r-1").of_beginning is of_beginning


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_nobody_finds_the_answer_of_another(tracing, other):
    answers, journey = memory(), answered(tracing.tracer)
    answers.remember(journey, "small")
    assert found(answers, "request", "r-1", other) is found(answers, "trace", journey.trace.trace_id, other) is None


def test_an_id_that_is_used_again_stands_for_the_newest_answer(tracing):
    clock = Clock()
    answers = memory(clock=clock)
    answers.remember(answered(tracing.tracer), "small")
    clock.now += 1
    answers.remember(answered(tracing.tracer), "large")
    assert found(answers, "request", "r-1").alias == "large"


def test_answers_are_forgotten_by_age_and_by_number(tracing):
    clock = Clock()
    answers = memory(most=2, clock=clock)
    for number in range(3):
        answers.remember(answered(tracing.tracer, f"r-{number}"), "small")
    assert [found(answers, "request", f"r-{number}") is not None for number in range(3)] == [False, True, True]
    clock.now += 60
    assert found(answers, "request", "r-2") is None


def test_with_a_memory_of_0_nothing_is_kept_anywhere(tracing):
    redis = FakeRedis()
    memory(most=0, redis=redis).remember(answered(tracing.tracer), "small")
    assert redis.kept == {}


async def test_another_worker_finds_the_answer_and_nothing_readable_is_shared_of_its_ids(tracing):
    redis = FakeRedis()
    memory(redis=redis).remember(answered(tracing.tracer), "small")
    await asyncio.sleep(0)
    assert (await memory(redis=redis).find("request", "r-1", ANN))[0].alias == "small"
    assert not [key for key in redis.kept if "ann" in key or "r-1" in key]


async def test_what_another_release_shares_is_not_understood_and_not_an_error(tracing):
    redis = FakeRedis()
    memory(redis=redis).remember(answered(tracing.tracer), "small")
    await asyncio.sleep(0)
    redis.kept = {key: json.dumps({"at": 1.0, "value": {"new": 1}}) for key in redis.kept}
    assert await memory(redis=redis).find("request", "r-1", ANN) == (None, ())


# --- the desk ----------------------------------------------------------------------------------------------------------------------


async def test_what_is_said_goes_to_the_record_the_metrics_and_a_linked_span(tracing, exporter):
    answers, recorded, journey = memory(), [], answered(tracing.tracer)
    answers.remember(journey, "small")
    desk = FeedbackDesk(answers, tracing, lambda said: recorded.append(said) or Receipt(hash="h", previous="p"))
    before = counts("wrong")
    told = await desk.take(Said(request_id="r-1", rating=-0.5, outcome=Opinion.WRONG, label="tables"), ANN)
    assert told == {"request_id": "r-1", "outcome": "wrong", "recorded": True}
    assert counts("wrong") == before + 1
    assert [(said.answer.alias, said.rating, said.outcome, said.label) for said in recorded] == [("small", -0.5, "wrong", "tables")]
    (span,) = exporter.get_finished_spans()
    route = journey.trace.route.get_span_context()
    assert (span.name, span.parent, span.context.trace_id != route.trace_id) == ("cascade.feedback", None, True)
    assert [(link.context.trace_id, link.context.span_id) for link in span.links] == [(route.trace_id, route.span_id)]
    assert dict(span.attributes) == {
        "cascade.feedback.rating": -0.5,
        "cascade.feedback.outcome": "wrong",
        "cascade.feedback.label": "tables",
        "cascade.request_id": "r-1",
        "cascade.caller.key_hash": "ann",
        "cascade.policy": "p",
        "cascade.policy.digest": "d",
        "cascade.band": "small",
        "cascade.final_alias": "small",
        "cascade.task": "Open QA",
        "cascade.record.hash": "h",
    }


@pytest.mark.parametrize(("rating", "outcome"), [(1.0, "up"), (-0.1, "down"), (0.0, "neutral")])
async def test_a_rating_alone_counts_by_its_sign_also_without_record_and_traces(rating, outcome):
    answers, before = memory(), counts(outcome)
    answers.remember(answered(Tracing({}).tracer), "small")
    told = await FeedbackDesk(answers, Tracing({})).take(Said(request_id="r-1", rating=rating), ANN)
    assert (told, counts(outcome)) == ({"request_id": "r-1", "outcome": outcome, "recorded": False}, before + 1)


async def refusal(desk, said=None):
    with pytest.raises(HTTPException) as refused:
        await desk.take(said or Said(request_id="r-1", rating=1.0), ANN)
    return refused.value.status_code, refused.value.detail["error"]


async def test_an_unknown_id_is_not_found(tracing):
    desk = FeedbackDesk(memory(), tracing)
    expected = (404, "no answer to this key has that id, or it was given longer ago than is remembered")
    assert await refusal(desk) == await refusal(desk, Said(trace_id="0" * 32, rating=1.0)) == expected


async def test_where_the_shared_memory_does_not_reply_nothing_is_said_about_the_id(tracing):
    redis = FakeRedis()
    redis.gone = True
    expected = (503, "the memory of recent answers did not reply; send this again later")
    assert await refusal(FeedbackDesk(memory(redis=redis), tracing)) == expected


async def test_one_answer_is_spoken_of_so_often_and_no_more(tracing):
    answers, recorded = memory(), []
    answers.remember(answered(tracing.tracer), "small")
    desk = FeedbackDesk(answers, tracing, lambda said: recorded.append(said) or Receipt(hash="h", previous="p"))
    for _ in range(MOST_TIMES):
        await desk.take(Said(request_id="r-1", rating=1.0), ANN)
    assert await refusal(desk) == (429, "10 times is as often as one answer may be spoken of; the newest feedback counts")
    assert len(recorded) == MOST_TIMES


async def test_a_record_that_takes_nothing_more_is_told_and_nothing_is_counted(tracing, exporter):
    answers, before = memory(), counts("up")
    answers.remember(answered(tracing.tracer), "small")
    expected = (503, "the decision record takes nothing more for the moment; send this again later")
    assert await refusal(FeedbackDesk(answers, tracing, lambda _: None)) == expected
    assert (counts("up"), exporter.get_finished_spans()) == (before, ())


# --- the route ---------------------------------------------------------------------------------------------------------------------


def let_in(route):
    """What LiteLLM asks about a key of its database that is no administrator's."""
    RouteChecks.non_proxy_admin_allowed_routes_check(
        user_obj=None, _user_role=None, route=route, request=Request({"type": "http"}), valid_token=UserAPIKeyAuth(), request_data={}
    )


def test_litellm_lets_every_key_to_the_route_and_to_no_other_of_ours(tracing):
    feedback_routes(FeedbackDesk(memory(), tracing))
    let_in("/cascade/feedback")
    with pytest.raises(Exception, match="Only proxy admin"):
        let_in("/cascade/policies")


def test_a_key_that_is_limited_to_some_routes_needs_this_one_among_them():
    RouteChecks.should_call_route("/cascade/feedback", UserAPIKeyAuth(allowed_routes=["llm_api_routes", "/cascade/feedback"]))
    with pytest.raises(HTTPException) as refused:
        RouteChecks.should_call_route("/cascade/feedback", UserAPIKeyAuth(allowed_routes=["llm_api_routes"]))
    assert refused.value.status_code == 403
