"""The harness itself, against a real proxy without the plugin."""

import json

import httpx
import pytest
from harness.configs import plain_config

from litellm_cascade.testing.upstream import Reply

ASK = {"model": "small", "messages": [{"role": "user", "content": "hi"}]}


def events(response):
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_a_whole_answer_passes_through(upstream, plain_client):
    upstream.script("small", Reply("Paris it is"))
    answer = plain_client.post("/v1/chat/completions", json=ASK).raise_for_status().json()
    assert answer["choices"][0]["message"]["content"] == "Paris it is"
    assert upstream.wait_for(lambda seen: seen.finished).model == "small"


def test_a_stream_passes_through(upstream, plain_client):
    upstream.script("small", Reply("Paris it is"))
    chunks = events(plain_client.post("/v1/chat/completions", json={**ASK, "stream": True}))
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == "Paris it is"
    assert upstream.wait_for(lambda seen: seen.finished).stream


def test_a_call_leaves_a_spend_row_with_its_cost(upstream, spend, plain_client):
    upstream.script("large", Reply("a b", input_tokens=8))
    call = plain_client.post("/v1/chat/completions", json={**ASK, "model": "large"}).headers["x-litellm-call-id"]
    (row,) = spend.wait_rows(1, call=call)
    assert (row["kind"], row["internal_call_origin"]) == ("success", None)
    logged = row["standard_logging_object"]
    assert (logged["model_group"], logged["prompt_tokens"], logged["completion_tokens"]) == ("large", 8, 2)
    assert logged["response_cost"] == pytest.approx(10 * 9e-5)


def test_a_failed_call_leaves_a_failure_row(upstream, spend, plain_client):
    upstream.script("small", Reply(status=400, error="no"))
    response = plain_client.post("/v1/chat/completions", json=ASK)
    assert response.status_code == 400
    assert {row["kind"] for row in spend.wait_rows(1, call=response.headers["x-litellm-call-id"])} == {"failure"}


def test_litellms_own_spans_continue_the_clients_trace(upstream, collector, trace, plain_client):
    plain_client.post("/v1/chat/completions", json=ASK, headers=trace.headers)
    spans = collector.wait_for_trace(trace.trace_id, "Received Proxy Server Request", "litellm_request")
    root, asked = (next(span for span in spans if span.name == name) for name in ("Received Proxy Server Request", "litellm_request"))
    assert asked.parent_id == root.span_id
    assert (asked.attributes["gen_ai.usage.output_tokens"], asked.resource["service.name"]) == (3, "litellm")


def test_a_spend_row_names_its_trace(upstream, spend, trace, plain_client):
    call = plain_client.post("/v1/chat/completions", json=ASK, headers=trace.headers).headers["x-litellm-call-id"]
    (row,) = spend.wait_rows(1, trace=trace.trace_id)
    assert row["standard_logging_object"]["litellm_call_id"] == call


def test_the_processor_time_of_the_proxy_can_be_read(plain_proxy):
    assert plain_proxy.cpu_seconds() > 0


def test_a_start_up_failure_shows_its_reason(prepare_proxy, upstream_server):
    broken = plain_config(upstream_server.url, litellm_settings={"callbacks": ["no_such_file.thing"]})
    code, log = prepare_proxy(broken).expect_exit()
    assert code != 0
    assert "no_such_file" in log


def test_a_proxy_that_does_not_come_up_shows_the_end_of_its_log(prepare_proxy, upstream_server):
    broken = plain_config(upstream_server.url, litellm_settings={"callbacks": ["no_such_file.thing"]})
    with pytest.raises(AssertionError, match="no_such_file"):
        prepare_proxy(broken).start()


def test_a_client_that_leaves_a_stream_is_seen_by_the_model_server(upstream, plain_client):
    upstream.script("small", Reply("a b c d", hang_after=2))
    with plain_client.stream("POST", "/v1/chat/completions", json={**ASK, "stream": True}):
        upstream.wait_for(lambda seen: seen.tokens_sent == 2)
    assert not upstream.wait_for(lambda seen: seen.disconnected).finished


def test_a_client_that_stops_waiting_is_seen_by_the_model_server(upstream, plain_client):
    upstream.script("small", [Reply("warm"), Reply(hang=True)])
    plain_client.post("/v1/chat/completions", json=ASK)  # a proxy's first request can take longer than the client waits here
    with pytest.raises(httpx.ReadTimeout):
        plain_client.post("/v1/chat/completions", json=ASK, timeout=0.5)
    assert not upstream.wait_for(lambda seen: seen.disconnected).finished


@pytest.mark.parametrize("verb", ["generateContent", "streamGenerateContent"])
def test_generate_content_reaches_the_fake_directly(upstream, plain_client, verb):
    upstream.script("gem", Reply("Paris it is"))
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    response = plain_client.post(f"/v1beta/models/gem:{verb}", json=body).raise_for_status()
    assert "Paris" in response.text
    assert upstream.wait_for(lambda seen: seen.finished).path == f"/v1beta/models/gem:{verb}"


def test_the_virtual_alias_is_answered_by_a_model_behind_it(upstream, client):
    upstream.script("small", Reply("Paris it is"))
    answer = client.post("/v1/chat/completions", json={**ASK, "model": "auto"}).raise_for_status()
    assert answer.json()["choices"][0]["message"]["content"] == "Paris it is"
    assert [seen.model for seen in upstream.requests] == ["small"]
