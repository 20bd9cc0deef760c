"""A classifier that is dead or late costs evidence, never the request."""

import time

import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply

WITHIN_MS = 100


def with_classifier(start_proxy, upstream_server, name):
    settings = {"policies": "policies", "debug_headers": True, "classifier": {"name": name, "within_ms": WITHIN_MS}}
    config = cascade_config(upstream_server.url, callback_settings={"cascade": settings})
    config["litellm_settings"]["callbacks"].insert(0, "trouble.loaded")
    return start_proxy(config)


@pytest.fixture(scope="module")
def hanging_proxy(start_proxy, upstream_server):
    return with_classifier(start_proxy, upstream_server, "hanging")


@pytest.fixture(scope="module")
def dead_proxy(start_proxy, upstream_server):
    return with_classifier(start_proxy, upstream_server, "dead")


@pytest.mark.parametrize("stream", [False, True])
def test_a_late_classifier_costs_its_deadline_and_no_more(hanging_proxy, upstream, collector, trace, stream):
    upstream.script("small", Reply("fine", logprob=-0.01))
    with hanging_proxy.client() as client:
        began = time.monotonic()
        heard = DIALECTS["chat"].ask(client, "hello", stream=stream, headers=trace.headers)
    assert (heard.status, heard.text, heard.cascade("band")) == (200, "fine", "cascade")
    assert heard.cascade("degraded") == "classifier_late"
    assert time.monotonic() - began < 5  # the classifier itself would take ten seconds
    spans = collector.wait_for_trace(trace.trace_id, "cascade.route")
    classify = next(span for span in spans if span.name == "cascade.classify")
    assert (classify.status, classify.attributes["cascade.degraded"]) == ("ERROR", ("classifier_late",))
    assert classify.attributes["cascade.classifier.ms"] == pytest.approx(WITHIN_MS, rel=1.0)


def test_a_dead_classifier_costs_evidence_not_the_request(dead_proxy, upstream):
    upstream.script("small", Reply("fine", logprob=-0.01))
    with dead_proxy.client() as client:
        degraded = [DIALECTS["chat"].ask(client, f"hello {number}").cascade("degraded") for number in range(7)]
    assert degraded[0] == "classifier_failed"
    assert degraded[-1] == "classifier_open"  # and is not asked again for a while
