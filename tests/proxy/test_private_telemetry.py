"""Without LiteLLM's ``otel`` callback the plugin exports by itself, to wherever OTEL_EXPORTER_OTLP_ENDPOINT points."""

import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply


@pytest.fixture(scope="module")
def lonely_proxy(start_proxy, upstream_server):
    config = cascade_config(upstream_server.url)
    config["litellm_settings"]["callbacks"].remove("otel")
    return start_proxy(config)


@pytest.mark.parametrize("stream", [False, True])
def test_spans_continue_the_clients_trace_without_litellms_telemetry(lonely_proxy, upstream, collector, trace, stream):
    upstream.script("small", Reply("not quite sure about that one", logprob=-2.0))
    with lonely_proxy.client() as client:
        DIALECTS["chat"].ask(client, "hello", stream=stream, headers=trace.headers)
    spans = collector.wait_for_trace(trace.trace_id, "cascade.route", "cascade.classify", "cascade.attempt small", "cascade.attempt large")
    route = next(span for span in spans if span.name == "cascade.route")
    assert {span.name for span in collector.children(route)} == {"cascade.classify", "cascade.attempt small", "cascade.attempt large"}
    assert route.resource["service.name"] == "litellm"


def test_no_span_holds_a_word_of_the_conversation(lonely_proxy, upstream, collector, trace):
    upstream.script("small", Reply("CANARYANSWER and some more words", logprob=-2.0))
    upstream.script("large", Reply("CANARYANSWER again"))
    with lonely_proxy.client() as client:
        assert DIALECTS["chat"].ask(client, "CANARYPROMPT please", headers=trace.headers).status == 200
    assert "CANARY" not in str(collector.wait_for_trace(trace.trace_id, "cascade.route"))
    assert "CANARY" not in lonely_proxy.log()
