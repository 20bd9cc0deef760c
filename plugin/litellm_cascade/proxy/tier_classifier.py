"""Our classifier for LiteLLM's own complexity router: ``classifier_type: custom``, for who wants its tiers and not our policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.trace import INVALID_SPAN

from litellm_cascade.pipeline import PromptClassifier
from litellm_cascade.proxy.asking import on_behalf_of
from litellm_cascade.proxy.process import shared_classifier, tiers
from litellm_cascade.proxy.translate import to_caller, to_request
from litellm_cascade.vocabulary import Classification


class TierClassifier:
    """LiteLLM's ``ClassifierPlugin``. ``classifier`` is looked up per call; ``from_complexity`` has the least complexity of each tier."""

    def __init__(self, classifier: Callable[[], PromptClassifier], from_complexity: Mapping[str, float]) -> None:
        self._classifier = classifier
        self._from_complexity = from_complexity

    async def classify(self, context: Any) -> str | None:
        """The tier of a request, or None where nothing is known of it: LiteLLM's ``classifier_fallback`` decides then."""
        metadata = context.metadata
        caller = to_caller(metadata.get("user_api_key_auth"), metadata)
        request = to_request({"messages": context.structured_messages}, "acompletion", caller, policy="")
        with on_behalf_of(metadata, metadata.get("litellm_parent_otel_span") or INVALID_SPAN):
            return tier_of(await self._classifier().classify(request), self._from_complexity)


def tier_of(belief: Classification, from_complexity: Mapping[str, float]) -> str | None:
    """The tier that the label names, else the highest one whose least complexity is reached, else the lowest."""
    if not belief.known:
        return None
    named = next((tier for tier in from_complexity if tier.casefold() == belief.label.casefold()), None)
    if named is not None:
        return named
    rising = sorted(from_complexity, key=lambda tier: from_complexity[tier])
    reached = [tier for tier in rising if from_complexity[tier] <= belief.complexity]
    return reached[-1] if reached else rising[0]


def __getattr__(name: str) -> Any:
    """LiteLLM asks for ``tier_classifier.cascade`` while it loads its models: the moment to load the classifier, not an import's."""
    if name == "cascade":
        shared_classifier()
        return TierClassifier(shared_classifier, tiers())
    raise AttributeError(name)
