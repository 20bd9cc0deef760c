"""The classifier ``nvidia`` in a real proxy, with weights of the published layout and a small size."""

import hashlib

import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS
from prometheus_client.parser import text_string_to_metric_families

from litellm_cascade.classifiers.eight_heads import NVIDIA
from litellm_cascade.classifiers.nvidia.files import FILES
from litellm_cascade.testing.checkpoints import write_checkpoint
from litellm_cascade.testing.upstream import Reply

pytest.importorskip("torch", reason="needs the extra torch")


def configured(upstream_server, **classifier):
    settings = {"policies": "policies", "debug_headers": True, "classifier": {"name": "nvidia", "within_ms": 5_000, **classifier}}
    config = cascade_config(upstream_server.url, callback_settings={"cascade": settings})
    config["litellm_settings"]["callbacks"].append("prometheus")
    return config


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("nvidia") / "checkpoint")


@pytest.fixture(scope="module")
def nvidia_proxy(start_proxy, upstream_server, checkpoint):
    options = {"checkpoint": checkpoint.name, "device": "cpu", "threads": 1}
    return start_proxy(configured(upstream_server, options=options), files=[checkpoint])


def batches(client):
    text = client.get("/metrics", follow_redirects=True).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return next(sample.value for sample in samples if sample.name == "cascade_classifier_batch_size_count")


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_is_classified_by_weights_beside_the_configuration(nvidia_proxy, checkpoint, upstream, collector, trace, stream):
    upstream.script("small", Reply("fine", logprob=-0.01))
    with nvidia_proxy.client() as client:
        before = batches(client)
        heard = DIALECTS["chat"].ask(client, f"write a python story, {stream}", stream=stream, headers=trace.headers)
        assert batches(client) == before + 1
    assert (heard.status, heard.text, heard.cascade("model"), heard.cascade("degraded")) == (200, "fine", "small", None)
    spans = collector.wait_for_trace(trace.trace_id, "cascade.route")
    classify = next(span for span in spans if span.name == "cascade.classify")
    attributes = classify.attributes
    assert attributes["cascade.classifier"] == "nvidia"
    assert (
        attributes["cascade.classifier.digest"]
        == hashlib.sha256(b"".join((checkpoint / name).read_bytes() for name in FILES)).hexdigest()[:16]
    )
    assert attributes["cascade.classifier.device"] == "cpu"
    assert attributes["cascade.classifier.truncated"] is False
    assert 0 <= attributes["cascade.complexity"] <= 1
    assert attributes["cascade.task"] in NVIDIA.task_names


def test_a_folder_that_is_not_there_stops_the_proxy_with_the_sentence_that_mends_it(prepare_proxy, upstream_server):
    code, log = prepare_proxy(configured(upstream_server, options={"checkpoint": "no/such/folder"})).expect_exit()
    assert code != 0
    assert "cascade: callback_settings.cascade.classifier 'nvidia': options.checkpoint: there is no folder" in log
    assert "docs/classifiers.md says how to get one" in log
