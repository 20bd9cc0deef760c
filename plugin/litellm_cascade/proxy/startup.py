"""What is wrong with a configuration is said when the proxy starts, in one sentence each, with how to mend it.

Problems stop the proxy: with them requests would fail, budgets would be skipped or the wrong code would run. Warnings are logged.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import litellm
from litellm._logging import verbose_proxy_logger

from litellm_cascade.audit.metrics import SHARED
from litellm_cascade.errors import PolicyError, StartupError
from litellm_cascade.policy import Policy
from litellm_cascade.proxy.models import PROVIDER, Deployments, deployments_of, policy_of, virtual_models

CALLBACK = "litellm_cascade.proxy.hooks.cascade"
HANDLER = "litellm_cascade.proxy.provider.cascade"
PRICE_KEYS = ("input_cost_per_token", "output_cost_per_token", "input_cost_per_second", "output_cost_per_second")
WORKER_SECONDS = 30.0
"""A worker that loads LiteLLM and a classifier on a busy machine has been seen to need more than uvicorn's 5 s, and less than this."""


@dataclass(slots=True)
class Findings:
    """Sentences, by what they lead to."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_configuration(config: Mapping[str, Any], config_file: str | None, policy_named: Callable[[str], Policy]) -> None:
    """Log the warnings; raise StartupError with all problems at once. ``policy_named`` loads one, or raises PolicyError."""
    findings = find(config, config_file, policy_named)
    for warning in findings.warnings:
        verbose_proxy_logger.warning("cascade: %s", warning)
    if findings.problems:
        raise StartupError([f"cascade: {problem}" for problem in findings.problems])


def find(config: Mapping[str, Any], config_file: str | None, policy_named: Callable[[str], Policy]) -> Findings:
    """Everything there is to say about a configuration."""
    models = list(config.get("model_list") or ())
    findings = Findings()
    findings.problems += [
        *_shadow(config_file),
        *_callbacks(config),
        *_provider(config),
        *_prices(models),
        *_metrics(config, sys.argv, os.environ),
    ]
    findings.warnings += [*_settings(config, models), *_workers(sys.argv, os.environ)]
    for name, policy_name in virtual_models(models).items():
        try:
            policy = policy_named(policy_name)
        except PolicyError as error:
            findings.problems.append(f"the policy of model {name!r} cannot be used:\n" + "\n".join(error.problems))
            continue
        of_policy = policy_findings(name, policy, config, deployments_of(config, models))
        findings.problems += of_policy.problems
        findings.warnings += of_policy.warnings
    return findings


def policy_findings(name: str, policy: Policy, config: Mapping[str, Any], deployments: Deployments) -> Findings:
    """What there is to say about a policy in front of these deployments; asked at start-up and at every reload."""
    findings = Findings()
    in_database = bool((config.get("general_settings") or {}).get("store_model_in_db"))
    (findings.warnings if in_database else findings.problems).extend(_unknown_aliases(name, policy, deployments))
    findings.problems += _recursion(name, policy, deployments)
    findings.warnings += [*_blind_rungs(name, policy, deployments), *_calibrated_on_others(name, policy, deployments)]
    return findings


# --- problems ----------------------------------------------------------------------------------------------------------------------


def _shadow(config_file: str | None) -> Iterator[str]:
    beside = Path(config_file).resolve().parent / "litellm_cascade" if config_file else None
    if beside is not None and beside.is_dir():
        yield (
            f"the folder {beside} lies beside the configuration, so LiteLLM would run that source instead of the installed package, "
            "once for each mention; move the configuration or the folder elsewhere"
        )


def _callbacks(config: Mapping[str, Any]) -> Iterator[str]:
    callbacks = (config.get("litellm_settings") or {}).get("callbacks")
    if isinstance(callbacks, str):
        yield (
            f"litellm_settings.callbacks is the single value {callbacks!r}, with which LiteLLM silently drops its per-key model "
            f"budgets; write it as a list: callbacks: [{callbacks}]"
        )
    elif CALLBACK not in (callbacks or ()):
        yield f"litellm_settings.callbacks lacks {CALLBACK}, so no request would be routed; add it to the list"


def _provider(config: Mapping[str, Any]) -> Iterator[str]:
    provided = (config.get("litellm_settings") or {}).get("custom_provider_map") or ()
    if not any(item.get("provider") == PROVIDER and item.get("custom_handler") == HANDLER for item in provided):
        yield (
            "litellm_settings.custom_provider_map lacks the provider of the virtual models, so every cascade would fail; add "
            f"{{provider: {PROVIDER}, custom_handler: {HANDLER}}}"
        )


def _prices(models: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for model in filter(policy_of, models):
        for section in ("litellm_params", "model_info"):
            priced = [key for key in PRICE_KEYS if key in (model.get(section) or {})]
            if priced:
                yield (
                    f"the virtual model {model['model_name']!r} has a price ({section}.{priced[0]}): a price of 0 makes LiteLLM skip "
                    "every budget check, any other bills its answers twice; remove it, the aliases it calls are billed by themselves"
                )


def _metrics(config: Mapping[str, Any], arguments: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    settings = (config.get("callback_settings") or {}).get(PROVIDER) or {}
    workers = _number(arguments, environ, "--num_workers", "NUM_WORKERS")
    if settings.get("metrics_port") and workers is not None and workers > 1 and not environ.get(SHARED):
        yield (
            f"callback_settings.cascade.metrics_port is one port for {workers:.0f} workers, which cannot add up their counts; "
            f"set {SHARED} to an empty folder, or start with one worker"
        )


def _unknown_aliases(name: str, policy: Policy, deployments: Deployments) -> Iterator[str]:
    for alias in sorted(policy.aliases):
        if not deployments.behind(alias):
            close = get_close_matches(alias, deployments.names, n=1)
            meant = f" (did you mean {close[0]!r}?)" if close else ""
            yield (
                f"the policy {policy.name!r} of model {name!r} sends requests to {alias!r}, which is no model_name in model_list{meant}; "
                "add a deployment of that name, or change the policy"
            )


def _recursion(name: str, policy: Policy, deployments: Deployments) -> Iterator[str]:
    for alias in sorted(alias for alias in policy.aliases if any(map(policy_of, deployments.behind(alias)))):
        yield f"the policy {policy.name!r} of model {name!r} sends requests to {alias!r}, which is itself virtual; name a real deployment"


# --- warnings ----------------------------------------------------------------------------------------------------------------------


def _blind_rungs(name: str, policy: Policy, deployments: Deployments) -> Iterator[str]:
    for alias, gate in sorted(policy.judged, key=lambda pair: (pair[0], pair[1].name)):
        if gate.consulting.kinds:  # where tokens do not tell, the model is asked
            continue
        blind = [one for one in deployments.behind(alias) if not _gives_logprobs(one["litellm_params"])]
        for model in blind[:1]:
            provider = model["litellm_params"]["model"]
            served = gate.unknown == "accept"
            comes_to = "is served without being judged" if served else "goes on to the next rung, and is paid for in vain"
            yield (
                f"the gate {gate.name!r} judges {alias!r} for model {name!r} on log-probabilities, which {provider!r} does not give, so "
                f"every answer of it {comes_to}; write `unknown: self_check` or `unknown: agreement` in the gate, so that the model is "
                f"asked how sure it is, {'' if served else '`unknown: accept` to serve it, '}or put a provider that gives them on this rung"
            )


def _calibrated_on_others(name: str, policy: Policy, deployments: Deployments) -> Iterator[str]:
    for alias, gate in sorted(policy.judged, key=lambda pair: (pair[0], pair[1].name)):
        fitted_on = gate.calibrations[alias].model if alias in gate.calibrations else None
        behind = [one["litellm_params"]["model"] for one in deployments.behind(alias)]
        others = [model for model in behind if model != fitted_on]
        if fitted_on is not None and others:
            yield (
                f"the gate {gate.name!r} of model {name!r} calibrates {alias!r} as it was fitted on {fitted_on!r}, but {others[0]!r} "
                "answers for that name, so its probabilities are made up; fit its own answers with `cascade calibrate`, or take the gate's "
                "`calibration` out and write `accept_at` in the score's own range"
            )


def _gives_logprobs(litellm_params: Mapping[str, Any]) -> bool:
    if "logprobs" in (litellm_params.get("allowed_openai_params") or ()):
        return True
    try:
        model, provider, *_ = litellm.get_llm_provider(model=litellm_params["model"], api_base=litellm_params.get("api_base"))
        supported = litellm.get_supported_openai_params(model=model, custom_llm_provider=provider)
    except Exception:  # noqa: BLE001 - a provider LiteLLM does not know yet (a custom one): nothing can be said
        return True
    return supported is None or "logprobs" in supported


def _settings(config: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    virtual = virtual_models(models)
    litellm_settings, general = config.get("litellm_settings") or {}, config.get("general_settings") or {}
    if not virtual:
        yield f"no model in model_list is virtual; give one `litellm_params: {{model: {PROVIDER}/<policy>}}` for the policy to apply to"
    fallbacks = [*(litellm_settings.get("fallbacks") or ()), *((config.get("router_settings") or {}).get("fallbacks") or ())]
    for name in virtual:
        if not any(name in entry for entry in fallbacks):
            yield f"litellm_settings.fallbacks has no entry for {name!r}; add one ({{{name}: [<your large model>]}}) to outlive a fault"
    if virtual and general.get("cancel_on_disconnect") is not True:
        yield "general_settings.cancel_on_disconnect is not true, so a client that leaves is still billed for both models; set it to true"
    if general.get("background_health_checks"):
        for model in filter(policy_of, models):
            if not (model.get("model_info") or {}).get("disable_background_health_check"):
                yield (
                    f"background health checks will call {model['model_name']!r} like a model; "
                    "set its model_info.disable_background_health_check to true"
                )


def _workers(arguments: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    workers = _number(arguments, environ, "--num_workers", "NUM_WORKERS")
    patience = _number(arguments, environ, "--timeout_worker_healthcheck", "TIMEOUT_WORKER_HEALTHCHECK")
    other_server = {"--run_gunicorn", "--run_granian", "--run_hypercorn"} & set(arguments)
    if workers is not None and workers > 1 and not other_server and (patience is None or patience < WORKER_SECONDS):
        yield (
            f"{workers:.0f} workers are given {patience or 5:.0f} s to start, after which uvicorn kills and restarts them, for ever on a "
            "busy machine; start LiteLLM with --timeout_worker_healthcheck 90, or with --run_gunicorn"
        )


def _number(arguments: Sequence[str], environ: Mapping[str, str], option: str, variable: str) -> float | None:
    for position, argument in enumerate(arguments):
        if argument == option or argument.startswith(f"{option}="):
            value = argument.partition("=")[2] or next(iter(arguments[position + 1 : position + 2]), "")
            return float(value) if value.isdigit() else None
    value = environ.get(variable, "")
    return float(value) if value.isdigit() else None
