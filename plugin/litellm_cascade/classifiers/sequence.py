"""Any sequence classifier of Hugging Face's, a fine-tuned DistilBERT for example: its labels become the words that policies use."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from math import exp
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from litellm_cascade.classifiers.base import Options as AnyOptions
from litellm_cascade.classifiers.base import Surroundings, ends
from litellm_cascade.classifiers.devices import Device
from litellm_cascade.classifiers.local import Local
from litellm_cascade.classifiers.sequence_checkpoint import Checkpoint, load, logits_of
from litellm_cascade.classifiers.threads import Threads
from litellm_cascade.errors import ClassifierError
from litellm_cascade.vocabulary import TASK_TYPES, Classification

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


CHARACTERS_PER_TOKEN: Final = 16
"""More than any text has: what lies beyond cannot come among the tokens that are read, so it need not be tokenised."""
UNKNOWN: Final = "Unknown"


class Options(AnyOptions):
    """Which checkpoint, and what its labels mean."""

    model: str
    """A folder, relative to LiteLLM's configuration file, or an id of the Hugging Face hub."""
    revision: str | None = None
    """Of the hub: a branch, a tag, or best a commit."""
    labels: Mapping[str, str] = {}
    """The checkpoint's label -> what policies call it: an alias, a tier, a task type. Labels of one name add up; the others keep theirs."""
    means: Literal["label", "task", "domain"] = "label"
    """What the names are, besides ``classification.label``: also the task type, or also the domain."""
    complexity: Mapping[str, Annotated[float, Field(ge=0, le=1)]] = {}
    """How hard each name is; the mean, weighted with the probabilities, is ``classification.complexity``."""
    max_tokens: Annotated[int, Field(ge=8)] = 512
    device: Device = "auto"
    threads: Annotated[int, Field(ge=1)] = 1
    """Of torch, on a CPU."""
    queue: Annotated[int, Field(ge=1)] = 16
    """Prompts that may wait; more are turned away."""


def make(options: Options, around: Surroundings) -> SequenceClassifier:
    """The classifier ``sequence``."""
    return SequenceClassifier(options, around.folder)


class SequenceClassifier(Local[Checkpoint]):
    """Loads and classifies in a thread of its own, one prompt after the other."""

    name: Final = "sequence"

    def __init__(self, options: Options, beside: Path) -> None:
        super().__init__()
        self._options = options
        self._beside = beside
        self._threads = Threads(self.name, workers=1, outstanding=options.queue)

    def _load(self) -> Checkpoint:
        try:
            import torch  # noqa: PLC0415
            import transformers  # noqa: F401, PLC0415
        except ImportError:
            raise ClassifierError("classifier 'sequence': it needs torch and transformers; pip install 'litellm-cascade[torch]'") from None
        torch.set_num_threads(self._options.threads)
        options = self._options
        checkpoint = load(options.model, options.revision, self._beside, device=options.device, most_tokens=options.max_tokens)
        check_names(options, checkpoint.labels)
        return checkpoint

    async def _read(self, model: Checkpoint, text: str) -> tuple[Classification, Mapping[str, Any]]:
        return await self._threads.run(lambda: self._judged(model, text))

    def _judged(self, checkpoint: Checkpoint, text: str) -> tuple[Classification, Mapping[str, Any]]:
        began = time.perf_counter()
        head, cut = ends(text, head=checkpoint.most_tokens * CHARACTERS_PER_TOKEN, tail=0)
        logits, tokens, left = logits_of(checkpoint, head)
        odds = _sigmoids(logits) if checkpoint.independent else _softmax(logits)
        belief = self._belief(checkpoint, odds, took_ms=(time.perf_counter() - began) * 1000, truncated=cut or left)
        return belief, {"tokens": tokens, "logits": dict(zip(checkpoint.labels, logits, strict=True))}

    def _belief(self, checkpoint: Checkpoint, odds: Sequence[float], *, took_ms: float, truncated: bool) -> Classification:
        by_name = named(checkpoint.labels, odds, self._options.labels)
        best = max(by_name, key=lambda name: by_name[name])
        is_task = self._options.means == "task"
        return Classification(
            task=best if is_task else UNKNOWN,
            task_probability=by_name[best] if is_task else 0.0,
            task_probabilities=by_name if is_task else {},
            complexity=_mean(self._options.complexity, by_name),
            domain=best if self._options.means == "domain" else "",
            label=best,
            labels=by_name,
            classifier=self.name,
            digest=checkpoint.digest,
            device=checkpoint.device,
            took_ms=took_ms,
            truncated=truncated,
        )


def named(labels: Sequence[str], odds: Sequence[float], names: Mapping[str, str]) -> dict[str, float]:
    """Probabilities by the names that policies use; labels of one name add up, to 1 at most."""
    added: defaultdict[str, float] = defaultdict(float)
    for label, probability in zip(labels, odds, strict=True):
        added[names.get(label, label)] += probability
    return {name: min(1.0, probability) for name, probability in added.items()}


def check_names(options: Options, labels: Sequence[str]) -> None:
    """Raises ``ClassifierError`` with one sentence for each name in the options that does not fit the checkpoint's labels."""
    names = {options.labels.get(label, label) for label in labels}
    told = ", ".join(labels)
    problems = [
        f"options.labels: {label!r} is no label of the checkpoint, which has {told}" for label in options.labels if label not in labels
    ]
    problems += [
        f"options.complexity: {name!r} is no name of a label; the names are {', '.join(sorted(names))}"
        for name in options.complexity
        if name not in names
    ]
    if options.complexity:
        problems += [f"options.complexity: {name!r} has no number" for name in sorted(names - options.complexity.keys())]
    if options.means == "task":
        problems += [
            f"options.means is task, and {name!r} is no task type; name it under options.labels as one of {', '.join(TASK_TYPES)}"
            for name in sorted(names - {*TASK_TYPES, UNKNOWN})
        ]
    if problems:
        raise ClassifierError("\n".join(f"classifier 'sequence': {problem}" for problem in problems))


def _mean(complexity: Mapping[str, float], by_name: Mapping[str, float]) -> float:
    """0.5, which is what an unknown complexity is, where the names have no numbers."""
    total = sum(by_name.values())
    return sum(complexity[name] * probability for name, probability in by_name.items()) / total if complexity and total else 0.5


def _softmax(logits: Sequence[float]) -> list[float]:
    top = max(logits)
    odds = [exp(logit - top) for logit in logits]
    return [one / sum(odds) for one in odds]


def _sigmoids(logits: Sequence[float]) -> list[float]:
    return [1 / (1 + exp(-max(-700.0, min(700.0, logit)))) for logit in logits]
