"""LiteLLM's own complexity router with our classifier, in a real proxy: without the rest of the plugin, and beside it."""

import asyncio
import json

import pytest
from harness.configs import cascade_config, changed, model, plain_config
from harness.dialects import DIALECTS

from litellm_cascade.classifiers import build
from litellm_cascade.proxy.tier_classifier import tier_of
from litellm_cascade.testing.upstream import Reply
from litellm_cascade.vocabulary import Endpoint, Envelope, Request, Turn

TIERS = {"SIMPLE": 0.0, "MEDIUM": 0.3, "COMPLEX": 0.45, "REASONING": 0.6}
SENDS_TO = {"SIMPLE": "small", "MEDIUM": "sql", "COMPLEX": "large", "REASONING": "gem-2"}
PROMPTS = (
    "Hi!",
    "What is the capital of France?",
    "Summarise this in one line: the sun is a star.",
    "A particle of mass m moves in a potential V(x) = k x^4. Derive the partition function and the heat capacity at high temperature.",
    "Let G be a finite group of order 2n with n odd. Prove that G has a subgroup of index two, and find all such groups of order 30.",
)


def router(**changes):
    settings = {
        "classifier_type": "custom",
        "classifier_plugin": "litellm_cascade.proxy.tier_classifier.cascade",
        "tiers": SENDS_TO,
        **changes,
    }
    parameters = {"model": "auto_router/complexity_router", "complexity_router_config": settings, "complexity_router_default_model": "sql"}
    return {"model_name": "smart", "litellm_params": parameters}


def with_router(config, upstream_server, classifier, **changes):
    config["model_list"] += [model("gem-2", upstream_server.url), model("judge", upstream_server.url), router(**changes)]
    return changed(config, {"callback_settings": {"cascade": {"classifier": classifier, "tiers": TIERS}}})


@pytest.fixture(scope="module")
def alone(start_proxy, upstream_server):
    """No policy, no callback of ours: only the classifier."""
    return start_proxy(with_router(plain_config(upstream_server.url), upstream_server, {"name": "linear", "within_ms": 5000}))


@pytest.fixture(scope="module")
def beside(start_proxy, upstream_server):
    """With a policy for ``auto`` as well; both ask one classifier, which asks a model."""
    options = {"alias": "judge", "recommend": {"COMPLEX": "proofs", "SIMPLE": "the rest"}}
    classifier = {"name": "llm", "within_ms": 2000, "remember": 0, "options": options}
    return start_proxy(with_router(cascade_config(upstream_server.url), upstream_server, classifier))


def expected(prompt):
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="smart", policy="")
    request = Request(envelope=envelope, turns=(Turn(role="user", text=prompt),))
    return SENDS_TO[tier_of(asyncio.run(build("linear").classify(request)), TIERS)]


def test_the_prompts_of_these_tests_belong_to_several_tiers():
    assert len({expected(prompt) for prompt in PROMPTS}) >= 3


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_a_request_goes_to_the_tier_of_its_complexity(alone, upstream, prompt, dialect):
    with alone.client() as client:
        heard = DIALECTS[dialect].ask(client, prompt, model="smart")
    assert (heard.status, heard.text) == (200, f"Answer of {expected(prompt)}.")
    assert [seen.model for seen in upstream.requests] == [expected(prompt)]


ANSWER = {
    "reasoning": "A proof.",
    "task_type": "Open QA",
    "domain": "mathematics",
    "complexity": 1,
    "creativity": 0,
    "estimated_tokens": 10,
    "prefers": "speed",
    "confidence": 0.9,
}


@pytest.mark.parametrize(("label", "model_name"), [("COMPLEX", "large"), ("SIMPLE", "small")])
def test_a_label_that_names_a_tier_decides(beside, upstream, spend, trace, label, model_name):
    upstream.script("judge", Reply(json.dumps(ANSWER | {"recommended_alias": label})))
    with beside.client() as client:
        heard = DIALECTS["chat"].ask(client, "Prove it.", model="smart", headers=trace.headers)
    assert (heard.status, heard.text) == (200, f"Answer of {model_name}.")
    rows = spend.wait_rows(2, trace=trace.trace_id)
    assert {row["internal_call_origin"] for row in rows} == {"cascade_classifier", None}


def test_without_a_classification_litellms_fallback_decides(beside, upstream):
    upstream.script("judge", Reply("I would rather not."))
    with beside.client() as client:
        heard = DIALECTS["chat"].ask(client, "Hi!", model="smart")
    assert (heard.status, heard.text) == (200, "Answer of small.")  # LiteLLM's own heuristic: a greeting is SIMPLE
    assert [seen.model for seen in upstream.requests] == ["judge", "small"]


def test_policies_work_on_beside_it(beside, upstream):
    upstream.script("judge", Reply(json.dumps(ANSWER | {"recommended_alias": "SIMPLE"})))
    upstream.script("small", Reply("fine", logprob=-0.01))
    with beside.client() as client:
        heard = DIALECTS["chat"].ask(client, "Hello.")
    assert (heard.status, heard.text, heard.cascade("band")) == (200, "fine", "cascade")
