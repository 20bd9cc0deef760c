"""The proxies that are compared: LiteLLM as it comes, its own router, a call within a call, and ours, with and without telemetry."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from litellm_cascade.offline.bench.model_server import LARGE, SMALL_SURE, SMALL_UNSURE
from litellm_cascade.policy.shipped import shipped_folder
from litellm_cascade.testing.proxy import ProxyProcess

Json = dict[str, Any]
POLICY = "bench"
HELD_TOKENS = 16
"""Of a stream's 20: enough to be judged, with some left to release or to abandon."""
ACCEPT_AT = 0.75
"""The probability that the answer is right, by the calibration that is shipped for the simulated small model: any is as dear as another."""
CALIBRATION = "calibrations/small.json"

SEND: Json = {"name": "all to small", "send": "small"}
CLIMB: Json = {"name": "small first", "cascade": ["small", "large"], "gate": "careful"}
GATES: Json = {
    "careful": {
        "accept_at": ACCEPT_AT,
        "calibration": CALIBRATION,
        "also_escalate": ["empty", "truncated"],
        "stream": {"judge": "prefix", "tokens": HELD_TOKENS},
    }
}
HAND_ON: Json = {"provider": "hand_on", "custom_handler": "litellm_cascade.proxy.hand_on.provider"}
COMPLEXITY_ROUTER: Json = {"tiers": dict.fromkeys(("SIMPLE", "MEDIUM", "COMPLEX", "REASONING"), "small")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One proxy: what it has beside LiteLLM, what its client asks for, and whose answer must come."""

    name: str
    label: str
    model: str = "auto"
    small: str = SMALL_SURE  # the model behind the alias ``small``
    served: str = SMALL_SURE
    telemetry: bool = False
    route: Json | None = None  # of our policy; None: LiteLLM without our plugin
    own: Json = field(default_factory=dict)  # litellm_params of ``auto`` without our plugin
    provider: Json | None = None  # a custom provider of LiteLLM's, without our plugin

    def proxy(self, folder: Path, *, model_url: str, collector_url: str) -> ProxyProcess:
        """The proxy, not yet started."""
        if self.route is not None:
            _write_policy(folder / "policies" / f"{POLICY}.yaml", self.route)
        return ProxyProcess(self._config(model_url), folder, env=_exporting_to(collector_url) if self.telemetry else {})

    def _config(self, model_url: str) -> Json:
        callbacks = ["otel"] if self.telemetry else []
        config: Json = {
            "model_list": [_deployment("small", self.small, model_url), _deployment("large", LARGE, model_url)],
            "litellm_settings": {"callbacks": callbacks, "num_retries": 0},
            "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY", "cancel_on_disconnect": True},
        }
        if self.own:
            config["model_list"].append({"model_name": "auto", "litellm_params": self.own})
        if self.provider is not None:
            config["litellm_settings"]["custom_provider_map"] = [self.provider]
        return config if self.route is None else _with_our_plugin(config)


PLAIN = Setup(name="plain", label="plain LiteLLM", model="small")
CONFIDENT = Setup(name="confident", label="ours, cascade, confident", route=CLIMB)
SETUPS = (
    PLAIN,
    Setup(
        name="complexity_router",
        label="LiteLLM's complexity router",
        own={"model": "auto_router/complexity_router", "complexity_router_config": COMPLEXITY_ROUTER},
    ),
    Setup(name="hand_on", label="LiteLLM, a call within a call", own={"model": "hand_on/small"}, provider=HAND_ON),
    Setup(name="direct", label="ours, direct", route=SEND),
    CONFIDENT,
    Setup(name="escalated", label="ours, cascade, escalated", route=CLIMB, small=SMALL_UNSURE, served=LARGE),
    Setup(name="plain_otel", label="plain LiteLLM, telemetry", model="small", telemetry=True),
    Setup(name="confident_otel", label="ours, cascade, confident, telemetry", telemetry=True, route=CLIMB),
)
COMPARED_WITH: Mapping[bool, str] = {False: "plain", True: "plain_otel"}
"""What a setup's cost is divided by: plain LiteLLM with telemetry off, or with telemetry on."""


def _deployment(alias: str, model: str, model_url: str) -> Json:
    return {
        "model_name": alias,
        "litellm_params": {"model": f"openai/{model}", "api_base": f"{model_url}/v1", "api_key": "none"},
        # Prices, so that LiteLLM bills as it would for a real model. Under litellm_params it would register them anew with each request.
        "model_info": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
    }


def _with_our_plugin(config: Json) -> Json:
    virtual = {"model_name": "auto", "litellm_params": {"model": f"cascade/{POLICY}"}, "model_info": {"mode": "chat"}}
    settings = config["litellm_settings"]
    ours = {
        "callbacks": [*settings["callbacks"], "litellm_cascade.proxy.hooks.cascade"],
        "custom_provider_map": [{"provider": "cascade", "custom_handler": "litellm_cascade.proxy.provider.cascade"}],
        "fallbacks": [{"auto": ["large"]}],
    }
    return {
        **config,
        "model_list": [*config["model_list"], virtual],
        "litellm_settings": settings | ours,
        "callback_settings": {"cascade": {"policies": "policies"}},
    }


def _write_policy(path: Path, route: Json) -> None:
    gates = {"gates": GATES} if "gate" in route else {}
    models = {"small": {"tier": "budget"}, "large": {"tier": "premium"}}
    (path.parent / CALIBRATION).parent.mkdir(parents=True)
    shutil.copyfile(shipped_folder() / CALIBRATION, path.parent / CALIBRATION)
    path.write_text(yaml.safe_dump({"version": 1, "name": POLICY, "models": models, "routes": [route], **gates}), encoding="utf-8")


def _exporting_to(collector_url: str) -> dict[str, str]:
    return {"OTEL_EXPORTER": "otlp_http", "OTEL_EXPORTER_OTLP_ENDPOINT": collector_url}
