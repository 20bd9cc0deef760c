"""What aliases cost: the price in LiteLLM's configuration, else the one in its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import litellm

from litellm_cascade.policy import Price
from litellm_cascade.proxy.models import policy_of

MILLION = 1_000_000
KEYS = ("input_cost_per_token", "output_cost_per_token")


def prices_of(models: Iterable[Mapping[str, Any]]) -> dict[str, Price]:
    """By alias. Of several deployments with one name the dearest counts: an estimate that errs should not err on the cheap side."""
    found: dict[str, Price] = {}
    for deployment in models:
        price = None if policy_of(deployment) is not None else _price(deployment)
        if price is not None:
            alias = str(deployment["model_name"])
            found[alias] = max(found.get(alias, price), price, key=lambda one: one.output_usd_per_million)
    return found


def _price(deployment: Mapping[str, Any]) -> Price | None:
    parameters = deployment.get("litellm_params") or {}
    for source in (deployment.get("model_info") or {}, parameters, _in_the_table(str(parameters.get("model")))):
        given = [float(source[key]) * MILLION for key in KEYS if isinstance(source.get(key), (int, float))]
        if len(given) == len(KEYS):
            return Price(input_usd_per_million=given[0], output_usd_per_million=given[1])
    return None


def _in_the_table(model: str) -> Mapping[str, Any]:
    return litellm.model_cost.get(model) or litellm.model_cost.get(model.partition("/")[2]) or {}
