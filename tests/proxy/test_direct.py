"""Requests that the policy sends straight to one alias keep their native path."""

import base64

import pytest
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply

PIXEL = "data:image/png;base64," + base64.b64encode(b"not much of a picture").decode()
SQL = "Fix this query: SELECT name FROM customers WHERE id = 3 ORDER BY name;"


@pytest.mark.parametrize(
    ("name", "stream"), [("chat", False), ("chat", True), ("completions", False), ("responses", False), ("responses", True)]
)
def test_sql_goes_to_its_specialist(client, upstream, spend, collector, trace, name, stream):
    upstream.script("sql", Reply("SELECT 1"))
    heard = DIALECTS[name].ask(client, SQL, stream=stream, headers=trace.headers)
    assert (heard.status, heard.text) == (200, "SELECT 1")
    assert [heard.cascade(part) for part in ("band", "model", "escalated", "reason")] == ["small", "sql", "false", "direct"]
    assert [seen.model for seen in upstream.requests] == ["sql"]
    assert "logprobs" not in upstream.requests[0].body
    (row,) = spend.wait_rows(1, trace=trace.trace_id)
    assert row["internal_call_origin"] is None
    assert row["standard_logging_object"]["response_cost"] == pytest.approx(5e-6 * 12)
    spans = collector.wait_for_trace(trace.trace_id, "cascade.route", "cascade.attempt sql")
    attempt = next(span for span in spans if span.name == "cascade.attempt sql")
    assert attempt.attributes["cascade.reason"] == "direct"
    assert attempt.attributes["gen_ai.usage.output_tokens"] == 2
    assert collector.parent(attempt).attributes["cascade.final_alias"] == "sql"


def test_a_picture_goes_to_the_large_model(client, upstream):
    parts = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    answer = client.post("/v1/chat/completions", json={"model": "auto", "messages": [{"role": "user", "content": parts}]})
    assert (answer.status_code, answer.headers["x-cascade-band"], answer.headers["x-cascade-model"]) == (200, "large", "large")
    assert [seen.model for seen in upstream.requests] == ["large"]


@pytest.mark.parametrize(
    "more",
    [
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}]},
    ],
    ids=["thinking", "cache_control"],
)
def test_what_a_cascade_would_lose_on_messages_goes_straight_to_the_last_rung(client, upstream, more):
    heard = DIALECTS["messages"].ask(client, "hello", **({"max_tokens": 2000} | more))
    assert (heard.cascade("band"), heard.cascade("model")) == ("large", "large")
    assert {seen.model for seen in upstream.requests} == {"large"}


@pytest.mark.parametrize(
    "more",
    [{"previous_response_id": "resp_1"}, {"tools": [{"type": "web_search_preview"}]}],
    ids=["previous_response_id", "built-in tool"],
)
def test_what_a_cascade_would_lose_on_responses_goes_straight_to_the_last_rung(client, upstream, more):
    heard = DIALECTS["responses"].ask(client, "hello", **more)
    assert (heard.status, heard.cascade("band"), heard.cascade("model")) == (200, "large", "large")
    assert [seen.path for seen in upstream.requests] == ["/v1/responses"]


@pytest.mark.parametrize(
    ("prompt", "more"),
    [(["one question", "another"], {}), ("def f(x):", {"suffix": "return y"}), ("hello", {"echo": True})],
    ids=["several prompts", "suffix", "echo"],
)
def test_what_a_cascade_would_lose_on_completions_goes_straight_to_the_last_rung(client, upstream, prompt, more):
    heard = DIALECTS["completions"].ask(client, prompt, **more)
    assert (heard.status, heard.cascade("band"), heard.cascade("model")) == (200, "large", "large")
    (asked,) = upstream.requests
    assert (asked.path, asked.body["prompt"], asked.body | more) == ("/v1/completions", prompt, asked.body)


def test_generate_content_goes_direct(gemini_client, upstream):
    upstream.script("gem", Reply("a native answer"))
    body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    answer = gemini_client.post("/v1beta/models/auto:generateContent", json=body)
    assert (answer.status_code, answer.headers["x-cascade-model"]) == (200, "gem")
    assert answer.json()["candidates"][0]["content"]["parts"][0]["text"] == "a native answer"


def test_what_is_answered_at_an_endpoint_of_which_we_know_nothing_goes_to_the_last_rung(client, upstream, trace, collector):
    upstream.script("large", Reply("a response"))
    answer = client.post("/interactions", json={"model": "auto", "input": "hello"}, headers=trace.headers)
    assert (answer.status_code, answer.headers["x-cascade-band"], answer.headers["x-cascade-model"]) == (200, "large", "large")
    (asked,) = upstream.requests
    assert asked.body["model"] == "large"
    (route,) = [span for span in collector.wait_for_trace(trace.trace_id, "cascade.route") if span.name == "cascade.route"]
    assert "direct_only:endpoint" in route.attributes["cascade.reasons"]


def test_a_model_that_is_not_ours_is_left_alone(client, upstream):
    answer = client.post("/v1/chat/completions", json={"model": "small", "messages": [{"role": "user", "content": "hi"}]})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("x-cascade")]


@pytest.fixture(scope="module")
def gemini_proxy(start_proxy, upstream_server):
    from harness.configs import cascade_config

    config = cascade_config(upstream_server.url)
    config["model_list"][-1]["litellm_params"]["model"] = "cascade/gemini"
    return start_proxy(config)


@pytest.fixture
def gemini_client(gemini_proxy):
    with gemini_proxy.client() as client:
        yield client


@pytest.mark.parametrize(
    ("path", "body", "wanted"),
    [
        ("/v1/embeddings", {"input": "hello"}, "embeddings"),
        ("/v1/images/generations", {"prompt": "a cat"}, "images"),
        ("/v1/moderations", {"input": "hello"}, "moderations"),
        ("/v1/audio/speech", {"input": "hello", "voice": "alloy"}, "speech"),
        ("/v1/rerank", {"query": "hello", "documents": ["a", "b"]}, "ranking"),
        ("/v1/ocr", {"document": {"type": "document_url", "document_url": "https://127.0.0.1/a.pdf"}}, "OCR"),
        ("/v1/videos", {"prompt": "a cat"}, "videos"),
    ],
)
def test_what_no_chat_model_does_is_refused_in_one_sentence(client, upstream, path, body, wanted):
    answer = client.post(path, json={"model": "auto", **body})
    assert (answer.status_code, answer.json()["error"]["param"], answer.json()["error"]["type"]) == (400, "model", "invalid_request_error")
    assert f"'auto' answers chats, completions, messages and responses, and has no {wanted}; name a model that has" in answer.text
    assert upstream.requests == []


@pytest.mark.parametrize("stream", ["yes", 1, []])
@pytest.mark.parametrize("name", DIALECTS)
def test_a_stream_that_is_neither_true_nor_false_is_refused_in_one_sentence(client, upstream, name, stream):
    dialect = DIALECTS[name]
    answer = client.post(dialect.path, json=dialect.body("hello") | {"stream": stream})
    assert (answer.status_code, upstream.requests) == (400, [])
    assert "'stream' must be true or false" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", DIALECTS)
def test_a_stream_that_is_null_is_none(client, name):
    dialect = DIALECTS[name]
    answer = client.post(dialect.path, json=dialect.body("hello") | {"stream": None})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
