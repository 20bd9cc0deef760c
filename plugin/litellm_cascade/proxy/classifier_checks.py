"""What there is to say at start-up about a classifier that waits for others: LiteLLM's own deployments, or a service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from litellm._logging import verbose_proxy_logger

from litellm_cascade.classifiers.base import AsksAliases, Classifier, FallsBack, HasParts
from litellm_cascade.errors import StartupError
from litellm_cascade.proxy.models import Deployments, policy_of

ROUTERS = "auto_router/"
WITHIN = "callback_settings.cascade.classifier.within_ms"


def check_classifier(classifier: Classifier, within_ms: float, deployments: Deployments) -> None:
    """Log what is unwise; raise StartupError with every alias that cannot be asked."""
    for one in _with_parts(classifier):
        if isinstance(one, FallsBack) and within_ms <= one.patience_ms:
            verbose_proxy_logger.warning("cascade: %s", _no_time_to_fall_back(one, within_ms))
    if not isinstance(classifier, AsksAliases):
        return
    problems = [sentence for alias in classifier.aliases for sentence in _unfit(classifier.name, alias, deployments)]
    if problems:
        raise StartupError([f"cascade: {problem}" for problem in problems])
    if within_ms < classifier.patience_ms:
        verbose_proxy_logger.warning("cascade: %s", _too_soon(classifier, within_ms))


def _with_parts(classifier: Classifier) -> Iterator[Classifier]:
    yield classifier
    for part in classifier.parts if isinstance(classifier, HasParts) else ():
        yield from _with_parts(part)


def _unfit(name: str, alias: str, deployments: Deployments) -> Iterator[str]:
    named = deployments.behind(alias)
    if any(policy_of(model) or _is_router(model) for model in named):
        yield (
            f"the classifier {name!r} asks {alias!r}, which is virtual, so that each classification would need another one; "
            "name a real deployment"
        )
    elif not named:
        yield f"the classifier {name!r} asks {alias!r}, which is no model_name in model_list; add a deployment of that name"


def _is_router(model: Mapping[str, Any]) -> bool:
    """One of LiteLLM's own routers, which may ask this very classifier."""
    return str((model.get("litellm_params") or {}).get("model")).startswith(ROUTERS)


def _too_soon(classifier: AsksAliases, within_ms: float) -> str:
    asked = " and ".join(map(repr, classifier.aliases))
    return (
        f"a request waits {within_ms:g} ms for its classification, but {asked} may take {classifier.patience_ms:g} ms to answer, so most "
        f"answers would come too late and be paid for in vain; set {WITHIN} to {classifier.patience_ms:g} or more"
    )


def _no_time_to_fall_back(classifier: FallsBack, within_ms: float) -> str:
    return (
        f"a request waits {within_ms:g} ms for its classification, but the service alone may take {classifier.patience_ms:g}, which leaves "
        f"{classifier.fallback!r} no time when the service is late; set {WITHIN} higher, or classifier.options.timeout_ms lower"
    )
