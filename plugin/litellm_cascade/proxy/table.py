"""What LiteLLM knows of each alias, from its configuration or else from its own table: the price, and what the alias can take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import litellm

from litellm_cascade.policy import MODALITIES, Capacity, Known, Price
from litellm_cascade.proxy.models import Deployments, policy_of

MILLION = 1_000_000
KEYS = ("input_cost_per_token", "output_cost_per_token")
READS = {"image": "supports_vision", "audio": "supports_audio_input", "pdf": "supports_pdf_input", "video": "supports_video_input"}
"""Modalities, each with the key of the table that tells of it."""


class DeploymentTable(Mapping[str, Known]):
    """By alias. Of several deployments with one name, the dearest price and the least that each of them can take: LiteLLM may pick any."""

    def __init__(self, deployments: Deployments) -> None:
        self._deployments = deployments

    def __getitem__(self, alias: str) -> Known:
        group = [one for one in self._deployments.behind(alias) if policy_of(one) is None]
        if not group:
            raise KeyError(alias)
        return _known([list(_sources(deployment)) for deployment in group])

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._deployments.names if any(policy_of(one) is None for one in self._deployments.behind(name)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def most_output_tokens(deployments: Iterable[Mapping[str, Any]]) -> int | None:
    """How long an answer can be whichever of them gives it. None: nobody says."""
    return _lowest(_most_output(list(_sources(deployment))) for deployment in deployments)


def _known(group: Sequence[Sequence[Mapping[str, Any]]]) -> Known:
    prices = [price for sources in group if (price := _price(sources)) is not None]
    return Known(price=max(prices, key=lambda one: one.output_usd_per_million, default=None), capacity=_least(map(_capacity, group)))


def _sources(deployment: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Where something may be said of a deployment; the first that says it counts."""
    parameters = deployment.get("litellm_params") or {}
    model = str(parameters.get("model"))
    yield deployment.get("model_info") or {}
    yield parameters
    yield litellm.model_cost.get(model) or litellm.model_cost.get(model.partition("/")[2]) or {}


def _price(sources: Sequence[Mapping[str, Any]]) -> Price | None:
    for source in sources:
        given = [float(source[key]) * MILLION for key in KEYS if isinstance(source.get(key), (int, float))]
        if len(given) == len(KEYS):
            return Price(input_usd_per_million=given[0], output_usd_per_million=given[1])
    return None


def _capacity(sources: Sequence[Mapping[str, Any]]) -> Capacity:
    context = _said(sources, "max_input_tokens")
    refused = {modality for modality, key in READS.items() if _said(sources, key) is False}
    if _said(sources, "mode") == "chat" and _said(sources, "supports_vision") is None:
        refused.add("image")  # the table leaves out what a model cannot do; of images alone that can be relied on
    return Capacity(
        context_tokens=context if isinstance(context, int) else None,
        output_tokens=_most_output(sources),
        modalities=frozenset(MODALITIES) - refused if refused else None,
        tools=_said(sources, "supports_function_calling"),
    )


def _most_output(sources: Sequence[Mapping[str, Any]]) -> int | None:
    most = _said(sources, "max_output_tokens")
    return most if isinstance(most, int) and most > 0 else None


def _said(sources: Sequence[Mapping[str, Any]], key: str) -> Any:
    return next((source[key] for source in sources if source.get(key) is not None), None)


def _least(capacities: Iterable[Capacity]) -> Capacity:
    every = list(capacities)
    modalities = [one.modalities for one in every if one.modalities is not None]
    return Capacity(
        context_tokens=_lowest(one.context_tokens for one in every),
        output_tokens=_lowest(one.output_tokens for one in every),
        modalities=frozenset(MODALITIES).intersection(*modalities) if modalities else None,
        tools=_all_of([one.tools for one in every if one.tools is not None]),
    )


def _lowest(said: Iterable[int | None]) -> int | None:
    return min((one for one in said if one is not None), default=None)


def _all_of(said: Sequence[bool]) -> bool | None:
    return all(said) if said else None
