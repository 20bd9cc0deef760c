"""Fine-tunes a sequence classifier of Hugging Face's: weighted classes, a cosine schedule, and an end when it stops getting better.

After each epoch its state is kept in the output folder, so that a run that was interrupted goes on with the next one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.classifiers.sequence_checkpoint import CONFIG, NO_LIMIT, quietly
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.training_sequence.examples import Examples
from litellm_cascade.offline.training_sequence.figures import macro_f1

WARM_UP = 0.1
"""Of all steps, in which the learning rate rises (Devlin et al. 2018)."""
WEIGHT_DECAY = 0.01
CLIP = 1.0
STATE = "training.pt"
UNFINISHED = "training.part"
"""The state while it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How to train."""

    model: str
    epochs: int
    patience: int
    batch: int
    learning_rate: float
    max_tokens: int
    seed: int
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One pass, and what the validation part says of it."""

    number: int
    loss: float
    macro_f1: float


class Trained:
    """A model and its tokenizer, with the epochs that led there; the weights are those of the best."""

    def __init__(self, model: Any, tokenizer: Any, epochs: Sequence[Epoch], course: Course) -> None:
        self.model, self.tokenizer, self.epochs, self.course = model, tokenizer, epochs, course

    @property
    def best(self) -> Epoch:
        """The epoch whose weights these are."""
        return max(self.epochs, key=lambda epoch: epoch.macro_f1)

    def say(self, texts: Sequence[str]) -> NDArray[np.int_]:
        """The place of the most probable label of each text."""
        return _said(self.model, self.tokenizer, texts, self.course)

    def save(self, folder: Path) -> None:
        """As Hugging Face's libraries read it: safetensors, configuration, tokenizer. Raises ConfigurationError."""
        from safetensors import SafetensorError  # noqa: PLC0415 - the extra torch

        try:
            with quietly():
                self.model.save_pretrained(folder, safe_serialization=True)
                self.tokenizer.save_pretrained(folder)
            for weights in folder.glob("*.safetensors"):  # written for their owner alone, and the proxy may be somebody else
                weights.chmod((folder / CONFIG).stat().st_mode)
        except (OSError, SafetensorError) as error:
            raise _unwritable(folder, error) from None


def train(examples: Examples, course: Course, folder: Path, told: Callable[[Epoch], object]) -> Trained:
    """Train until the validation part has not got better for ``patience`` epochs. Raises ConfigurationError."""
    import torch  # noqa: PLC0415 - the extra torch
    from transformers import get_cosine_schedule_with_warmup  # noqa: PLC0415 - the extra torch

    torch.manual_seed(course.seed)
    model, tokenizer = _opened(course, examples.labels)
    course = replace(course, max_tokens=_most_tokens(model, tokenizer, course))
    model.to(course.device)
    texts, targets = examples.of("train")
    optimizer = torch.optim.AdamW(model.parameters(), lr=course.learning_rate, weight_decay=WEIGHT_DECAY)
    steps = course.epochs * -(-len(texts) // course.batch)
    schedule = get_cosine_schedule_with_warmup(optimizer, int(WARM_UP * steps), steps)
    loss_of = torch.nn.CrossEntropyLoss(
        weight=torch.tensor(class_weights(targets, len(examples.labels)), dtype=torch.float32).to(course.device)
    )
    kept = _State(folder / STATE, {**asdict(course), "data": examples.digest, "labels": list(examples.labels)})
    epochs, best = kept.restore(model, optimizer, schedule)
    while not _is_over(epochs, course):
        loss = _epoch(model, tokenizer, texts, targets, course, len(epochs), (optimizer, schedule, loss_of))
        checked, right = examples.of("validation")
        f1 = macro_f1(_said(model, tokenizer, checked, course), right, len(examples.labels))
        epochs.append(Epoch(number=len(epochs) + 1, loss=loss, macro_f1=f1))
        if f1 >= max(epoch.macro_f1 for epoch in epochs):
            best = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
        kept.keep(model, optimizer, schedule, epochs, best)
        told(epochs[-1])
    model.load_state_dict(best)
    model.eval()
    return Trained(model, tokenizer, epochs, course)


def class_weights(targets: NDArray[np.int_], classes: int) -> list[float]:
    """So that every class counts alike, with the mean 1 over the texts (scikit-learn's ``balanced``)."""
    counts = np.bincount(targets, minlength=classes)
    return [float(len(targets) / (classes * count)) if count else 0.0 for count in counts]


def _is_over(epochs: Sequence[Epoch], course: Course) -> bool:
    if len(epochs) >= course.epochs:
        return True
    best = max(range(len(epochs)), key=lambda place: epochs[place].macro_f1, default=0)
    return len(epochs) - best > course.patience


def _opened(course: Course, labels: Sequence[str]) -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415 - the extra torch

    names = {"id2label": dict(enumerate(labels)), "label2id": {label: place for place, label in enumerate(labels)}}
    try:
        with quietly():  # of a head that is to be trained nobody has to hear that it is new
            tokenizer = AutoTokenizer.from_pretrained(course.model)
            model = AutoModelForSequenceClassification.from_pretrained(
                course.model, num_labels=len(labels), ignore_mismatched_sizes=True, use_safetensors=True, **names
            )
    except (OSError, ValueError, KeyError) as error:
        what = str(error).partition("\n")[0][:200]
        remedy = "name a folder with config.json, tokenizer.json and model.safetensors, or an id of the Hugging Face hub that is cached"
        raise ConfigurationError([f"{course.model}: cannot be opened as a model ({what}); {remedy}"]) from None
    model.config.problem_type = "single_label_classification"
    return model, tokenizer


def _most_tokens(model: Any, tokenizer: Any, course: Course) -> int:
    """What is asked for, or what the model takes."""
    told = getattr(model.config, "max_position_embeddings", None), tokenizer.model_max_length
    return int(min([course.max_tokens, *(limit for limit in told if isinstance(limit, int | float) and 0 < limit < NO_LIMIT)]))


def _epoch(
    model: Any, tokenizer: Any, texts: Sequence[str], targets: NDArray[np.int_], course: Course, number: int, how: tuple[Any, Any, Any]
) -> float:
    import torch  # noqa: PLC0415 - the extra torch

    optimizer, schedule, loss_of = how
    order = list(range(len(texts)))
    Random(f"{course.seed}:{number}").shuffle(order)
    model.train()
    losses = []
    for rows in _batches(order, course.batch):
        logits = model(**_tokens(tokenizer, [texts[row] for row in rows], course)).logits
        loss = loss_of(logits, torch.tensor(targets[rows]).to(course.device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def _said(model: Any, tokenizer: Any, texts: Sequence[str], course: Course) -> NDArray[np.int_]:
    import torch  # noqa: PLC0415 - the extra torch

    model.eval()
    found: list[int] = []
    with torch.inference_mode():
        for rows in _batches(list(range(len(texts))), 2 * course.batch):
            logits = model(**_tokens(tokenizer, [texts[row] for row in rows], course)).logits
            found += logits.argmax(dim=-1).tolist()
    return np.array(found, dtype=int)


def _tokens(tokenizer: Any, texts: list[str], course: Course) -> Any:
    return tokenizer(texts, truncation=True, max_length=course.max_tokens, padding=True, return_tensors="pt").to(course.device)


def _batches(order: list[int], size: int) -> Iterator[list[int]]:
    for begin in range(0, len(order), size):
        yield order[begin : begin + size]


class _State:
    """What a run has come to, beside what it is a run of: nothing else may go on from it. Read as tensors and plain values alone."""

    def __init__(self, file: Path, what: dict[str, Any]) -> None:
        self._file, self._what = file, json.dumps(what, sort_keys=True)

    def restore(self, model: Any, optimizer: Any, schedule: Any) -> tuple[list[Epoch], dict[str, Any]]:
        import torch  # noqa: PLC0415 - the extra torch

        if not self._file.exists():
            return [], {}
        try:
            kept = torch.load(self._file, weights_only=True)
            if kept["what"] == self._what:
                model.load_state_dict(kept["model"])
                optimizer.load_state_dict(kept["optimizer"])
                schedule.load_state_dict(kept["schedule"])
                torch.set_rng_state(kept["random"])
                return [Epoch(**epoch) for epoch in kept["epochs"]], kept["best"]
        except Exception as error:  # noqa: BLE001 - torch raises nearly anything for a file that is none of its own
            what = type(error).__name__
            raise ConfigurationError([f"{self._file}: is no training that was interrupted ({what}); remove it to begin anew"]) from None
        raise ConfigurationError([f"{self._file}: is of other data, another model or other options; remove it to begin anew"])

    def keep(self, model: Any, optimizer: Any, schedule: Any, epochs: Sequence[Epoch], best: dict[str, Any]) -> None:
        import torch  # noqa: PLC0415 - the extra torch

        states = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
        content = {
            **states,
            "what": self._what,
            "epochs": [asdict(epoch) for epoch in epochs],
            "best": best,
            "random": torch.get_rng_state(),
        }
        beside = self._file.with_name(UNFINISHED)
        try:
            torch.save(content, beside)
            beside.replace(self._file)
        except (OSError, RuntimeError) as error:  # of a full disk torch says that a position is not what it expected
            beside.unlink(missing_ok=True)
            raise _unwritable(self._file, error) from None


def _unwritable(path: Path, error: Exception) -> ConfigurationError:
    why = "is there space left, and may you write there?"
    return ConfigurationError([f"{path}: cannot be written ({type(error).__name__}); {why} The same command goes on with the next epoch"])
