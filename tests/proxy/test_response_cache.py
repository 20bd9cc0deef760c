"""LiteLLM's own response cache in front of cascades: a hit asks nobody and costs nothing, and says so; a changed policy never gets one."""

import itertools

import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS
from test_reload import policies

from litellm_cascade.testing.upstream import Reply
from waiting import until

POLICY = """
version: 1
name: {name}
models: {{small: {{tier: budget}}, sql: {{tier: standard}}, large: {{tier: premium}}}}
routes:
  - {{name: queries, when: '"sql" in signals.markup', send: sql}}
  - {{name: flagged, when: request.requested_model == "flag", cascade: [small, large], gate: flagged}}
  - {{name: golden, when: caller.tier == "gold", cascade: [small, large], gate: strict}}
  - {{name: all, cascade: [small, large], gate: sure}}
gates:
  sure: {{accept_at: {accept_at}, stream: {{judge: {judge}, tokens: 4}}}}
  flagged: {{accept_at: {accept_at}, abstain: {{then: flag}}, stream: {{judge: {judge}, tokens: 4}}}}
  strict: {{accept_at: -0.001, stream: {{judge: {judge}, tokens: 4}}}}
"""
MODES = [(name, mode == "stream") for name in ("chat", "messages", "responses") for mode in ("whole", "stream")]
every = pytest.mark.parametrize(("dialect", "stream"), MODES, ids=[f"{name}-{'stream' if stream else 'whole'}" for name, stream in MODES])
GOLD = {"Authorization": "Bearer sk-team-7"}
numbers = itertools.count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cached")


def write(folder, name, accept_at=-0.35, judge="prefix"):
    (folder / f"{name}.yaml").write_text(POLICY.format(name=name, accept_at=accept_at, judge=judge))


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server, folder):
    """Three virtual models, each with a policy of its own, and a response cache."""
    for name in ("first", "second", "changing"):
        write(folder, name)
    settings = {"policies": str(folder), "debug_headers": True, "reload_seconds": 0.1}
    config = cascade_config(upstream_server.url, callback_settings={"cascade": settings})
    config["model_list"][-1]["litellm_params"]["model"] = "cascade/first"
    config["model_list"].append({"model_name": "other", "litellm_params": {"model": "cascade/second"}})
    config["model_list"].append({"model_name": "flag", "litellm_params": {"model": "cascade/first"}})
    config["model_list"].append({"model_name": "changing", "litellm_params": {"model": "cascade/changing"}})
    config["litellm_settings"] |= {"cache": True, "cache_params": {"type": "local"}}
    config["general_settings"]["custom_auth"] = "custom_auth.user_api_key_auth"
    return start_proxy(config)


@pytest.fixture
def prompt():
    return f"Tell me about matter number {next(numbers)}"


@pytest.fixture
def small_is_halfway_sure(upstream):
    upstream.script("small", Reply("The small one says plenty of words about it", logprob=-0.2))
    upstream.script("large", Reply("The large one knows better"))


@every
def test_a_hit_asks_nobody_costs_nothing_and_says_so(
    client, upstream, spend, collector, trace, prompt, small_is_halfway_sure, dialect, stream
):
    speak = DIALECTS[dialect].ask
    first = speak(client, prompt, stream=stream)
    assert (first.cascade("model"), first.cascade("cached")) == ("small", None)
    asked = len(upstream.requests)
    second = cached(lambda: speak(client, prompt, stream=stream, headers=trace.headers))
    assert (second.status, second.text, second.cascade("reason"), second.cascade("escalated")) == (200, first.text, "cached", "false")
    assert (len(upstream.requests), second.cascade("cost-usd")) == (asked, "0")
    spans = collector.wait_for_trace(trace.trace_id, "cascade.route")
    route = [span for span in spans if span.name == "cascade.route"][-1]
    assert (route.attributes["cascade.cached"], route.attributes["cascade.attempts"], route.status) == (True, 0, "UNSET")
    rows = spend.wait_rows(1, trace=trace.trace_id)
    assert [row["standard_logging_object"]["response_cost"] for row in rows] == [0.0]


def cached(ask):
    """LiteLLM writes its cache when it has answered, so the second request may come too early."""
    return until(ask, lambda heard: heard.cascade("cached") == "true")


@every
def test_a_hit_of_a_request_sent_straight_to_its_alias_says_so_too(client, upstream, spend, collector, trace, dialect, stream):
    speak, prompt = DIALECTS[dialect].ask, f"```sql\nSELECT {next(numbers)}\n```"
    speak(client, prompt, stream=stream)
    heard = cached(lambda: speak(client, prompt, stream=stream, headers=trace.headers))
    assert (heard.cascade("model"), heard.cascade("reason"), len(upstream.asked("sql"))) == ("sql", "cached", 1)
    route = [span for span in collector.wait_for_trace(trace.trace_id, "cascade.route") if span.name == "cascade.route"][-1]
    assert (route.attributes["cascade.cached"], route.attributes["cascade.final_alias"]) == (True, "sql")


@every
@pytest.mark.parametrize(
    ("model", "large", "told"),
    [
        ("auto", Reply(status=500, error="out of order"), {"reason": "kept_earlier"}),
        ("flag", Reply("The large one doubts it too", logprob=-2.0), {"abstained": "low_confidence"}),
    ],
    ids=["kept", "flagged"],
)
def test_an_answer_that_did_not_pass_its_gate_is_no_hit(client, upstream, prompt, dialect, stream, model, large, told):
    upstream.script("small", Reply("The small one says plenty of words about it", logprob=-2.0))
    upstream.script("large", large)

    def speak(said=prompt):
        heard = DIALECTS[dialect].ask(client, said, stream=stream, model=model)
        return heard, {name: heard.cascade(name) for name in told}

    assert speak()[1] == told
    assert speak()[1] == told
    upstream.script("small", Reply("The small one is sure of its words now"))
    until(lambda: speak(f"{prompt}, again")[0], lambda heard: heard.cascade("cached") == "true")  # by now the first ones would be, too
    assert speak()[0].cascade("reason") == "confident"


@every
def test_two_policies_never_share_an_answer(client, upstream, prompt, small_is_halfway_sure, dialect, stream):
    speak = DIALECTS[dialect].ask
    speak(client, prompt, stream=stream)
    cached(lambda: speak(client, prompt, stream=stream))
    heard = speak(client, prompt, stream=stream, model="other")
    assert (heard.cascade("policy"), heard.cascade("cached"), heard.cascade("reason")) == ("second", None, "confident")


@every
def test_a_caller_with_a_stricter_gate_does_not_get_what_a_lenient_one_let_pass(
    client, upstream, prompt, small_is_halfway_sure, dialect, stream
):
    speak = DIALECTS[dialect].ask
    speak(client, prompt, stream=stream)
    cached(lambda: speak(client, prompt, stream=stream))
    heard = speak(client, prompt, stream=stream, headers=GOLD)
    assert (heard.cascade("route"), heard.cascade("model"), heard.cascade("cached")) == ("golden", "large", None)


@pytest.mark.parametrize("judge", ["prefix", "full"])
@every
def test_an_answer_that_a_changed_policy_would_reject_is_not_served(
    client, upstream, folder, prompt, small_is_halfway_sure, dialect, stream, judge
):
    use(client, folder, -0.35, judge)

    def speak():
        return DIALECTS[dialect].ask(client, prompt, stream=stream, model="changing")

    assert speak().cascade("model") == "small"
    cached(speak)
    use(client, folder, -0.1, judge)
    heard = speak()
    assert (heard.cascade("model"), heard.cascade("reason"), heard.cascade("cached")) == ("large", "low_confidence", None)
    assert "small one" not in heard.raw


def use(client, folder, accept_at, judge):
    """Change the policy of the virtual model ``changing``, and wait until it is in use."""
    DIALECTS["chat"].ask(client, "hello", model="changing")
    before, text = policies(client)["changing"]["digest"], (folder / "changing.yaml").read_text()
    write(folder, "changing", accept_at=accept_at, judge=judge)
    if (folder / "changing.yaml").read_text() != text:
        until(lambda: policies(client)["changing"]["digest"] != before)


def test_no_cache_asked_for_is_no_cache_for_the_rungs_either(client, upstream, prompt, small_is_halfway_sure):
    speak = DIALECTS["chat"].ask
    speak(client, prompt)
    cached(lambda: speak(client, prompt))
    asked = len(upstream.requests)
    assert speak(client, prompt, cache={"no-cache": True}).cascade("reason") == "confident"
    assert len(upstream.requests) == asked + 1
