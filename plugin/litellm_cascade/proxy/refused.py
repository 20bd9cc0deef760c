"""What one deployment refuses (temperature on reasoning models, longer answers than it can write) is changed for it alone, and named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import litellm
from litellm.constants import DEFAULT_CHAT_COMPLETION_PARAM_VALUES

from litellm_cascade.proxy.table import most_output_tokens

CANDIDATES = frozenset(DEFAULT_CHAT_COMPLETION_PARAM_VALUES) - {
    *("messages", "model", "stream", "stream_options"),  # ours to set
    *("metadata", "user", "extra_headers", "extra_body"),  # LiteLLM's to use
}
"""OpenAI's parameters, as LiteLLM knows them; what else a client sends is the provider's own and passes as it is."""
LENGTHS = frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens"})
Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Adapted:
    """What takes the place of a request's parameters for one alias, and which parameters that concerns."""

    changes: Mapping[str, Any]
    named: tuple[str, ...]


def adapted(router: Any, alias: str, given: Mapping[str, Any]) -> Adapted:
    """The ``given`` parameters as every deployment of the alias takes them."""
    refused, lowered = refused_parameters(router, alias, given), lowered_limits(router, alias, given)
    return Adapted(({"drop_params": True} if refused else {}) | lowered, tuple(sorted({*refused, *lowered})))


def lowered_limits(router: Any, alias: str, given: Mapping[str, Any]) -> dict[str, int]:
    """A limit on the answer that is above what a deployment can write is no limit, but providers refuse it."""
    asked = {name: given[name] for name in LENGTHS.intersection(given) if isinstance(given[name], int)}
    if not asked or router is None:
        return {}
    most = most_output_tokens(router.get_model_list(model_name=alias) or ())
    return {name: most for name, limit in asked.items() if most is not None and limit > most}


def refused_parameters(router: Any, alias: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Which of the ``given`` parameters some deployment of the alias refuses. LiteLLM drops them there, when told to."""
    asked = {name: given[name] for name in CANDIDATES.intersection(given) if given[name] is not None}
    if not asked or router is None:
        return ()
    deployments = [m["litellm_params"] for m in router.get_model_list(model_name=alias) or ()]
    return tuple(sorted(name for name, value in asked.items() if any(_refuses(one, name, value) for one in deployments)))


def _refuses(litellm_params: Mapping[str, Any], name: str, value: Any) -> bool:
    if name in (litellm_params.get("allowed_openai_params") or ()):
        return False
    model, provider = str(litellm_params["model"]), litellm_params.get("custom_llm_provider")
    if name not in _supported(model, provider):
        return True
    return isinstance(value, Scalar) and _refuses_value(model, provider, name, value)


@lru_cache(maxsize=512)
def _supported(model: str, provider: str | None) -> frozenset[str]:
    try:
        name, found, *_ = litellm.get_llm_provider(model=model, custom_llm_provider=provider)
        supported = litellm.get_supported_openai_params(model=name, custom_llm_provider=found)
    except Exception:  # noqa: BLE001 - a provider LiteLLM does not know: nothing can be said, so nothing is dropped
        return CANDIDATES
    return CANDIDATES if supported is None else frozenset(supported)


@lru_cache(maxsize=4096)
def _refuses_value(model: str, provider: str | None, name: str, value: Scalar) -> bool:
    """Some models take a parameter with one value only: o3-mini a temperature of 1."""
    try:
        bare, found, *_ = litellm.get_llm_provider(model=model, custom_llm_provider=provider)
        litellm.get_optional_params(model=bare, custom_llm_provider=found, drop_params=False, **{name: value})
    except litellm.UnsupportedParamsError:
        return True
    except Exception:  # noqa: BLE001 - as above
        return False
    return False
