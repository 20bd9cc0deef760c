"""Our classifier for LiteLLM's own complexity router: ``classifier_plugin: litellm_cascade.proxy.tier_classifier.plugin``.

For proxies that route by tiers and want no cascade. docs/classifiers.md has the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litellm_cascade.classifiers.memory import Remembering
from litellm_cascade.proxy.process import classifier_alone
from litellm_cascade.proxy.translate import to_request
from litellm_cascade.vocabulary import Caller


class TierClassifier:
    """Says which tier a request belongs to. ``tiers``: the highest complexity of each."""

    def __init__(self, classifier: Remembering, tiers: Mapping[str, float]) -> None:
        self._classifier = classifier
        self._tiers = sorted(tiers.items(), key=lambda tier: tier[1])

    def __deepcopy__(self, _: Any) -> TierClassifier:
        """LiteLLM copies its configuration with what stands in it; the weights are there once."""
        return self

    async def classify(self, context: Any) -> str | None:
        """The tier's name. None, so that LiteLLM's ``classifier_fallback`` decides, when the classifier does not know."""
        request = to_request({"messages": context.structured_messages}, "acompletion", Caller(), "")
        believed = await self._classifier.classify(request)
        return self.tier_of(believed.complexity) if believed.known else None

    def tier_of(self, complexity: float) -> str:
        """The lowest tier that reaches so far, the highest for what is beyond them all."""
        return next((name for name, most in self._tiers if complexity <= most), self._tiers[-1][0])


def __getattr__(name: str) -> Any:
    """LiteLLM asks for ``plugin`` while it loads its configuration: the moment to load weights, not an import's."""
    if name == "plugin":
        classifier, settings = classifier_alone()
        return TierClassifier(classifier, settings.tiers)
    raise AttributeError(name)
