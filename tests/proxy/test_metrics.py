"""What Prometheus reads of a real proxy: on LiteLLM's /metrics, on a port of our own, and of several workers together."""

import random
import socket
from contextlib import ExitStack

import httpx
import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS
from harness.workers import at_once
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.parser import text_string_to_metric_families

from litellm_cascade.testing.proxy import free_port
from litellm_cascade.testing.upstream import Reply
from waiting import until

UNSURE = Reply("a guess", logprob=-2.0)
ESCALATED = {
    ("cascade_requests_total", "large"): 1,
    ("cascade_escalations_total", "low_confidence"): 1,
    ("cascade_confidence_count", "mean"): 1,
    ("cascade_classifier_seconds_count", ""): 1,
}
LABEL = {"cascade_requests_total": "alias", "cascade_escalations_total": "reason", "cascade_confidence_count": "score"}


def read(text):
    """Samples of ours by name and the label that tells them apart."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(s.name, s.labels.get(LABEL.get(s.name, "kind"), "")): s.value for s in samples if s.name.startswith("cascade_")}


def counted_of_an_escalation(client, upstream, scrape, **options):
    before = read(scrape())
    upstream.script("small", UNSURE)
    heard = DIALECTS["chat"].ask(client, "hello", **options)
    assert heard.cascade("model") == "large"
    until(lambda: read(scrape()).get(("cascade_requests_total", "large"), 0) > before.get(("cascade_requests_total", "large"), 0))
    return {key: value - before.get(key, 0) for key, value in read(scrape()).items()}


@pytest.fixture(scope="module")
def own_port():
    return free_port()


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server, own_port):
    """One proxy with both: LiteLLM's endpoint and a port of our own."""
    config = cascade_config(upstream_server.url, callback_settings={"cascade": {"policies": "policies", "metrics_port": own_port}})
    config["litellm_settings"]["callbacks"].append("prometheus")
    return start_proxy(config)


@pytest.fixture(params=["litellm", "own"])
def scrape(request, client, own_port):
    if request.param == "litellm":
        return lambda: client.get("/metrics/").raise_for_status().text
    return lambda: httpx.get(f"http://127.0.0.1:{own_port}/metrics", trust_env=False).raise_for_status().text


@pytest.mark.parametrize("stream", [False, True])
def test_an_escalation_is_read_wherever_prometheus_looks(client, upstream, scrape, stream):
    counted = counted_of_an_escalation(client, upstream, scrape, stream=stream)
    assert {key: counted[key] for key in ESCALATED} == ESCALATED
    actual, small, large = (counted["cascade_cost_usd_total", kind] for kind in ("actual", "all_small", "all_large"))
    assert 0 < small < large < actual  # both models were paid


def test_a_direct_answer_and_a_failed_model_are_read_too(client, upstream, scrape):
    before = read(scrape())
    upstream.script("small", Reply(status=500))
    DIALECTS["chat"].ask(client, "hello")
    until(lambda: read(scrape()).get(("cascade_degraded_total", ""), 0) > before.get(("cascade_degraded_total", ""), 0))
    assert 'cascade_degraded_total{reason="small_failed"}' in scrape()


def test_nothing_that_was_said_is_read(client, upstream, scrape):
    canary = "the-secret-canary-sings"
    upstream.script("small", Reply(canary))
    DIALECTS["chat"].ask(client, canary)
    assert canary not in scrape()


def test_the_own_port_listens_on_the_loopback_address_alone(proxy, own_port):
    del proxy
    with socket.socket() as probe:  # another address of this machine's loopback network is free to be taken
        probe.bind(("127.0.0.2", own_port))
    assert httpx.get(f"http://127.0.0.1:{own_port}/", trust_env=False).is_success


def test_the_counts_of_two_workers_add_up(start_proxy, upstream_server, upstream, tmp_path):
    shared, port, litellms_port = tmp_path / "shared", free_port(), free_port()
    shared.mkdir()
    config = cascade_config(upstream_server.url, callback_settings={"cascade": {"policies": "policies", "metrics_port": port}})
    arguments = ("--num_workers", "2", "--timeout_worker_healthcheck", "90", "--prometheus_metrics_port", str(litellms_port))
    two = start_proxy(config, env={"PROMETHEUS_MULTIPROC_DIR": str(shared)}, arguments=arguments, ready_within_s=240)
    sent = 0
    with ExitStack() as connections:
        while len(workers_that_counted(shared)) < 2:
            assert sent < 400, "one worker got every request"
            sent += len(at_once(two, lambda client: DIALECTS["chat"].ask(client, f"hello {random.random()}"), connections))
    for url in (f"http://127.0.0.1:{port}/metrics", f"http://127.0.0.1:{litellms_port}/metrics/"):
        until(lambda url=url: requests_at(url) >= sent)
        assert requests_at(url) == sent == sum(workers_that_counted(shared).values())


def requests_at(url):
    samples = read(httpx.get(url, trust_env=False).raise_for_status().text)
    return sum(value for (name, _), value in samples.items() if name == "cascade_requests_total")


def workers_that_counted(shared):
    """How many requests each worker has counted, by its file."""
    counts = {}
    for path in shared.glob("counter_*.db"):
        values = [value for key, value, *_ in MmapedDict.read_all_values_from_file(str(path)) if '"cascade_requests_total"' in key]
        if values:
            counts[path.name] = sum(values)
    return counts
