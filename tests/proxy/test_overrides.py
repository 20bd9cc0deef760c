"""What clients ask for themselves, and what keys may call, through a real proxy."""

import json

import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS

POLICY = """
version: 1
name: wishes
models:
  small: {tier: budget, latency_ms: 60}
  sql: {tier: standard, latency_ms: 100}
  gem: {tier: standard, latency_ms: 100}
  large: {tier: premium, latency_ms: 600}
routes: [{name: all, cascade: [small, large], gate: sure}]
gates: {sure: {accept_at: -0.35}}
overrides:
  allow: [max_latency_ms, alias, band]
  when: caller.tier == "gold"
"""
GOLD = {"Authorization": "Bearer sk-team-7"}


@pytest.fixture(scope="module")
def configuration(tmp_path_factory, upstream_server):
    folder = tmp_path_factory.mktemp("wishes")
    (folder / "test.yaml").write_text(POLICY)

    def written(**settings):
        config = cascade_config(upstream_server.url, callback_settings={"cascade": {"policies": str(folder), **settings}})
        config["litellm_settings"]["callbacks"].append("prometheus")
        config["general_settings"]["custom_auth"] = "custom_auth.user_api_key_auth"
        return config

    return written


@pytest.fixture(scope="module")
def proxy(start_proxy, configuration):
    return start_proxy(configuration())


@pytest.fixture(scope="module")
def strict_proxy(start_proxy, configuration):
    return start_proxy(configuration(access="strict"))


@pytest.fixture
def strict_client(strict_proxy):
    with strict_proxy.client() as client:
        yield client


def in_headers(wishes):
    return {"headers": GOLD | {f"x-cascade-{name.replace('_', '-')}": str(value) for name, value in wishes.items()}}


def in_metadata(wishes):
    return {"headers": GOLD, "metadata": {"cascade": wishes}}


def in_text(wishes):
    return {"headers": GOLD, "metadata": {"cascade": json.dumps(wishes)}}


def ignored(client, name):
    start = f'cascade_overrides_ignored_total{{name="{name}",policy="test"}} '
    lines = client.get("/metrics/").text.splitlines()
    return sum(float(line.removeprefix(start)) for line in lines if line.startswith(start))


@pytest.mark.parametrize("asking", [in_headers, in_metadata, in_text])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_limit_that_may_be_asked_changes_the_alias(client, upstream, dialect, asking):
    heard = DIALECTS[dialect].ask(client, "hello", **asking({"max_latency_ms": 70}))
    assert (heard.status, heard.cascade("band"), heard.cascade("model")) == (200, "small", "small")
    assert "logprobs" not in upstream.requests[-1].body, "sent, not judged"
    assert "max_latency_ms" not in str(upstream.requests[-1].body)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_admitted_caller_gets_its_alias_and_its_trace_says_so(client, upstream, collector, trace, dialect):
    asking = in_headers({"alias": "sql"})
    heard = DIALECTS[dialect].ask(client, "hello", headers=asking["headers"] | trace.headers)
    assert (heard.status, heard.cascade("model"), [seen.model for seen in upstream.requests]) == (200, "sql", ["sql"])
    (route,) = [span for span in collector.wait_for_trace(trace.trace_id, "cascade.route") if span.name == "cascade.route"]
    assert list(route.attributes["cascade.reasons"]) == ["otherwise", "override:alias"]


@pytest.mark.parametrize("asking", [in_headers, in_metadata])
def test_generate_content_has_wishes_too(client, upstream, asking):
    asked = asking({"alias": "gem"})
    body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]} | {k: v for k, v in asked.items() if k != "headers"}
    answer = client.post("/v1beta/models/auto:generateContent", json=body, headers=asked["headers"])
    assert (answer.status_code, answer.headers["x-cascade-model"]) == (200, "gem")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", DIALECTS)
def test_naming_a_provider_leads_nobody_past_the_cascade(client, upstream, name, stream):
    heard = DIALECTS[name].ask(client, "hello", stream=stream, custom_llm_provider="openai")
    assert (heard.status, heard.cascade("reason"), heard.text) == (200, "confident", "Answer of small.")
    assert [asked.model for asked in upstream.requests] == ["small"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_that_is_not_admitted_is_answered_as_ever_and_counted(client, upstream, stream):
    before = ignored(client, "alias")
    heard = DIALECTS["chat"].ask(client, "hello", stream=stream, headers={"x-cascade-alias": "sql"})
    assert (heard.status, heard.cascade("band"), heard.cascade("model")) == (200, "cascade", "small")
    assert ignored(client, "alias") == before + 1


@pytest.mark.parametrize(
    ("wishes", "name"), [({"min_quality": 0.99}, "min_quality"), ({"band": "huge"}, "band"), ({"price": 1}, "unknown")]
)
@pytest.mark.parametrize("asking", [in_headers, in_metadata])
def test_what_is_not_allowed_or_not_understood_is_ignored_and_counted(client, upstream, asking, wishes, name):
    before = ignored(client, name)
    heard = DIALECTS["chat"].ask(client, "hello", **asking(wishes))
    assert (heard.status, heard.cascade("band"), heard.cascade("model")) == (200, "cascade", "small")
    assert ignored(client, name) == before + 1


# --- access ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["sk-small-only", "sk-small-team"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_ladder_loses_the_rung_that_the_key_or_its_team_may_not_call(strict_client, upstream, dialect, key):
    heard = DIALECTS[dialect].ask(strict_client, "hello", headers={"Authorization": f"Bearer {key}"})
    assert (heard.status, heard.cascade("band"), heard.cascade("model")) == (200, "small", "small")
    assert [seen.model for seen in upstream.requests] == ["small"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_key_that_may_call_none_of_the_aliases_is_refused_in_a_sentence(strict_client, upstream, dialect, stream):
    heard = DIALECTS[dialect].ask(strict_client, "hello", stream=stream, headers={"Authorization": "Bearer sk-auto-only"})
    assert heard.status == 403
    assert "this key may not call small or large, which this request would go to; ask for access to it" in heard.raw
    assert upstream.requests == []


def test_the_refusal_has_the_type_of_the_host_s_own(strict_client, upstream):
    body = DIALECTS["chat"].body("hello")
    answer = strict_client.post("/v1/chat/completions", json=body, headers={"Authorization": "Bearer sk-auto-only"})
    assert answer.json()["error"]["type"] == "key_model_access_denied"


def test_a_key_that_may_call_everything_gets_the_cascade(strict_client, upstream):
    assert DIALECTS["chat"].ask(strict_client, "hello").cascade("band") == "cascade"


def test_without_strict_access_the_virtual_model_is_all_a_key_needs(client, upstream):
    heard = DIALECTS["chat"].ask(client, "hello", headers={"Authorization": "Bearer sk-auto-only"})
    assert (heard.status, heard.cascade("band")) == (200, "cascade")
