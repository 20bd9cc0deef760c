"""The transformer of the package in a real proxy: traces name it and hold what it believes."""

import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply
from litellm_cascade.vocabulary import DIMENSIONS


@pytest.fixture(scope="module")
def embedded_proxy(start_proxy, upstream_server):
    settings = {"policies": "policies", "debug_headers": True, "classifier": {"name": "embedded", "within_ms": 5000}}
    return start_proxy(cascade_config(upstream_server.url, callback_settings={"cascade": settings}))


@pytest.mark.parametrize("stream", [False, True])
def test_the_trace_names_the_classifier_and_what_it_believes(embedded_proxy, upstream, collector, trace, stream):
    upstream.script("small", Reply("fine", logprob=-0.01))
    with embedded_proxy.client() as client:
        asked = f"Translate this sentence into French: the library is open when {stream} is said."
        heard = DIALECTS["chat"].ask(client, asked, stream=stream, headers=trace.headers)
    assert (heard.status, heard.text) == (200, "fine")
    assert heard.cascade("degraded") is None
    spans = collector.wait_for_trace(trace.trace_id, "cascade.route")
    classified = next(span for span in spans if span.name == "cascade.classify").attributes
    assert (classified["cascade.classifier"], classified["cascade.task"]) == ("embedded", "Rewrite")
    assert len(classified["cascade.classifier.digest"]) == 16
    assert 0 <= classified["cascade.small_copes"] <= 1
    assert -1 <= classified["cascade.gain"] <= 1
    assert {f"cascade.dimension.{dimension}" for dimension in DIMENSIONS} < set(classified)


def test_weights_that_are_not_there_stop_the_proxy_with_a_sentence(prepare_proxy, upstream_server):
    settings = {"policies": "policies", "classifier": {"name": "embedded", "options": {"weights": "nowhere"}}}
    code, log = prepare_proxy(cascade_config(upstream_server.url, callback_settings={"cascade": settings})).expect_exit()
    assert code != 0
    assert "classifier 'embedded': cannot read" in log
    assert "nowhere/model.onnx" in log
