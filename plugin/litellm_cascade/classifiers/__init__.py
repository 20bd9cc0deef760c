"""What a model believes about a prompt. One variant, one file, one line here. See docs/classifiers.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from litellm_cascade.errors import ClassifierError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from litellm_cascade.classifiers.base import Classifier

__all__ = ["build", "registry"]


def _in_module(module: str, name: str) -> Callable[..., Classifier]:
    """A factory that imports its module when it is called, so that a classifier nobody chose costs nothing."""

    def factory(**options: Any) -> Classifier:
        made = getattr(import_module(f"{__name__}.{module}"), name)
        return cast("Classifier", made(**options))

    return factory


registry: Final[Mapping[str, Callable[..., Classifier]]] = {
    "embedded": _in_module("linear", "Linear"),  # the default
    "linear": _in_module("linear", "Linear"),
    "none": _in_module("base", "Silent"),
}
"""Name -> factory. A factory takes the options of its class by keyword."""


def build(name: str, **options: Any) -> Classifier:
    """The classifier registered under ``name``. Raises ``ClassifierError`` when there is none."""
    if name not in registry:
        raise ClassifierError(f"classifier {name!r}: no such classifier; choose one of {', '.join(sorted(registry))}")
    return registry[name](**options)
