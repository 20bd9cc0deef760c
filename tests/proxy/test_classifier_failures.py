"""A classifier that is dead or late costs evidence, never the request."""

import asyncio
import time

import httpx
import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply

WITHIN_MS = 100
CALLERS = 64
FAILURES_TO_OPEN = 5
HANGS_MS = 10_000
LAG_MS = 4000
"""What the proxy's event loop may need to get round to 64 requests at once, on a machine that many others share. Were they to wait for one
another, the last would wait for 64 deadlines: 6,400 ms."""


def with_classifier(start_proxy, upstream_server, name):
    settings = {"policies": "policies", "debug_headers": True, "classifier": {"name": name, "within_ms": WITHIN_MS}}
    config = cascade_config(upstream_server.url, callback_settings={"cascade": settings})
    config["litellm_settings"]["callbacks"] = ["trouble.loaded", *config["litellm_settings"]["callbacks"], "prometheus"]
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


def test_a_dead_classifier_costs_evidence_not_the_request(dead_proxy, upstream, collector, trace):
    upstream.script("small", Reply("fine", logprob=-0.01))
    with dead_proxy.client() as client:
        heard = [DIALECTS["chat"].ask(client, f"hello {number}") for number in range(FAILURES_TO_OPEN + 1)]
        last = DIALECTS["chat"].ask(client, "hello again", headers=trace.headers)
        metrics = client.get("/metrics/").text
    assert {(one.status, one.text, one.cascade("band")) for one in (*heard, last)} == {(200, "fine", "cascade")}
    assert [one.cascade("degraded") for one in heard] == ["classifier_failed"] * FAILURES_TO_OPEN + ["classifier_open"]
    assert last.cascade("degraded") == "classifier_open", "and is not asked again for a while"
    spans = collector.wait_for_trace(trace.trace_id, "cascade.route")
    classify = next(span for span in spans if span.name == "cascade.classify")
    assert (classify.status, classify.attributes["cascade.degraded"]) == ("ERROR", ("classifier_open",))
    assert f'cascade_degraded_total{{reason="classifier_failed"}} {FAILURES_TO_OPEN}.0' in metrics
    assert 'cascade_degraded_total{reason="classifier_open"} 2.0' in metrics


@pytest.fixture(scope="module")
def crowded_proxy(start_proxy, upstream_server):
    """Its own, for its breaker opens."""
    return with_classifier(start_proxy, upstream_server, "hanging")


async def crowd(proxy):
    """What as many callers at once hear: the status, and what went wrong."""
    body = DIALECTS["chat"].body("hello")
    limits = httpx.Limits(max_connections=CALLERS)
    headers = {"Authorization": f"Bearer {proxy.key}"}
    async with httpx.AsyncClient(base_url=proxy.url, headers=headers, timeout=60, limits=limits, trust_env=False) as client:

        async def call():
            answer = await client.post(DIALECTS["chat"].path, json=body)
            return answer.status_code, answer.headers.get("x-cascade-degraded", "")

        return await asyncio.gather(*(call() for _ in range(CALLERS)))


async def test_a_hanging_classifier_delays_none_of_64_callers_by_more_than_its_deadline(crowded_proxy, upstream, collector):
    upstream.script("small", Reply("fine", logprob=-0.01))
    first, second = await crowd(crowded_proxy), await crowd(crowded_proxy)
    assert {status for status, _ in (*first, *second)} == {200}
    assert all("classifier_late" in degraded or "classifier_open" in degraded for _, degraded in first)
    assert sum("classifier_late" in degraded for _, degraded in first) >= 5, "only then does the breaker open"
    assert sum("classifier_late" in degraded for _, degraded in second) <= 1, "at most one tries it again"
    spans = collector.wait_until(lambda spans: sum(span.name == "cascade.classify" for span in spans) >= 2 * CALLERS, timeout=30)
    waited = [span.attributes["cascade.classifier.ms"] for span in spans if span.name == "cascade.classify"]
    assert len(waited) == 2 * CALLERS
    assert max(waited) < WITHIN_MS + LAG_MS < min(HANGS_MS, CALLERS * WITHIN_MS)
