"""A rung that keeps failing is left alone, and comes back when it has recovered."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.configs import BESIDE, cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.escalation import prompts
from litellm_cascade.testing.upstream import Reply
from waiting import until

FAILURES, COOL_OFF_S, SLOW_S = 3, 2.0, 0.5
RUNGS = {"failures": FAILURES, "cool_off_seconds": COOL_OFF_S, "over_seconds": 60, "slow_seconds": SLOW_S, "failing_share": 0.1}
CHECKED = """
version: 1
name: checked
models: {small: {tier: budget}, large: {tier: premium}}
routes: [{name: all, cascade: [small, large], gate: careful}]
gates: {careful: {confidence: {score: self_check}, accept_at: 0.5, unknown: accept}}
"""
BROKEN = Reply(status=500, error="broken")


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ill")
    shutil.copytree(BESIDE[-1], folder, dirs_exist_ok=True)
    (folder / "checked.yaml").write_text(CHECKED)
    settings = {"policies": str(folder), "debug_headers": True, "rungs": RUNGS}
    config = cascade_config(upstream_server.url, callback_settings={"cascade": settings})
    config["model_list"].append({"model_name": "checked", "litellm_params": {"model": "cascade/checked"}})
    config["router_settings"] = {"disable_cooldowns": True}
    config["litellm_settings"]["callbacks"].append("prometheus")
    return start_proxy(config)


@pytest.fixture
def ask(client, upstream):
    """Asks ``auto``; at first every rung is in good health."""

    def asked(**options):
        return DIALECTS["chat"].ask(client, "hello", **options)

    until_back(asked)
    return asked


def until_left_alone(alias, ask):
    """At the latest after as many failures as it takes; earlier ones count as well."""
    found = [ask().cascade("degraded") for _ in range(FAILURES + 1)]
    assert found[-1] == f"rung_open:{alias}", found


def until_back(ask):
    until(ask, lambda heard: heard.cascade("degraded") is None, every_s=0.1)


@pytest.mark.parametrize("stream", [False, True])
def test_a_failing_rung_is_left_alone_and_comes_back(ask, client, upstream, collector, trace, stream):
    upstream.script("small", BROKEN)
    until_left_alone("small", lambda: ask(stream=stream))
    upstream.clear()
    upstream.script("small", BROKEN)
    heard = ask(stream=stream, headers=trace.headers)
    assert (heard.status, heard.text, heard.cascade("model")) == (200, "Answer of large.", "large")
    assert heard.cascade("degraded") == "rung_open:small"
    assert [seen.model for seen in upstream.requests] == ["large"]
    route = next(span for span in collector.wait_for_trace(trace.trace_id, "cascade.route") if span.name == "cascade.route")
    assert route.attributes["cascade.degraded"] == ("rung_open:small",)
    metrics = client.get("/metrics/").text
    assert 'cascade_rung_opened_total{alias="small"}' in metrics
    assert 'cascade_rung_skipped_total{alias="small"}' in metrics
    upstream.script("small", Reply("well again"))
    until_back(ask)
    assert ask(stream=stream).text == "well again"


def test_a_slow_rung_is_ill_too(ask, upstream):
    upstream.script("small", Reply("at last", delay_s=SLOW_S * 1.5))
    assert ask().text == "at last"
    until_left_alone("small", ask)


def test_a_request_that_no_model_would_take_speaks_against_no_rung(ask, upstream):
    upstream.script("small", Reply(status=400, error="too long"))
    for _ in range(FAILURES * 2):
        assert ask().cascade("degraded") == "small_failed"


@pytest.mark.parametrize("stream", [False, True])
def test_a_large_rung_that_is_ill_is_asked_for_an_answer_but_not_for_a_better_one(ask, upstream, stream):
    upstream.script("small", Reply("perhaps so", logprob=-2.0))
    upstream.script("large", BROKEN)
    until_left_alone("large", lambda: ask(stream=stream))
    upstream.clear()
    upstream.script("small", Reply("perhaps so", logprob=-2.0))
    upstream.script("large", BROKEN)
    kept = ask(stream=stream)
    assert (kept.text, kept.cascade("reason"), kept.cascade("degraded")) == ("perhaps so", "rung_open", "rung_open:large")
    assert upstream.asked("large") == []
    upstream.script("small", BROKEN)
    upstream.script("large", Reply("an answer at least"))
    assert ask(stream=stream).text == "an answer at least"


def test_one_request_probes_while_the_others_still_do_without(ask, client, upstream):
    upstream.script("small", BROKEN)
    until_left_alone("small", ask)
    upstream.clear()
    upstream.script("small", Reply("still thinking", delay_s=2.0))
    time.sleep(COOL_OFF_S)
    with ThreadPoolExecutor(4) as threads:
        heard = list(threads.map(lambda _: ask(), range(4)))
    assert len(upstream.asked("small")) == 1
    assert sorted(one.text for one in heard) == ["Answer of large."] * 3 + ["still thinking"]


def test_a_check_that_keeps_failing_is_left_alone_and_the_gate_says_what_unknown_comes_to(ask, client, upstream, collector, trace):
    upstream.script("small", lambda seen: BROKEN if seen.body["messages"][-1]["content"] == prompts.SELF_CHECK else Reply("Forty-two."))
    found = [DIALECTS["chat"].ask(client, "hello", model="checked") for _ in range(FAILURES + 1)]
    assert [heard.text for heard in found] == ["Forty-two."] * (FAILURES + 1)
    assert [heard.cascade("degraded") for heard in found] == ["small_self_check_failed"] * FAILURES + ["small_self_check_open"]
    upstream.clear()
    upstream.script("small", Reply("Forty-two."))
    assert DIALECTS["chat"].ask(client, "hello", model="checked", headers=trace.headers).text == "Forty-two."
    assert len(upstream.requests) == 1, "the answer, and no check of it"
    route = next(span for span in collector.wait_for_trace(trace.trace_id, "cascade.route") if span.name == "cascade.route")
    assert route.attributes["cascade.degraded"] == ("small_self_check_open",)
    assert 'cascade_degraded_total{reason="small_self_check_open"} 2.0' in client.get("/metrics/").text
