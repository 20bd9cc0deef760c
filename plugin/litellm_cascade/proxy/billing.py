"""What LiteLLM is told of a virtual model's price: that its own call is free, because its rungs are billed by themselves."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

FREE: Final = {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}


def mark_as_free(metadata: MutableMapping[str, Any]) -> None:
    """Of one call, not of its deployment: LiteLLM skips the budgets of a deployment whose price is 0.

    It would otherwise look for a price by the names of the virtual model and of the model that answered, twice for each request.
    """
    metadata["model_info"] = {**(metadata.get("model_info") or {}), **FREE}
