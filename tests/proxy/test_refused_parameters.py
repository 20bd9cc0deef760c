"""Temperature on a reasoning model, a longer answer than a model can write: changed for that deployment alone, and named on its span."""

import pytest
from harness.configs import cascade_config
from harness.dialects import ALL, DIALECTS, every

from litellm_cascade.testing.upstream import Reply


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server):
    """With a large model that refuses a temperature, and others that write little and have no room for the limits below."""
    config = cascade_config(upstream_server.url)
    little = (model for model in config["model_list"] if model["model_name"] in ("small", "sql"))
    for model in little:
        model["model_info"] = {"max_input_tokens": 500, "max_output_tokens": 100}
    large = next(m for m in config["model_list"] if m["model_name"] == "large")
    large["litellm_params"]["model"] = "openai/gpt-5-mini"
    return start_proxy(config)


@pytest.mark.parametrize("stream", [False, True])
def test_a_parameter_is_dropped_for_the_rung_that_refuses_it(client, upstream, collector, trace, stream):
    upstream.script("small", Reply("hm, hm, hm, hm, hm", logprob=-2.0))
    upstream.script("gpt-5-mini", Reply("the answer"))
    heard = DIALECTS["chat"].ask(client, "hello", stream=stream, headers=trace.headers, temperature=0.2)
    assert (heard.status, heard.text) == (200, "the answer")
    assert upstream.asked("small")[0].body["temperature"] == 0.2
    assert "temperature" not in upstream.asked("gpt-5-mini")[0].body
    spans = {span.name: span for span in collector.wait_for_trace(trace.trace_id, "cascade.attempt small", "cascade.attempt large")}
    assert spans["cascade.attempt large"].attributes["cascade.dropped_parameters"] == ("temperature",)
    assert "cascade.dropped_parameters" not in spans["cascade.attempt small"].attributes


def test_a_parameter_is_dropped_for_a_direct_alias_that_refuses_it(client, upstream, collector, trace):
    upstream.script("gpt-5-mini", Reply("a picture"))
    parts = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    body = {"model": "auto", "messages": [{"role": "user", "content": parts}], "temperature": 0.2}
    assert client.post("/v1/chat/completions", json=body, headers=trace.headers).status_code == 200
    assert "temperature" not in upstream.asked("gpt-5-mini")[0].body
    spans = collector.wait_for_trace(trace.trace_id, "cascade.attempt large")
    attempt = next(span for span in spans if span.name == "cascade.attempt large")
    assert attempt.attributes["cascade.dropped_parameters"] == ("temperature",)


def test_a_parameter_that_one_rung_knows_is_no_reason_to_refuse_the_request(client, upstream, collector, trace):
    upstream.script("small", Reply("hm, hm, hm, hm, hm", logprob=-2.0))
    heard = DIALECTS["chat"].ask(client, "hello", headers=trace.headers, verbosity="low")
    assert (heard.status, heard.text) == (200, "Answer of gpt-5-mini.")
    assert "verbosity" not in upstream.asked("small")[0].body
    assert upstream.asked("gpt-5-mini")[0].body["verbosity"] == "low"
    spans = {span.name: span for span in collector.wait_for_trace(trace.trace_id, "cascade.attempt small", "cascade.attempt large")}
    assert spans["cascade.attempt small"].attributes["cascade.dropped_parameters"] == ("verbosity",)


LENGTHS = {"chat": "max_completion_tokens", "responses": "max_output_tokens"}


@every(*ALL)
def test_a_longer_answer_than_a_model_can_write_is_asked_of_who_can(client, upstream, collector, trace, dialect, stream):
    upstream.script("small", Reply("hm, hm, hm, hm, hm", logprob=-2.0))
    upstream.script("gpt-5-mini", Reply("the answer"))
    name = next((LENGTHS[key] for key in LENGTHS if DIALECTS[key] is dialect), "max_tokens")
    heard = dialect.ask(client, "hello", stream=stream, headers=trace.headers, **{name: 900})
    assert (heard.status, heard.text) == (200, "the answer")
    asked = [
        next(limit for key, limit in upstream.asked(model)[0].body.items() if key.startswith("max_")) for model in ("small", "gpt-5-mini")
    ]
    assert asked == [100, 900]
    spans = {span.name: span for span in collector.wait_for_trace(trace.trace_id, "cascade.attempt small", "cascade.attempt large")}
    (lowered,) = spans["cascade.attempt small"].attributes["cascade.dropped_parameters"]
    assert lowered.startswith("max_")
    assert "cascade.dropped_parameters" not in spans["cascade.attempt large"].attributes


@pytest.mark.parametrize(("name", "limit"), [("chat", "max_tokens"), ("responses", "max_output_tokens")])
def test_nor_is_it_asked_of_an_alias_that_the_policy_sends_to(client, upstream, name, limit):
    heard = DIALECTS[name].ask(client, "Fix this query: SELECT name FROM customers WHERE id = 3;", **{limit: 900})
    assert (heard.status, heard.cascade("model")) == (200, "sql")
    assert upstream.asked("sql")[0].body[limit] == 100
