"""Who pays, how much, and how often: read off LiteLLM's own ``standard_logging_object``."""

import pytest
from harness.configs import PRICES, cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.telemetry import TraceParent
from litellm_cascade.testing.upstream import Reply

TEAM_KEY = {"Authorization": "Bearer sk-team-7"}


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server):
    """With keys that belong to a team, and a model of that team alone, without a database."""
    config = cascade_config(upstream_server.url, general_settings={"custom_auth": "custom_auth.user_api_key_auth"})
    own = {"team_id": "team-7", "team_public_model_name": "our-auto", "mode": "chat", "disable_background_health_check": True}
    config["model_list"].append({"model_name": "model_name_team-7_1", "litellm_params": {"model": "cascade/test"}, "model_info": own})
    return start_proxy(config)


@pytest.fixture
def escalating(upstream):
    upstream.script("small", Reply("one two three four five six seven eight nine ten eleven twelve", logprob=-3.0))
    upstream.script("large", Reply("the better answer", logprob=-0.01))


def logged(spend, trace, count):
    return [
        row["standard_logging_object"] | {"origin": row["internal_call_origin"]} for row in spend.wait_rows(count, trace=trace.trace_id)
    ]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", DIALECTS)
def test_both_calls_are_billed_to_the_callers_key_and_team_once(client, spend, trace, escalating, name, stream):
    DIALECTS[name].ask(client, "who pays?", stream=stream, headers=trace.headers | TEAM_KEY)
    rows = logged(spend, trace, 3)
    assert sorted(row["model_group"] for row in rows) == ["auto", "large", "small"]
    for row in rows:
        who = row["metadata"]
        assert (who["user_api_key_alias"], who["user_api_key_team_id"], who["user_api_key_user_id"]) == (
            "team seven's key",
            "team-7",
            "user-7",
        )
    by_alias = {row["model_group"]: row for row in rows}
    for alias in ("small", "large"):
        row = by_alias[alias]
        assert row["response_cost"] == pytest.approx(PRICES[alias] * (row["prompt_tokens"] + row["completion_tokens"]))
        assert row["response_cost"] > 0
    assert by_alias["large"]["total_tokens"] == 13


@pytest.mark.parametrize("stream", [False, True])
def test_who_pays_is_not_lost_where_litellm_makes_a_response_of_a_chat(client, spend, trace, collector, escalating, stream):
    """Cursor sends the words of /v1/responses to a route of chats."""
    body = {"model": "auto", "input": "who pays?", "stream": stream}
    answer = client.post("/cursor/chat/completions", json=body, headers=trace.headers | TEAM_KEY)
    assert (answer.status_code, answer.headers["x-cascade-model"], answer.headers["x-cascade-escalated"]) == (200, "large", "true")
    told = {row["model_group"]: row for row in logged(spend, trace, 3)}
    assert {(alias, told[alias]["metadata"]["user_api_key_team_id"]) for alias in ("small", "large")} == {
        ("small", "team-7"),
        ("large", "team-7"),
    }
    routes = [span for span in collector.wait_for_trace(trace.trace_id, "cascade.route") if span.name == "cascade.route"]
    assert [route.attributes["cascade.caller.team"] for route in routes] == ["team-7"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", DIALECTS)
def test_a_team_has_virtual_models_of_its_own(client, spend, trace, escalating, name, stream):
    dialect = DIALECTS[name]
    body = dialect.body("who pays?", stream=stream) | {"model": "our-auto"}
    answer = client.post(dialect.path, json=body, headers=trace.headers | TEAM_KEY)
    assert (answer.status_code, answer.headers["x-cascade-model"], answer.headers["x-cascade-escalated"]) == (200, "large", "true")
    assert {row["metadata"]["user_api_key_team_id"] for row in logged(spend, trace, 3)} == {"team-7"}


def test_several_models_asked_at_once_know_their_caller(client, trace, collector, escalating):
    """LiteLLM takes a list of models, and asks its hooks about none of them."""
    body = {"model": "auto,small", "messages": [{"role": "user", "content": "who asks?"}]}
    answer = client.post("/v1/chat/completions", json=body, headers=trace.headers | TEAM_KEY)
    assert [one["choices"][0]["message"]["content"][:17] for one in answer.json()] == ["the better answer", "one two three fou"]
    (route,) = [span for span in collector.wait_for_trace(trace.trace_id, "cascade.route") if span.name == "cascade.route"]
    assert route.attributes["cascade.caller.team"] == "team-7"


@pytest.mark.parametrize("stream", [False, True])
def test_the_virtual_alias_has_no_price(client, spend, trace, escalating, stream):
    DIALECTS["chat"].ask(client, "who pays?", stream=stream, headers=trace.headers | TEAM_KEY)
    (own,) = [row for row in logged(spend, trace, 3) if row["model_group"] == "auto"]
    assert own["origin"] is None
    assert own["response_cost"] in (0, 0.0, None)
    assert own["total_tokens"] == 13


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("escalates", [False, True])
def test_tokens_count_once_against_limits(client, upstream, spend, stream, escalates):
    upstream.script("small", Reply("a sure answer of small", logprob=-3.0 if escalates else -0.01))
    upstream.script("large", Reply("a sure answer of large", logprob=-0.01))
    key = {"Authorization": f"Bearer sk-team-7-{stream}-{escalates}"}
    rows = 3 if escalates else 2
    before = remaining_tokens(client, spend, key, rows)
    asked(client, spend, key, rows, stream=stream)
    after = remaining_tokens(client, spend, key, rows)
    assert before - after == 15 + 15  # what the first of the three used, and what the one in the middle used


def remaining_tokens(client, spend, key, rows):
    """What LiteLLM's limiter says is left with this request reserved. (It says so for whole answers only.)"""
    return int(asked(client, spend, key, rows, stream=False).headers["x-ratelimit-api_key-remaining-tokens"])


def asked(client, spend, key, rows, *, stream):
    """Ask, and return when LiteLLM has logged and counted it."""
    trace = TraceParent()
    heard = DIALECTS["chat"].ask(client, "hello", stream=stream, headers=key | trace.headers)
    spend.wait_rows(rows, trace=trace.trace_id)
    return heard


@pytest.mark.parametrize("stream", [False, True])
def test_the_spend_row_tells_the_decision(client, spend, trace, escalating, stream):
    DIALECTS["chat"].ask(client, "who pays?", stream=stream, headers=trace.headers | TEAM_KEY)
    for row in logged(spend, trace, 3):
        told = row["metadata"]["spend_logs_metadata"]["cascade"]
        assert (told["policy"], told["band"], told["ladder"]) == ("test", "cascade", ["small", "large"])
        assert told["digest"].startswith("sha256:")


def test_a_short_stream_that_ends_while_it_is_held_is_billed_once(client, upstream, spend, trace):
    upstream.script("small", Reply("one two", logprob=-3.0))
    upstream.script("large", Reply("the better answer", logprob=-0.01))
    assert DIALECTS["chat"].ask(client, "briefly", stream=True, headers=trace.headers | TEAM_KEY).text == "the better answer"
    logged(spend, trace, 3)
    DIALECTS["chat"].ask(client, "and now something else", headers=TEAM_KEY)  # whatever was still to be logged has had its time
    assert sorted(row["model_group"] for row in logged(spend, trace, 3)) == ["auto", "large", "small"]
