"""Two proxies share one classifier service. It is killed under load: every request goes on, and it is used again when it is back."""

import threading
import time
from itertools import count

import httpx
import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.service import ServiceProcess
from litellm_cascade.testing.upstream import Reply
from waiting import until

COOL_OFF_S = 0.5
PATIENT = {"timeout_ms": 2_000, "failures": 2, "cool_off_seconds": COOL_OFF_S, "fallback": "linear"}  # CI machines are slow


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with ServiceProcess(tmp_path_factory.mktemp("service"), arguments=["--option", "milliseconds=5", "--drain-seconds", "0"]) as running:
        yield running


@pytest.fixture(scope="module")
def proxies(start_proxy, upstream_server, service):
    classifier = {"name": "remote", "within_ms": 4_000, "options": {"url": service.url, **PATIENT}}
    settings = {"policies": "policies", "debug_headers": True, "classifier": classifier}
    config = cascade_config(upstream_server.url, callback_settings={"cascade": settings})
    return [start_proxy(config) for _ in range(2)]


@pytest.fixture
def ask(proxies, upstream):
    """Asks one of the proxies something that has not been asked before, and says what was degraded."""
    upstream.script("small", Reply("fine", logprob=-0.01))
    numbers = count(time.monotonic_ns())

    def asked(which, headers=None):
        with proxies[which].client() as client:
            heard = DIALECTS["chat"].ask(client, f"hello {next(numbers)}", headers=headers)
        return heard.status, heard.cascade("degraded") or ""

    return asked


def prompts_computed(service):
    text = httpx.get(service.url + "/metrics", trust_env=False).text
    return float(next(line for line in text.splitlines() if line.startswith("cascade_service_batch_prompts_sum")).split()[1])


def classified_by(collector, trace):
    spans = collector.wait_for_trace(trace.trace_id, "cascade.route")
    return next(span for span in spans if span.name == "cascade.classify").attributes["cascade.classifier"]


def test_both_proxies_are_answered_by_the_one_service(ask, service, collector, trace):
    before = prompts_computed(service)
    assert [ask(which, trace.headers) for which in (0, 1)] == [(200, ""), (200, "")]
    assert prompts_computed(service) == before + 2
    assert classified_by(collector, trace) == "remote"


def test_a_service_killed_under_load_costs_no_request_and_is_used_again(ask, service, collector, trace):
    heard, stop = ([], []), threading.Event()

    def call(which):
        while not stop.is_set():
            heard[which].append(ask(which))

    callers = [threading.Thread(target=call, args=(which,)) for which in (0, 1) for _ in range(4)]
    for caller in callers:
        caller.start()
    until(lambda: all(len(one) > 10 for one in heard))

    service.kill()
    until(lambda: all(one[-1] == (200, "remote_unavailable") for one in heard))
    assert ask(0, trace.headers) == (200, "remote_unavailable")
    assert classified_by(collector, trace) == "linear"

    service.start()
    until(lambda: all(one[-1] == (200, "") for one in heard))
    stop.set()
    for caller in callers:
        caller.join()
    assert {status for one in heard for status, _ in one} == {200}
    assert {degraded for one in heard for _, degraded in one} <= {"", "remote_unavailable", "remote_late"}
