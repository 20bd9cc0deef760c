"""What a model believes about a prompt. One variant, one file, one line here. See docs/classifiers.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import ValidationError

from litellm_cascade.classifiers.base import Surroundings
from litellm_cascade.errors import ClassifierError, as_it_is

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litellm_cascade.classifiers.base import Classifier, Options

__all__ = ["DEFAULT", "Surroundings", "build", "read_options", "registry"]

DEFAULT: Final = "linear"
"""Who reads prompts where nobody is named. The shipped policies' thresholds, calibrations and gain models were fitted with its answers."""

registry: Final[Mapping[str, str]] = {
    "embedded": "embedded",
    "hierarchical": "hierarchical",
    "linear": "linear",
    "llm": "llm",
    "none": "silent",
    "nvidia": "nvidia",
    "remote": "remote",
    "sequence": "sequence",
}
"""Name -> module here, imported when the classifier is chosen. It has ``Options`` and ``make(options, surroundings)``."""


def build(name: str, options: Mapping[str, Any] | None = None, around: Surroundings | None = None) -> Classifier:
    """The classifier registered under ``name``, with what the operator wrote under ``options``.

    Raises ``ClassifierError`` when there is none, or with a sentence for each option that cannot be used.
    """
    if name not in registry:
        raise ClassifierError(f"classifier {name!r}: no such classifier; choose one of {', '.join(sorted(registry))}")
    module = import_module(f"{__name__}.{registry[name]}")
    made = module.make(read_options(name, module.Options, options or {}), around or Surroundings())
    return cast("Classifier", made)


def read_options(name: str, expected: type[Options], written: Mapping[str, Any]) -> Options:
    """The options of the classifier ``name``, checked. Raises ``ClassifierError`` with a sentence for each that cannot be used."""
    try:
        return expected.model_validate(dict(written))
    except ValidationError as error:
        raise ClassifierError("\n".join(_sentence(name, expected, problem) for problem in error.errors())) from None


def _sentence(name: str, expected: type[Options], problem: Any) -> str:
    where = ".".join(str(part) for part in ("options", *problem["loc"]))
    if problem["type"] == "extra_forbidden":
        known = sorted(field.alias or option for option, field in expected.model_fields.items())
        return f"classifier {name!r}: {where}: there is no such option; the options are {', '.join(known) or 'none'}"
    if problem["type"] == "missing":
        return f"classifier {name!r}: {where}: field required; write it"
    return f"classifier {name!r}: {where}: {problem['msg'][0].lower()}{problem['msg'][1:]}{as_it_is(problem['loc'], problem['input'])}"
