"""A classifier of the eight-head family as parts that a service can put together: text to ids, ids to logits, and how to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from litellm_cascade import classifiers
from litellm_cascade.classifiers.base import Surroundings
from litellm_cascade.classifiers.eight_heads import NVIDIA, SIZES, HeadMap
from litellm_cascade.errors import ClassifierError

if TYPE_CHECKING:
    from litellm_cascade.classifiers.batching import Engine, Ids

FACTORY: Final = "servable"
"""What a classifier's module has beside ``make`` where it can be served: ``servable(options, around) -> Servable``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A prompt as the engine takes it."""

    ids: Ids  # special tokens included, never empty
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Servable:
    """What a service needs of a classifier, loaded and ready. ``encode`` may be called in any thread, and takes text of any length."""

    name: str
    digest: str
    engine: Engine
    encode: Callable[[str], Encoded]
    vocabulary: int  # ids are smaller
    longest: int  # ids of one prompt, at most
    heads: HeadMap = NVIDIA
    outcomes: tuple[str, ...] = ()  # what the logits behind those of the eight heads are, log-odds each
    device: str = "cpu"
    most_prompts: int = 256  # in a batch; on a CPU batches of unlike lengths may take longer than their prompts one by one
    onnx: Path | None = None  # the same engine as a file with the inputs input_ids and attention_mask, where there is one


def load(name: str, options: Mapping[str, Any], around: Surroundings) -> Servable:
    """The parts of the classifier ``name``, or of your own: ``package.module:function``, called with the options and the surroundings.

    Blocks until the weights are loaded. Raises ``ClassifierError`` saying what cannot be used.
    """
    if ":" in name:
        return _served(name, _own(name)(options, around))
    if name not in classifiers.registry:
        raise ClassifierError(f"classifier {name!r}: no such classifier; choose one of {', '.join(sorted(classifiers.registry))}")
    module = import_module(f"litellm_cascade.classifiers.{classifiers.registry[name]}")
    factory = getattr(module, FACTORY, None)
    if factory is None:
        raise ClassifierError(f"classifier {name!r}: it has no eight heads, so there is nothing to serve; run it in the proxy itself")
    return cast("Servable", factory(classifiers.read_options(name, module.Options, options), around))


def config_of(heads: HeadMap) -> dict[str, Any]:
    """The head map as a checkpoint's config.json has it; ``eight_heads.read_heads`` reads it back."""
    return {
        "task_type_map": {str(index): name for index, name in enumerate(heads.task_names)},
        "weights_map": {head: list(heads.weights[head]) for head in SIZES if head != "task_type"},
        "divisor_map": {head: heads.divisors.get(head, 1) for head in SIZES if head != "task_type"},
    }


def _own(name: str) -> Callable[[Mapping[str, Any], Surroundings], Any]:
    where, _, what = name.partition(":")
    try:
        found = getattr(import_module(where), what)
    except (ImportError, AttributeError, ValueError) as error:
        raise ClassifierError(f"classifier {name!r}: cannot be imported ({error}); write package.module:function") from error
    if not callable(found):
        raise ClassifierError(f"classifier {name!r}: is no function; write package.module:function")
    return cast("Callable[[Mapping[str, Any], Surroundings], Any]", found)


def _served(name: str, made: Any) -> Servable:
    if not isinstance(made, Servable):
        raise ClassifierError(f"classifier {name!r}: returned a {type(made).__name__} instead of a {Servable.__module__}.Servable")
    return made
