"""What LiteLLM must not bill again: the rungs are billed by themselves, and the virtual model's own call is free."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

FREE: Final = {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}


def mark_as_free(metadata: MutableMapping[str, Any]) -> None:
    """Of one call, not of its deployment: LiteLLM skips the budgets of a deployment whose price is 0.

    It would otherwise look for a price by the names of the virtual model and of the model that answered, twice for each request.
    """
    metadata["model_info"] = {**(metadata.get("model_info") or {}), **FREE}


def unbilled(given: Any, **hidden: Any) -> Any:
    """A copy of an answer or a chunk with hidden parameters of its own and without the provider's ``usage.cost``.

    LiteLLM has billed the inner call already, and would bill what it finds here a second time. The cost of nothing is said, so that LiteLLM
    does not go looking for a price.
    """
    copy = given.model_copy()
    copy._hidden_params = {"response_cost": 0.0, **hidden}  # noqa: SLF001 - LiteLLM's own name
    if getattr(copy, "usage", None) is not None:
        copy.usage = _without_cost(copy.usage)
    return copy


def _without_cost(usage: Any) -> Any:
    if getattr(usage, "cost", None) is None:
        return usage
    bare = usage.model_copy()
    bare.cost = None
    return bare
