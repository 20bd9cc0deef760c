"""Our classifier decides the tier of LiteLLM's own complexity router, without a cascade."""

import pytest
from harness.configs import plain_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply

HARD = (
    "Prove that every bounded sequence of real numbers has a convergent subsequence, then show which step fails in an infinite-dimensional "
    "Hilbert space, and construct an explicit counterexample with a proof that no subsequence of it converges in norm."
)
EASY = "hi"


def tiered_config(upstream_url, classifier, tiers):
    config = plain_config(upstream_url)
    router = {
        "tiers": {"SIMPLE": "small", "MEDIUM": "sql", "COMPLEX": "sql", "REASONING": "large"},
        "classifier_type": "custom",
        "classifier_plugin": "litellm_cascade.proxy.tier_classifier.plugin",
        "classifier_fallback": "default_model",
        "default_model": "sql",
    }
    parameters = {"model": "auto_router/complexity_router", "complexity_router_config": router, "complexity_router_default_model": "sql"}
    config["model_list"].append({"model_name": "auto", "litellm_params": parameters})
    config["callback_settings"] = {"cascade": {"classifier": {"name": classifier, "within_ms": 2_000}, "tiers": tiers}}
    return config


@pytest.fixture(scope="module")
def tiered_proxy(start_proxy, upstream_server):
    return start_proxy(tiered_config(upstream_server.url, "linear", {"SIMPLE": 0.35, "MEDIUM": 0.4, "REASONING": 1.0}))


def answered_by(proxy, upstream, prompt):
    for model in ("small", "sql", "large"):
        upstream.script(model, Reply(f"from {model}"))
    with proxy.client() as client:
        heard = DIALECTS["chat"].ask(client, prompt)
    assert heard.status == 200, heard.raw
    return heard.text


def test_a_prompt_goes_to_the_tier_of_its_complexity(tiered_proxy, upstream):
    assert answered_by(tiered_proxy, upstream, EASY) == "from small"
    assert answered_by(tiered_proxy, upstream, HARD) == "from large"


def test_where_the_classifier_knows_nothing_litellms_fallback_decides(start_proxy, upstream_server, upstream):
    proxy = start_proxy(tiered_config(upstream_server.url, "none", {"SIMPLE": 1.0}))
    assert answered_by(proxy, upstream, EASY) == "from sql"


def test_a_setting_that_is_wrong_stops_the_proxy(prepare_proxy, upstream_server):
    code, log = prepare_proxy(tiered_config(upstream_server.url, "linear", {"SIMPLE": 2.0})).expect_exit()
    assert code != 0
    assert "callback_settings.cascade.tiers.SIMPLE: input should be less than or equal to 1" in log
