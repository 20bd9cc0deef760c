"""Models that do not show how sure they are, are asked: once, on the caller's bill, and unseen."""

import pytest
from harness.configs import PRICES, cascade_config, model
from harness.dialects import DIALECTS

from litellm_cascade.escalation import prompts
from litellm_cascade.testing.telemetry import TraceParent
from litellm_cascade.testing.upstream import Reply, ToolCall
from litellm_cascade.vocabulary import TokenLogprob

POLICY = """
version: 1
name: {name}
models: {{small: {{tier: budget}}, blind: {{tier: budget}}, large: {{tier: premium}}}}
routes: [{{name: all, cascade: [{rung}, large], gate: careful}}]
gates:
  careful: {gate}
"""
GATES = {
    "checked": "{accept_at: -0.35, unknown: self_check, stream: {tokens: 4, within_ms: 2000}}",
    "agreed": "{confidence: {score: agreement}, accept_at: 0.6, consult: {samples: 3, max_tokens: 40}, stream: {judge: full}}",
    "late": "{accept_at: -0.35, unknown: self_check, consult: {within_ms: 300, failed: escalate}, stream: {tokens: 4}}",
    "certain": "{confidence: {score: entropy}, accept_at: 0.5, stream: {tokens: 4}}",
}
SMALL_SAYS = "It is 42, if I have counted the sheep rightly."
LARGE_SAYS = "It is 43: one sheep hid behind the others."
TEAM_KEY = {"Authorization": "Bearer sk-team-7"}


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server, tmp_path_factory):
    """One virtual model for each gate; ``unseeing`` has a first rung that LiteLLM knows to refuse log-probabilities."""
    folder = tmp_path_factory.mktemp("consulting")
    for name, gate in (GATES | {"unseeing": GATES["checked"]}).items():
        (folder / f"{name}.yaml").write_text(POLICY.format(name=name, gate=gate, rung="blind" if name == "unseeing" else "small"))
    config = cascade_config(
        upstream_server.url,
        callback_settings={"cascade": {"policies": str(folder), "debug_headers": True}},
        general_settings={"custom_auth": "custom_auth.user_api_key_auth"},
    )
    config["model_list"] = [entry for entry in config["model_list"] if entry["model_name"] != "auto"]
    config["model_list"].append(model("blind", upstream_server.url, model="openai/o3-mini"))
    config["model_list"] += [{"model_name": name, "litellm_params": {"model": f"cascade/{name}"}} for name in (*GATES, "unseeing")]
    return start_proxy(config)


def question_of(seen):
    return seen.body["messages"][-1]["content"]


def is_check(seen):
    return question_of(seen) in (prompts.SELF_CHECK, prompts.SELF_CHECK_OF_A_PREFIX)


def is_sample(seen):
    return question_of(seen).endswith(prompts.SHORT_ANSWER)


def silent_small(upstream, *, check="True", sample="Answer: 42"):
    """A small model that sends no log-probabilities, and a large one."""

    def answer(seen):
        if is_check(seen):
            return check if isinstance(check, Reply) else Reply(check, dialect="none", input_tokens=20)
        return Reply(sample if is_sample(seen) else SMALL_SAYS, dialect="none")

    upstream.script("small", answer)
    upstream.script("o3-mini", answer)
    upstream.script("large", Reply(LARGE_SAYS))


def ask(client, name, *, stream, trace=None, **more):
    headers = TEAM_KEY | (trace.headers if trace is not None else {})
    return DIALECTS["chat"].ask(client, "How many sheep?", model=name, stream=stream, headers=headers, **more)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("word", "text", "reason"), [("True", SMALL_SAYS, "confident"), ("False", LARGE_SAYS, "low_confidence")])
def test_a_model_without_log_probabilities_says_itself_whether_it_is_right(client, upstream, stream, word, text, reason):
    silent_small(upstream, check=word)
    heard = ask(client, "checked", stream=stream)
    assert (heard.status, heard.text, heard.cascade("reason")) == (200, text, reason)
    assert heard.cascade("confidence").startswith(f"self_check={1.0 if word == 'True' else 0.0:.4f}; accept_at=0.5")
    first, check = upstream.asked("small")
    assert (check.body["max_tokens"], check.body["temperature"], bool(check.body.get("stream"))) == (1, 0, False)
    question, said, _ = check.body["messages"]
    assert question == first.body["messages"][0]
    assert said["role"] == "assistant"
    assert SMALL_SAYS.startswith(said["content"])
    assert (said["content"] == SMALL_SAYS) is not stream, "of a stream the held part is judged"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("sample", "text", "reason"), [("Answer: 42", SMALL_SAYS, "confident"), ("Answer: 44", LARGE_SAYS, "low_confidence")]
)
def test_a_model_that_says_the_same_again_is_believed(client, upstream, stream, sample, text, reason):
    silent_small(upstream, sample=sample)
    heard = ask(client, "agreed", stream=stream, max_tokens=30)
    assert (heard.status, heard.text, heard.cascade("reason")) == (200, text, reason)
    assert prompts.SHORT_ANSWER not in heard.raw
    samples = [seen for seen in upstream.asked("small") if is_sample(seen)]
    assert [(seen.body["max_tokens"], seen.body["temperature"]) for seen in samples] == [(30, 0.7)] * 3
    assert all("logprobs" not in seen.body for seen in upstream.asked("small")), "nothing would look at them"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["checked", "agreed"])
def test_its_calls_are_billed_once_and_stand_below_the_attempt(client, upstream, spend, collector, trace, name, stream):
    silent_small(upstream)
    heard = ask(client, name, stream=stream, trace=trace, **({"stream_options": {"include_usage": True}} if stream else {}))
    calls = 1 if name == "checked" else 3
    logged = spend.wait_rows(calls + 2, trace=trace.trace_id)
    rows = [row["standard_logging_object"] | {"origin": row["internal_call_origin"]} for row in logged]
    paid = [row for row in rows if row["origin"] == "cascade_attempt"]
    assert [row["model_group"] for row in paid] == ["small"] * (calls + 1)
    assert len(upstream.asked("small")) == len(paid), "each once"
    assert {row["metadata"]["user_api_key_alias"] for row in rows} == {"team seven's key"}
    tokens = sum(row["total_tokens"] for row in paid)
    spans = collector.wait_for_trace(trace.trace_id, "cascade.route")
    (attempt,) = [span for span in spans if span.name == "cascade.attempt small"]
    (consult,) = [span for span in collector.children(attempt) if span.name.startswith("cascade.consult")]
    assert attempt.attributes["cascade.cost_usd"] == pytest.approx(PRICES["small"] * tokens)
    assert sum(attempt.attributes[f"gen_ai.usage.{side}_tokens"] for side in ("input", "output")) == tokens
    assert consult.name == f"cascade.consult {'self_check' if name == 'checked' else 'agreement'}"
    assert (consult.attributes["cascade.consult.calls"], consult.attributes["cascade.confidence.score"]) == (calls, 1.0)
    assert 0 < consult.attributes["cascade.cost_usd"] < attempt.attributes["cascade.cost_usd"]
    answered = next(row for row in rows if row["origin"] is None)
    assert sum(heard.usage) == answered["total_tokens"] < tokens, "the client is told of its answer alone"


@pytest.mark.parametrize("name", ["checked", "agreed"])
def test_its_calls_are_paid_for_and_take_nothing_from_the_limit_of_tokens_a_minute(client, upstream, spend, name):
    silent_small(upstream)
    key = {"Authorization": f"Bearer sk-team-7-{name}"}
    rows = 3 if name == "checked" else 5

    def left_and_used():
        trace = TraceParent()
        heard = DIALECTS["chat"].ask(client, "How many sheep?", model=name, headers=key | trace.headers)
        logged = [row["standard_logging_object"] for row in spend.wait_rows(rows, trace=trace.trace_id)]
        paid = sum(row["total_tokens"] for row in logged if row["response_cost"])
        return int(heard.headers["x-ratelimit-api_key-remaining-tokens"]), sum(heard.usage), paid

    before, used, paid = left_and_used()
    after, *_ = left_and_used()
    assert before - after == used < paid


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("check", [Reply(hang=True), Reply(status=500, error="no"), Reply("Perhaps", dialect="none")])
def test_asking_in_vain_is_what_the_gate_says_it_is(client, upstream, stream, check):
    silent_small(upstream, check=check)
    heard = ask(client, "late", stream=stream)
    assert (heard.status, heard.text, heard.cascade("reason")) == (200, LARGE_SAYS, "unknown_confidence")
    assert heard.cascade("degraded").startswith("small_self_check_")


def test_where_there_are_log_probabilities_they_count_and_not_the_word(client, upstream):
    rather_something_else = Reply(tokens=[TokenLogprob("True", -1.5, (-0.3, -1.5))], finish_reason="length")
    silent_small(upstream, check=rather_something_else)
    assert ask(client, "checked", stream=False).cascade("degraded") == "small_self_check_unclear"
    assert upstream.asked("small")[1].body["top_logprobs"] == 5


@pytest.mark.parametrize("stream", [False, True])
def test_a_rung_that_refuses_log_probabilities_is_asked_without_them(client, upstream, collector, trace, stream):
    silent_small(upstream)
    heard = ask(client, "unseeing", stream=stream, trace=trace)
    assert (heard.status, heard.text, heard.cascade("reason")) == (200, SMALL_SAYS, "confident")
    assert all("logprobs" not in seen.body for seen in upstream.asked("o3-mini"))
    spans = collector.wait_for_trace(trace.trace_id, "cascade.attempt blind")
    (attempt,) = [span for span in spans if span.name == "cascade.attempt blind"]
    assert attempt.attributes["cascade.dropped_parameters"] == ("logprobs",)


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_call_is_checked_as_one(client, upstream, stream):
    call = Reply(tool_calls=[ToolCall("weather", '{"city": "Bern"}')], dialect="none")
    upstream.script("small", lambda seen: Reply("True", dialect="none") if is_check(seen) else call)
    heard = ask(client, "checked", stream=stream, with_tool=True)
    assert (heard.tools, heard.cascade("reason")) == (["weather"], "confident")
    assert "tools" not in upstream.asked("small")[1].body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("asked", [{}, {"logprobs": True}, {"logprobs": True, "top_logprobs": 2}])
def test_a_score_over_alternatives_shows_the_client_no_more_than_it_asked_for(client, upstream, stream, asked):
    upstream.script("small", Reply(SMALL_SAYS, logprob=-0.01))
    body = DIALECTS["chat"].body("How many sheep?", model="certain", stream=stream) | asked
    response = client.post("/v1/chat/completions", json=body, headers=TEAM_KEY)
    assert (response.status_code, response.headers["x-cascade-reason"]) == (200, "confident")
    seen = upstream.asked("small")[0].body
    assert (seen["logprobs"], seen["top_logprobs"]) == (True, 5)
    shown = len(SMALL_SAYS.split()) * (1 + asked.get("top_logprobs", 0)) if asked else 0
    assert response.text.count('"logprob":') == shown
