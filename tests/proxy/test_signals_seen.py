"""What only a running proxy knows reaches the policy: cooldowns, calls under way, the caller's budget, and what the caller asks for."""

import threading

import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply
from waiting import until

POLICY = """
version: 1
name: seen
models: {small: {tier: budget}, sql: {tier: standard}, large: {tier: premium}}
routes:
  - name: half a dollar left
    when: caller.budget_left_usd >= 0.0 && caller.budget_left_usd < 1.0
    send: sql
  - name: urgent
    when: signals.urgency == "high" && signals.latency_budget_ms == 900.0 && signals.quality_requirement == "low"
    send: sql
  - name: small cools down
    when: load["small"].cooling_down
    send: large
  - name: small is busy
    when: load.small.in_flight > 0
    send: sql
  - name: all
    send: small
"""
WHO_IS_ABLE = """
version: 1
name: able
models: {small: {tier: budget, quality: {general: 0.7}, latency_ms: 60}, large: {tier: premium}}
routes: [{name: all, cascade: [small, large], gate: any}]
gates: {any: {accept_at: -9}}
"""
COOLDOWN_SECONDS = 3
HINTS = {"quality": "low", "urgency": "high", "latency_budget_ms": 900}
IN_HEADERS = {"x-cascade-quality": "low", "x-cascade-urgency": "high", "x-cascade-latency-budget-ms": "900"}


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server, tmp_path_factory):
    """With a policy that looks at all of it."""
    folder = tmp_path_factory.mktemp("seen")
    (folder / "seen.yaml").write_text(POLICY)
    (folder / "able.yaml").write_text(WHO_IS_ABLE)
    config = cascade_config(
        upstream_server.url,
        callback_settings={"cascade": {"policies": str(folder), "debug_headers": True}},
        router_settings={"cooldown_time": COOLDOWN_SECONDS},
        general_settings={"custom_auth": "custom_auth.user_api_key_auth"},
    )
    config["model_list"][-1]["litellm_params"]["model"] = "cascade/seen"
    config["model_list"][0]["model_info"] = {"max_input_tokens": 300, "supports_vision": False}
    for name, policy in (("able", "able"), ("thrifty", "max_savings")):
        config["model_list"].append({"model_name": name, "litellm_params": {"model": f"cascade/{policy}"}, "model_info": {"mode": "chat"}})
    return start_proxy(config)


def asked(client, **more):
    return DIALECTS["chat"].ask(client, "hello", **more).cascade("model")


def becomes(wanted, client):
    until(lambda: asked(client), lambda found: found == wanted, every_s=0.1)


def begun(client, upstream, *, stream):
    """A call of ``small`` that is under way. The call before it has ended for us only after its client had the answer: ask until it has."""
    for _ in range(20):
        upstream.clear()
        upstream.script("small", Reply("at last", delay_s=4.0))
        slow = threading.Thread(target=asked, args=(client,), kwargs={"stream": stream})
        slow.start()
        if upstream.wait_for(lambda _: True).model == "small":
            return slow
        slow.join()
    raise AssertionError("nobody asked small any more")


def test_a_deployment_in_a_cooldown_is_seen_until_it_ends(client, upstream):
    upstream.script("small", Reply(status=404, error="no such model"))
    client.post("/v1/chat/completions", json={"model": "auto", "messages": [{"role": "user", "content": "hello"}]})
    becomes("large", client)
    upstream.script("small", Reply("back again"))
    becomes("small", client)


@pytest.mark.parametrize("stream", [False, True])
def test_a_rung_in_a_cooldown_is_left_out_of_the_ladder_until_it_ends(client, upstream, stream):
    def ask():
        return DIALECTS["chat"].ask(client, "hello", model="able", stream=stream)

    upstream.script("small", Reply(status=404, error="no such model"))
    ask()
    until(ask, lambda heard: heard.cascade("degraded") == "unfit:small:cooling_down", every_s=0.1)
    upstream.clear()
    heard = ask()
    assert (heard.status, heard.text, [seen.model for seen in upstream.requests]) == (200, "Answer of large.", ["large"])
    upstream.script("small", Reply("back again"))
    assert until(ask, lambda heard: heard.cascade("degraded") is None, every_s=0.1).text == "back again"


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_under_way_is_seen_until_it_ends(client, upstream, stream):
    becomes("small", client)
    slow = begun(client, upstream, stream=stream)
    assert asked(client) == "sql"
    slow.join()
    upstream.script("small", Reply("at once"))
    becomes("small", client)


def test_what_is_left_of_a_budget_is_seen(client, upstream):
    assert asked(client, headers={"Authorization": "Bearer sk-nearly-broke"}) == "sql"


@pytest.mark.parametrize("more", [{"metadata": {"cascade": HINTS}}, {"headers": IN_HEADERS}], ids=["metadata", "headers"])
@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
def test_what_the_caller_asks_for_is_seen(client, upstream, dialect, more):
    if dialect != "chat" and "metadata" in more:
        more = {"litellm_metadata": more["metadata"]}
    assert DIALECTS[dialect].ask(client, "hello", **more).cascade("model") == "sql"


PICTURE = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]


@pytest.mark.parametrize(
    ("content", "rungs", "reason"),
    [("hello", "small", ""), ("a word " * 300, "large", "context"), (PICTURE, "large", "image")],
    ids=["short", "long", "a picture"],
)
def test_a_model_is_not_asked_what_the_configuration_says_it_cannot_take(client, content, rungs, reason):
    answer = client.post("/v1/chat/completions", json={"model": "able", "messages": [{"role": "user", "content": content}]})

    assert answer.status_code == 200
    assert answer.headers.get("x-cascade-attempts", answer.headers["x-cascade-model"]) == rungs
    assert answer.headers.get("x-cascade-degraded", "") == (f"unfit:small:{reason}" if reason else "")


def test_the_headers_say_what_was_expected_of_the_alias(client):
    answer = client.post("/v1/chat/completions", json={"model": "able", "messages": [{"role": "user", "content": "hello"}]})

    assert answer.headers["x-cascade-estimated-latency-ms"] == "60"
    assert 0.5 < float(answer.headers["x-cascade-estimated-quality"]) < 1
    assert 1e-6 < float(answer.headers["x-cascade-estimated-cost-usd"]) < 1e-3
    assert answer.headers["x-cascade-decision-confidence"] == "1"


def test_a_shipped_policy_needs_no_file_of_ones_own(client):
    assert DIALECTS["chat"].ask(client, "hello", model="thrifty").cascade("policy") == "max_savings"
