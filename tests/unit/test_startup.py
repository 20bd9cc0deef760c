"""Each sentence that a configuration can earn at start-up."""

import socket
from copy import deepcopy
from pathlib import Path

import pytest

from litellm_cascade.audit.metrics import SHARED
from litellm_cascade.errors import StartupError
from litellm_cascade.policy import load_policy, parse_policy
from litellm_cascade.proxy.exposition import is_measured, serve_metrics
from litellm_cascade.proxy.models import Deployments
from litellm_cascade.proxy.settings import read_settings
from litellm_cascade.proxy.startup import _metrics, _workers, find, policy_findings

CALLBACK = "litellm_cascade.proxy.hooks.cascade"
POLICY = """
version: 1
name: test
description: a ladder
models: {small: {tier: budget}, large: {tier: premium}}
routes: [{name: all, cascade: [small, large], gate: sure}]
gates: {sure: {confidence: {score: mean}, accept_at: -0.35}}
"""
SOUND = {
    "model_list": [
        {"model_name": "small", "litellm_params": {"model": "hosted_vllm/small", "api_base": "http://127.0.0.1:1"}},
        {"model_name": "large", "litellm_params": {"model": "openai/large"}},
        {"model_name": "auto", "litellm_params": {"model": "cascade/test"}, "model_info": {"disable_background_health_check": True}},
    ],
    "litellm_settings": {
        "callbacks": [CALLBACK],
        "custom_provider_map": [{"provider": "cascade", "custom_handler": "litellm_cascade.proxy.provider.cascade"}],
        "fallbacks": [{"auto": ["large"]}],
    },
    "general_settings": {"cancel_on_disconnect": True, "background_health_checks": True},
}


@pytest.fixture
def config():
    return deepcopy(SOUND)


def policy_named(_):
    return parse_policy(POLICY)


def found(config):
    return find(config, None, policy_named)


def test_a_sound_configuration_earns_none(config):
    findings = found(config)
    assert (findings.problems, findings.warnings) == ([], [])


def test_callbacks_as_a_single_value(config):
    config["litellm_settings"]["callbacks"] = CALLBACK
    assert found(config).problems == [
        f"litellm_settings.callbacks is the single value '{CALLBACK}', with which LiteLLM silently drops its per-key model budgets; "
        f"write it as a list: callbacks: [{CALLBACK}]"
    ]


def test_callbacks_without_ours(config):
    config["litellm_settings"]["callbacks"] = ["otel"]
    assert found(config).problems == [f"litellm_settings.callbacks lacks {CALLBACK}, so no request would be routed; add it to the list"]


def test_a_missing_provider(config):
    config["litellm_settings"]["custom_provider_map"] = []
    (problem,) = found(config).problems
    assert problem.startswith(
        "litellm_settings.custom_provider_map lacks the provider of the virtual models, so every cascade would fail; "
    )


@pytest.mark.parametrize("section", ["litellm_params", "model_info"])
def test_a_price_on_a_virtual_model(config, section):
    config["model_list"][-1][section]["input_cost_per_token"] = 0
    assert found(config).problems == [
        f"the virtual model 'auto' has a price ({section}.input_cost_per_token): a price of 0 makes LiteLLM skip every budget check, any "
        "other bills its answers twice; remove it, the aliases it calls are billed by themselves"
    ]


def test_an_alias_that_is_no_model(config):
    config["model_list"][1]["model_name"] = "larger"
    assert found(config).problems == [
        "the policy 'test' of model 'auto' sends requests to 'large', which is no model_name in model_list (did you mean 'larger'?); add a "
        "deployment of that name, or change the policy"
    ]


def test_an_alias_that_may_yet_come_from_the_database_is_only_warned_of(config):
    config["model_list"].pop(1)
    config["general_settings"]["store_model_in_db"] = True
    findings = found(config)
    assert findings.problems == []
    assert "which is no model_name in model_list" in findings.warnings[0]


@pytest.mark.parametrize("known_as", [{"model_group_alias": {"large": "huge"}}, None])
def test_an_alias_known_by_another_way_is_known(config, known_as):
    config["model_list"][1]["model_name"] = "huge" if known_as else "l*"
    config["router_settings"] = known_as
    assert found(config).problems == []


def test_a_ladder_of_itself(config):
    config["model_list"][1]["litellm_params"]["model"] = "cascade/test"
    assert (
        "the policy 'test' of model 'auto' sends requests to 'large', which is itself virtual; name a real deployment"
        in found(config).problems
    )


def test_a_source_folder_beside_the_configuration(config, tmp_path):
    (tmp_path / "litellm_cascade").mkdir()
    (problem,) = find(config, str(tmp_path / "config.yaml"), policy_named).problems
    assert problem.endswith("once for each mention; move the configuration or the folder elsewhere")


@pytest.mark.parametrize(
    "provider", ["anthropic/small", "bedrock/anthropic.claude-3-haiku", "mistral/small", "ollama/small", "openai/o3-mini"]
)
def test_a_rung_without_log_probabilities(config, provider):
    config["model_list"][0]["litellm_params"] = {"model": provider}
    (warning,) = found(config).warnings
    assert warning == (
        f"the gate 'sure' judges 'small' for model 'auto' on log-probabilities, which '{provider}' does not give, so every answer of it is "
        "served without being judged; write `unknown: self_check` or `unknown: agreement` in the gate, so that the model is asked how sure "
        "it is, or put a provider that gives them on this rung"
    )


@pytest.mark.parametrize(("name", "aliases"), [("tiny", {"small": "tiny"}), ("s*", None)])
def test_nor_do_the_others_names_of_such_a_deployment_hide_it(config, name, aliases):
    config["model_list"][0] = {"model_name": name, "litellm_params": {"model": "anthropic/claude-haiku-4-5"}}
    config["router_settings"] = {"model_group_alias": aliases}
    (warning,) = found(config).warnings
    assert "judges 'small'" in warning
    assert "'anthropic/claude-haiku-4-5' does not give" in warning


def test_an_alias_of_a_virtual_model_is_virtual(config):
    config["router_settings"] = {"model_group_alias": {"large": "auto"}}
    (problem,) = found(config).problems
    assert problem.endswith("sends requests to 'large', which is itself virtual; name a real deployment")


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("accept_at: -0.35, unknown: escalate", "goes on to the next rung, and is paid for in vain"),
        ("accept_at: -0.35, unknown: self_check", None),
        ("accept_at: -0.35, unknown: agreement, stream: {judge: full}", None),
        ("confidence: {score: self_check}, accept_at: 0.7", None),
    ],
)
def test_what_a_rung_without_log_probabilities_comes_to_is_the_gates_to_say(config, gate, said):
    config["model_list"][0]["litellm_params"] = {"model": "anthropic/small"}
    policy = parse_policy(POLICY.replace("confidence: {score: mean}, accept_at: -0.35", gate))
    warnings = find(config, None, lambda _: policy).warnings
    assert [said in warning for warning in warnings] == ([True] if said else [])


@pytest.mark.parametrize(
    "provider", ["openai/gpt-4o-mini", "azure/small", "hosted_vllm/small", "together_ai/small", "groq/small", "deepseek/chat"]
)
def test_a_rung_with_log_probabilities(config, provider):
    config["model_list"][0]["litellm_params"] = {"model": provider}
    assert found(config).warnings == []


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        (
            "general_settings",
            "cancel_on_disconnect",
            False,
            "general_settings.cancel_on_disconnect is not true, so a client that leaves is ",
        ),
        (
            "litellm_settings",
            "fallbacks",
            [],
            "litellm_settings.fallbacks has no entry for 'auto'; add one ({auto: [<your large model>]}) ",
        ),
    ],
)
def test_an_unwise_setting(config, section, key, value, said):
    config[section][key] = value
    (warning,) = found(config).warnings
    assert warning.startswith(said)


def test_a_health_check_that_would_call_the_virtual_model(config):
    config["model_list"][-1].pop("model_info")
    assert found(config).warnings == [
        "background health checks will call 'auto' like a model; set its model_info.disable_background_health_check to true"
    ]


def test_no_virtual_model_at_all(config):
    config["model_list"].pop()
    (warning,) = found(config).warnings
    assert warning.startswith("no model in model_list is virtual; give one `litellm_params: {model: cascade/<policy>}`")


def test_an_unknown_setting():
    with pytest.raises(StartupError) as caught:
        read_settings({"polices": "elsewhere", "classifier": {"within_ms": 0}})
    assert caught.value.problems == (
        "callback_settings.cascade.classifier.within_ms: input should be greater than 0; it is 0 now",
        "callback_settings.cascade.polices: there is no such setting; the settings are "
        "access, budget_sync_seconds, classifier, debug_headers, feedback, freeze_heap, memory, metrics_port, policies, record, "
        "reload_seconds, rungs, seed, tiers, tokens",
    )


@pytest.mark.parametrize(
    ("port", "workers", "environ", "said"),
    [
        (9464, "2", {}, ["callback_settings.cascade.metrics_port is one port for 2 workers"]),
        (9464, "2", {SHARED: "/somewhere"}, []),
        (9464, "1", {}, []),
        (None, "2", {}, []),
    ],
)
def test_one_port_for_the_metrics_of_several_workers_needs_a_shared_folder(port, workers, environ, said):
    config = {"callback_settings": {"cascade": {"metrics_port": port}}}
    problems = list(_metrics(config, ["litellm", "--num_workers", workers], environ))
    assert [problem.partition(", ")[0] for problem in problems] == said


@pytest.mark.parametrize(
    ("settings", "port", "environ", "measured"),
    [
        ({}, None, {}, False),
        ({"callbacks": ["otel"]}, None, {}, False),
        ({"callbacks": ["otel", "prometheus"]}, None, {}, True),
        ({"success_callback": "prometheus"}, None, {}, True),
        ({}, 9464, {}, True),
        ({}, None, {SHARED: "/somewhere"}, True),
    ],
)
def test_requests_are_counted_where_somebody_can_read_the_counts(settings, port, environ, measured):
    assert is_measured({"litellm_settings": settings}, port, environ) is measured


def test_a_port_that_is_taken_is_said_at_start_up():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(StartupError) as caught:
        serve_metrics(taken.getsockname()[1])
    assert caught.value.problems[0].startswith("callback_settings.cascade.metrics_port: nothing can listen on 127.0.0.1:")


COMPLAINT = "2 workers are given 5 s to start, after which uvicorn kills and restarts them, for ever on a busy machine"


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [(["litellm", "--num_workers", "2"], {}), (["litellm", "--num_workers=2"], {}), (["litellm"], {"NUM_WORKERS": "2"})],
)
def test_several_workers_with_uvicorns_own_patience_are_warned_of(arguments, environ):
    (said,) = _workers(arguments, environ)
    assert said.startswith(COMPLAINT)
    assert said.endswith("--timeout_worker_healthcheck 90, or with --run_gunicorn")


@pytest.mark.parametrize(
    "arguments",
    [
        ["litellm"],
        ["litellm", "--num_workers", "1"],
        ["litellm", "--num_workers", "4", "--timeout_worker_healthcheck", "90"],
        ["litellm", "--num_workers", "4", "--run_gunicorn"],
    ],
)
def test_a_sound_number_of_workers_is_not_complained_about(arguments):
    assert list(_workers(arguments, {})) == []


SHIPPED = Path(__file__).parents[2] / "policies" / "balanced.yaml"


@pytest.mark.parametrize("behind", ["simulated/small", "openai/gpt-4o-mini"])
def test_a_calibration_that_was_fitted_on_another_model(config, behind):
    config["model_list"][0]["litellm_params"] = {"model": behind}
    warnings = policy_findings("auto", load_policy(SHIPPED), config, Deployments(config["model_list"])).warnings
    assert [warning.partition(", but")[0] for warning in warnings] == (
        []
        if behind == "simulated/small"
        else ["the gate 'careful' of model 'auto' calibrates 'small' as it was fitted on 'simulated/small'"]
    )
