"""The proxy configurations the tests start with, as plain functions that are easy to vary."""

from copy import deepcopy
from pathlib import Path

BESIDE = (
    Path(__file__).parent.parent / "spend_recorder.py",
    Path(__file__).parent / "abandoned.py",
    Path(__file__).parent / "custom_auth.py",
    Path(__file__).parent / "mischief.py",
    Path(__file__).parent / "trouble.py",
    Path(__file__).parent / "policies",
)
"""What every configuration needs beside it."""
PRICES = {"small": 1e-6, "sql": 5e-6, "large": 9e-5}  # USD per token, in and out


def plain_config(upstream_url, **changes):
    """Three models at the fake upstream, LiteLLM's own telemetry, the spend recorder, and nothing of ours."""
    config = {
        "model_list": [*(model(name, upstream_url) for name in PRICES), gemini_model("gem", upstream_url)],
        "litellm_settings": {"callbacks": ["otel", "spend_recorder.recorder"], "num_retries": 0},
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY", "cancel_on_disconnect": True},
    }
    return changed(config, changes)


def cascade_config(upstream_url, **changes):
    """The plain configuration with the plugin in it: a virtual alias ``auto``, its provider, the hook and a fallback."""
    config = plain_config(upstream_url)
    config["model_list"].append(
        {
            "model_name": "auto",
            "litellm_params": {"model": "cascade/test"},
            "model_info": {"disable_background_health_check": True, "mode": "chat"},
        }
    )
    config["litellm_settings"] |= {
        "callbacks": ["otel", "litellm_cascade.proxy.hooks.cascade", "spend_recorder.recorder"],
        "custom_provider_map": [{"provider": "cascade", "custom_handler": "litellm_cascade.proxy.provider.cascade"}],
        "fallbacks": [{"auto": ["large"]}],
    }
    # Tests share proxies: what one makes fail must not be left alone for the next, unless it says so.
    config["callback_settings"] = {"cascade": {"policies": "policies", "rungs": {"failures": 1000}}}
    return changed(config, changes)


def shapes_config(upstream_url, **changes):
    """A virtual model for each of the policies named: other shapes than a plain cascade."""
    config = cascade_config(upstream_url, callback_settings={"cascade": {"debug_headers": True}})
    for name in ("hedged", "drafted", "voted", "longest", "judged"):
        config["model_list"].append(
            {
                "model_name": name,
                "litellm_params": {"model": f"cascade/{name}"},
                "model_info": {"disable_background_health_check": True, "mode": "chat"},
            }
        )
    return changed(config, changes)


def model(name, upstream_url, **parameters):
    """One deployment at the fake upstream."""
    price = PRICES.get(name, 0.0)
    return {
        "model_name": name,
        "litellm_params": {
            "model": f"hosted_vllm/{name}",
            "api_base": f"{upstream_url}/v1",
            "api_key": "fake",
            "input_cost_per_token": price,
            "output_cost_per_token": price,
            **parameters,
        },
    }


def gemini_model(name, upstream_url):
    """A deployment that the proxy's native generateContent route reaches without translation."""
    parameters = {"model": f"gemini/{name}", "api_base": f"{upstream_url}/v1beta", "api_key": "fake"}
    return {"model_name": name, "litellm_params": parameters}


def changed(config, changes):
    """A copy in which mappings are merged and everything else is replaced; None removes."""
    config = deepcopy(config)
    for name, value in changes.items():
        if value is None:
            config.pop(name, None)
        elif isinstance(value, dict) and isinstance(config.get(name), dict):
            config[name] = changed(config[name], value)
        else:
            config[name] = value
    return config
