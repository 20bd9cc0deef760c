"""Other shapes than a plain cascade, against a real proxy: hedged starts, ensembles, drafts that are carried over."""

import pytest
from harness.configs import shapes_config
from harness.dialects import ALL, DIALECTS, every
from harness.looking import attempts, bills, cost, leave_after_a_second

from litellm_cascade.testing.upstream import Reply, ToolCall

SURE, UNSURE = -0.01, -2.0
SMALL_SAYS = "The small one says plenty of words about this matter here"
LARGE_SAYS = "The large one knows better than that"
SLOWLY = 0.04  # seconds for a token


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server):
    return start_proxy(shapes_config(upstream_server.url))


@pytest.fixture
def small_is_sure(upstream):
    upstream.script("small", Reply(SMALL_SAYS, logprob=SURE, per_token_delay_s=SLOWLY))
    upstream.script("large", Reply(LARGE_SAYS * 5, logprob=SURE, per_token_delay_s=SLOWLY))


@pytest.fixture
def small_is_unsure(upstream):
    upstream.script("small", Reply(SMALL_SAYS, logprob=UNSURE, per_token_delay_s=SLOWLY))
    upstream.script("large", Reply(LARGE_SAYS, logprob=SURE, per_token_delay_s=SLOWLY))


# --- hedge: both at once -------------------------------------------------------------------------------------------------------------


@every(*ALL)
def test_a_hedge_that_is_not_needed_is_closed_and_billed_for_what_it_produced(
    client, upstream, spend, collector, trace, small_is_sure, dialect, stream
):
    heard = dialect.ask(client, "hello", stream=stream, headers=trace.headers, model="hedged")
    assert (heard.status, heard.text) == (200, SMALL_SAYS)
    assert [heard.cascade(name) for name in ("model", "escalated", "reason")] == ["small", "false", "confident"]
    assert upstream.wait_for(lambda seen: seen.model == "large" and seen.disconnected).tokens_sent < 31
    rungs, (own,) = bills(spend, heard, trace, 3)
    large = rungs["large"]["standard_logging_object"]
    assert 1 <= large["completion_tokens"] < 31
    assert large["response_cost"] == cost("large", large["prompt_tokens"], large["completion_tokens"])
    assert rungs["small"]["standard_logging_object"]["response_cost"] == cost("small", 10, 11)
    assert not own["standard_logging_object"]["response_cost"]
    route, tried = attempts(collector, trace)
    assert (route.attributes["cascade.hedge"], route.attributes["cascade.escalated"]) == (True, False)
    assert tried["large"].attributes["cascade.spare"] is True
    assert tried["large"].attributes["gen_ai.usage.output_tokens"] == large["completion_tokens"]
    assert "cascade.decision" not in tried["large"].attributes
    assert ("cascade.first_token_ms" in route.attributes) is stream
    assert ("cascade.hold_ms" in tried["small"].attributes) is stream


@every(*ALL)
def test_a_hedge_is_under_way_when_the_small_answer_is_rejected(
    client, upstream, spend, collector, trace, small_is_unsure, dialect, stream
):
    heard = dialect.ask(client, "hello", stream=stream, headers=trace.headers, model="hedged")
    assert (heard.status, heard.text) == (200, LARGE_SAYS)
    assert "small one" not in heard.raw
    assert [heard.cascade(name) for name in ("model", "escalated", "reason")] == ["large", "true", "low_confidence"]
    (small,), (large,) = upstream.asked("small"), upstream.asked("large")
    assert upstream.wait_for(lambda seen: seen.model == "small" and seen.ended_at is not None)
    assert large.started_at < small.ended_at
    assert "logprobs" not in large.body
    rungs, _ = bills(spend, heard, trace, 3)
    assert rungs["large"]["standard_logging_object"]["response_cost"] == cost("large", 10, 7)
    _, tried = attempts(collector, trace)
    assert "cascade.spare" not in tried["large"].attributes
    assert tried["large"].attributes["cascade.cost_usd"] == cost("large", 10, 7)


@every(*ALL)
def test_a_hedge_answers_when_the_small_model_fails(client, upstream, small_is_sure, dialect, stream):
    upstream.script("small", Reply(status=500, error="out of order"))
    upstream.script("large", Reply(LARGE_SAYS, logprob=SURE))
    heard = dialect.ask(client, "hello", stream=stream, model="hedged")
    assert (heard.status, heard.text) == (200, LARGE_SAYS)
    assert [heard.cascade(name) for name in ("model", "reason", "degraded")] == ["large", "error", "small_failed"]


@every(*ALL)
@pytest.mark.parametrize("large", [Reply(status=500, error="out of order"), Reply(hang=True)], ids=["fails", "hangs"])
def test_a_hedge_that_fails_costs_nothing(client, upstream, small_is_unsure, dialect, stream, large):
    upstream.script("large", large)
    heard = dialect.ask(client, "hello", stream=stream, model="hedged")
    assert (heard.status, heard.text) == (200, SMALL_SAYS)
    assert [heard.cascade(name) for name in ("model", "reason")] == ["small", "kept_earlier"]


@every(*ALL)
def test_a_hedge_that_fails_before_it_is_needed_is_not_needed(client, upstream, small_is_sure, dialect, stream):
    upstream.script("large", Reply(status=500, error="out of order"))
    heard = dialect.ask(client, "hello", stream=stream, model="hedged")
    assert (heard.text, heard.cascade("reason"), heard.cascade("degraded")) == (SMALL_SAYS, "confident", None)


@every(*ALL, but=["completions-stream"])  # there LiteLLM keeps a stream whose client left before its first text, with or without the plugin
def test_a_client_that_leaves_while_it_waits_closes_both(client, upstream, collector, trace, dialect, stream):
    dialect.ask(client, "hello", stream=stream, model="hedged")  # the first request of a kind takes LiteLLM longer than this client waits
    upstream.clear()
    upstream.script("small", Reply(SMALL_SAYS * 20, logprob=SURE, per_token_delay_s=0.5))
    upstream.script("large", Reply(LARGE_SAYS * 20, logprob=SURE, per_token_delay_s=0.2))
    leave_after_a_second(client, dialect, dialect.body("hello", stream=stream, model="hedged"), trace)
    for alias in ("small", "large"):
        assert upstream.wait_for(lambda seen, alias=alias: seen.model == alias and seen.disconnected, timeout=20)
    route, _ = attempts(collector, trace)
    assert route.attributes["cascade.reason"] == "client_gone"


@every("chat", "messages", "responses")
def test_a_hedge_may_call_tools(client, upstream, small_is_unsure, dialect, stream):
    upstream.script("large", Reply(tool_calls=[ToolCall("weather", '{"city": "Bern"}')], tool_pieces=4))
    heard = dialect.ask(client, "hello", stream=stream, with_tool=True, model="hedged")
    assert (heard.status, heard.tools, heard.cascade("model")) == (200, ["weather"], "large")


def test_a_hedge_for_several_choices_has_all_of_them(client, upstream, small_is_unsure):
    heard = DIALECTS["chat"].ask(client, "hello", n=2, model="hedged")
    assert (heard.texts, heard.cascade("model")) == ([LARGE_SAYS, LARGE_SAYS], "large")


# --- carry_over: a draft to improve ----------------------------------------------------------------------------------------------------


@every(*ALL)
def test_a_rejected_draft_is_handed_to_the_large_model(client, upstream, small_is_unsure, dialect, stream):
    heard = dialect.ask(client, "hello", stream=stream, model="drafted")
    assert (heard.status, heard.text) == (200, LARGE_SAYS)
    (large,), (small,) = upstream.asked("large"), upstream.asked("small")
    *conversation, draft, request = large.body["messages"]
    assert conversation == small.body["messages"]
    assert (draft["role"], draft["content"], request["role"]) == ("assistant", SMALL_SAYS, "user")
    assert "draft" in request["content"]


@every("chat")
def test_a_draft_follows_an_answer_that_the_client_began_in_one_turn(client, upstream, small_is_unsure, dialect, stream):
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "Well,"}]
    dialect.ask(client, "", stream=stream, model="drafted", messages=messages)
    (large,) = upstream.asked("large")
    assert [message["role"] for message in large.body["messages"]] == ["user", "assistant", "user"]
    assert large.body["messages"][-1]["content"].startswith(SMALL_SAYS)


@every("chat", "messages")
def test_a_call_of_tools_is_no_draft(client, upstream, small_is_unsure, dialect, stream):
    upstream.script("small", Reply("Let me see", tool_calls=[ToolCall("weather", '{"city": "Bern"}')], logprob=UNSURE))
    dialect.ask(client, "hello", stream=stream, with_tool=True, model="drafted")
    assert len(upstream.asked("large")[0].body["messages"]) == 1


# --- ensembles -------------------------------------------------------------------------------------------------------------------------


@every(*ALL)
def test_a_majority_answers(client, upstream, spend, collector, trace, dialect, stream):
    upstream.script("small", Reply("It is 41."))
    upstream.script("sql", Reply("it is 42"))
    upstream.script("large", Reply("It  is 42."))
    heard = dialect.ask(client, "hello", stream=stream, headers=trace.headers, model="voted")
    assert (heard.status, heard.text) == (200, "it is 42")
    assert [heard.cascade(name) for name in ("band", "model", "escalated", "reason")] == ["ensemble", "sql", "false", "vote"]
    assert "is 41" not in heard.raw
    rungs, (own,) = bills(spend, heard, trace, 4)
    assert {alias: row["standard_logging_object"]["response_cost"] for alias, row in rungs.items()} == {
        alias: cost(alias, 10, 3) for alias in ("small", "sql", "large")
    }
    assert not own["standard_logging_object"]["response_cost"]
    route, tried = attempts(collector, trace)
    assert (route.attributes["cascade.ensemble.by"], route.attributes["cascade.attempts"]) == ("vote", 3)
    assert {alias: span.attributes["cascade.served"] for alias, span in tried.items()} == {"small": False, "sql": True, "large": False}
    assert all(not span.links for span in tried.values())
    assert all("logprobs" not in seen.body for seen in upstream.requests)


@every(*ALL)
def test_the_longest_answer_is_served(client, upstream, dialect, stream):
    upstream.script("small", Reply("Short."))
    upstream.script("sql", Reply("A little longer."))
    upstream.script("large", Reply("Tiny"))
    heard = dialect.ask(client, "hello", stream=stream, model="longest")
    assert (heard.text, heard.cascade("model"), heard.cascade("reason")) == ("A little longer.", "sql", "longest")


@every(*ALL)
def test_a_judge_picks(client, upstream, spend, collector, trace, dialect, stream):
    upstream.script("small", Reply("The first opinion"))
    upstream.script("sql", Reply("The second opinion"))
    upstream.script("large", Reply("Candidate 2."))
    heard = dialect.ask(client, "hello", stream=stream, headers=trace.headers, model="judged", temperature=0.5)
    assert (heard.status, heard.text) == (200, "The second opinion")
    assert [heard.cascade(name) for name in ("model", "reason", "attempts")] == ["sql", "judge", "small,sql,large"]
    (judge,) = upstream.asked("large")
    *conversation, candidates, question = judge.body["messages"]
    assert conversation == upstream.asked("small")[0].body["messages"]
    assert "Candidate 2:\nThe second opinion" in candidates["content"]
    assert question["role"] == "user"
    assert "temperature" not in judge.body
    rungs, _ = bills(spend, heard, trace, 4)
    assert rungs["large"]["standard_logging_object"]["response_cost"] == cost("large", 10, 2)
    assert "Candidate" not in heard.raw
    _, tried = attempts(collector, trace)
    assert (tried["large"].attributes["cascade.served"], tried["large"].attributes["cascade.rung"]) == (False, 2)


@every("chat")
@pytest.mark.parametrize(
    ("judge", "why"),
    [(Reply("Both 1 and 2"), "judge_unclear"), (Reply(status=500, error="no"), "judge_failed"), (Reply(hang=True), "judge_late")],
    ids=["unclear", "fails", "hangs"],
)
def test_without_a_judge_the_first_counts(client, upstream, dialect, stream, judge, why):
    upstream.script("small", Reply("The first opinion"))
    upstream.script("sql", Reply("The second opinion"))
    upstream.script("large", judge)
    heard = dialect.ask(client, "hello", stream=stream, model="judged")
    assert (heard.text, heard.cascade("model"), heard.cascade("reason")) == ("The first opinion", "small", "not_judged")
    assert why in heard.cascade("degraded")


@every("chat", "messages")
def test_members_that_fail_or_are_late_are_left_out(client, upstream, dialect, stream):
    upstream.script("small", Reply(status=500, error="out of order"))
    upstream.script("sql", Reply(hang=True))
    upstream.script("large", Reply("Only me"))
    heard = dialect.ask(client, "hello", stream=stream, model="voted")
    assert (heard.status, heard.text, heard.cascade("model")) == (200, "Only me", "large")
    assert sorted(heard.cascade("degraded").split(",")) == ["small_failed", "sql_late"]


@every(*ALL)
def test_when_all_members_fail_the_client_gets_the_real_error(client, upstream, dialect, stream):
    for alias in ("small", "sql"):
        upstream.script(alias, Reply(status=500, error=f"{alias} is out of order"))
    upstream.script("large", Reply(status=429, error="large has no room"))
    heard = dialect.ask(client, "hello", stream=stream, model="voted")
    assert "large has no room" in heard.raw
    assert stream or heard.status == 429


@every("chat")
def test_a_client_that_leaves_an_ensemble_closes_all(client, upstream, trace, dialect, stream):
    dialect.ask(client, "hello", stream=stream, model="voted")
    upstream.clear()
    for alias in ("small", "sql", "large"):
        upstream.script(alias, Reply(SMALL_SAYS, per_token_delay_s=0.5))
    leave_after_a_second(client, dialect, dialect.body("hello", stream=stream, model="voted"), trace)
    upstream.wait_until(lambda seen: len(seen) == 3 and all(one.disconnected for one in seen), timeout=10)
