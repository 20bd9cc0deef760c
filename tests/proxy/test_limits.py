"""A policy's limits, through a real proxy: over budget the smaller answer is kept, or the large model is asked straight away."""

import itertools

import pytest
from harness.configs import PRICES, cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply

POLICY = """
version: 1
name: {name}
models: {{small: {{tier: budget}}, large: {{tier: premium}}}}
routes: [{{name: all, cascade: [small, large], gate: sure}}]
gates: {{sure: {{accept_at: -0.35, also_escalate: [empty], stream: {{tokens: 4}}}}}}
limits: {{{limit}}}
"""
ANSWER = "This may be so"
LARGE_USD = PRICES["large"] * (10 + len(["Answer", "of", "large."]))  # the fake model counts ten tokens in
LIMITS = {
    "rate-accept": "escalation_rate: {at_most: 0.1, over: 1h, per: key, then: accept}",
    "rate-large": "escalation_rate: {at_most: 0.1, over: 1h, per: key, then: large}",
    "spend-accept": f"extra_spend: {{usd: {LARGE_USD * 2.5:.6f}, over: 1h, per: key, then: accept}}",
    "spend-large": f"extra_spend: {{usd: {LARGE_USD * 2.5:.6f}, over: 1h, per: key, then: large}}",
    "of-a-team": f"extra_spend: {{usd: {LARGE_USD * 2.5:.6f}, over: 1h, per: team, then: accept}}",
    "of-a-user": f"extra_spend: {{usd: {LARGE_USD * 2.5:.6f}, over: 1h, per: user, then: accept}}",
}
ENOUGH = 30
"""More requests than any of the limits grants escalations."""
SHORT = {"max_tokens": 4}
"""What an escalation is expected to cost follows from it; else the expectation alone would be more than these limits."""
new_key = map("sk-team-7-{}".format, itertools.count())


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server, tmp_path_factory):
    """One virtual model for each limit; each key has a window of its own."""
    folder = tmp_path_factory.mktemp("limits")
    settings = {"policies": str(folder), "debug_headers": True, "budget_sync_seconds": 0.1}
    config = cascade_config(upstream_server.url, callback_settings={"cascade": settings})
    config["model_list"].pop()
    for name, limit in LIMITS.items():
        (folder / f"{name}.yaml").write_text(POLICY.format(name=name, limit=limit))
        config["model_list"].append({"model_name": name, "litellm_params": {"model": f"cascade/{name}"}})
    config["litellm_settings"]["callbacks"].append("prometheus")
    config["general_settings"]["custom_auth"] = "custom_auth.user_api_key_auth"
    return start_proxy(config)


@pytest.fixture
def ask(client, upstream, trace):
    """Asks a virtual model as a key of this test's own; the small model is never sure."""
    upstream.script("small", Reply(ANSWER, logprob=-2.0))
    headers = {"Authorization": f"Bearer {next(new_key)}"}

    def asked(model, *, stream=False, dialect="chat", traced=False):
        more = headers | (trace.headers if traced else {})
        return DIALECTS[dialect].ask(client, "hello", model=model, stream=stream, headers=more, **SHORT)

    return asked


def until(holds, ask):
    """How many were asked before the first answer that is wanted."""
    return next(number for number in range(ENOUGH) if holds(ask()))


def kept(heard):
    return heard.text == ANSWER


def straight(heard):
    return heard.cascade("band") == "large"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("kind", "limit", "granted"), [("rate", "escalation_rate", 5), ("spend", "extra_spend", 2)])
def test_over_budget_the_smaller_answer_is_kept(ask, upstream, collector, trace, kind, limit, granted, stream):
    assert 1 <= until(kept, lambda: ask(f"{kind}-accept", stream=stream)) <= granted
    heard = ask(f"{kind}-accept", stream=stream, traced=True)
    assert (heard.status, heard.text, heard.cascade("model"), heard.cascade("reason")) == (200, ANSWER, "small", "over_budget")
    assert (heard.cascade("escalated"), heard.cascade("degraded")) == ("false", f"over_budget:{limit}")
    assert heard.cascade("budget").startswith(f"{limit}=0.")
    route = next(span for span in collector.wait_for_trace(trace.trace_id, "cascade.route") if span.name == "cascade.route")
    assert route.attributes["cascade.reason"] == "over_budget"
    assert route.attributes["cascade.budget"] in {"short", "over"}
    assert route.attributes["cascade.budget.limit"] == limit
    assert route.attributes["cascade.budget.shared"] is False
    assert 0 <= route.attributes["cascade.budget.remaining_ratio"] < 0.5


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("kind", "limit", "granted"), [("rate", "escalation_rate", 5), ("spend", "extra_spend", 2)])
def test_over_budget_the_large_model_is_asked_straight_away(ask, upstream, kind, limit, granted, stream):
    assert 1 <= until(straight, lambda: ask(f"{kind}-large", stream=stream)) <= granted
    upstream.clear()
    heard = ask(f"{kind}-large", stream=stream)
    assert (heard.status, heard.text, heard.cascade("model"), heard.cascade("band")) == (200, "Answer of large.", "large", "large")
    assert heard.cascade("degraded") == f"over_budget:{limit}"
    assert [seen.model for seen in upstream.requests] == ["large"]


def test_one_key_does_not_take_from_another(ask, client):
    until(kept, lambda: ask("spend-accept"))
    other = DIALECTS["chat"].ask(client, "hello", model="spend-accept", headers={"Authorization": f"Bearer {next(new_key)}"}, **SHORT)
    assert (other.cascade("model"), other.cascade("escalated")) == ("large", "true")


@pytest.mark.parametrize("model", ["of-a-team", "of-a-user"])
def test_the_keys_of_one_team_or_user_share_what_another_has_for_itself(ask, client, model):
    def by(key):
        return DIALECTS["chat"].ask(client, "hello", model=model, headers={"Authorization": f"Bearer {key}"}, **SHORT)

    assert until(kept, lambda: ask(model)) == 2
    assert by(next(new_key)).cascade("reason") == "over_budget"
    assert by("sk-nearly-broke").cascade("model") == "large"


def test_what_is_left_and_what_was_kept_are_metrics(ask, client):
    def shown():
        lines = client.get("/metrics/").text.splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith("cascade_")}

    labels = '{limit="extra_spend",policy="spend-accept"}'
    until(kept, lambda: ask("spend-accept"))
    before = shown()[f"cascade_over_budget_total{labels}"]
    ask("spend-accept")
    assert shown()[f"cascade_over_budget_total{labels}"] == before + 1
    assert 0 <= shown()[f"cascade_budget_remaining_ratio{labels}"] <= 0.5


def test_an_answer_that_is_none_is_never_kept(ask, upstream):
    until(kept, lambda: ask("rate-accept"))
    upstream.script("small", [Reply("", finish_reason="stop"), Reply(status=500, error="broken")])
    for _ in range(2):
        heard = ask("rate-accept")
        assert (heard.text, heard.cascade("model")) == ("Answer of large.", "large")
