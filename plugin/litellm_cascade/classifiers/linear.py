"""The embedded classifier of the microsecond path: hashed n-grams, one int8 matrix, numpy alone. Works offline right after the install."""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from dataclasses import dataclass
from math import exp, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from litellm_cascade.classifiers.base import Options as AnyOptions
from litellm_cascade.classifiers.base import Surroundings, ends, nothing_to_read, prompt_of
from litellm_cascade.classifiers.chances import Chances, read_chances
from litellm_cascade.classifiers.features import BUCKETS, HEAD_CHARACTERS, TAIL_CHARACTERS, VERSION, Features, read_features
from litellm_cascade.classifiers.local import Local
from litellm_cascade.errors import ClassifierError
from litellm_cascade.vocabulary import TASK_TYPES, Classification

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from litellm_cascade.vocabulary import Request

SHIPPED: Final = Path(__file__).parent / "weights" / "linear.npz"
_COLUMNS: Final = len(TASK_TYPES) + 1  # the task types, then complexity
_MEND: Final = "reinstall litellm-cascade, or train one: python -m litellm_cascade.offline.train_linear --data DIR --out FILE"


class Options(AnyOptions):
    """Which weights."""

    weights: Path | None = None
    """An .npz file of your own, relative to LiteLLM's configuration file; without it those that are shipped."""
    chances: Path | None = None
    """An .npz file of `cascade train gain --chances`: how likely your aliases are right, for `strategy: learned`; relative likewise."""


def make(options: Options, around: Surroundings) -> Linear:
    """The classifier ``linear``."""
    weights, chances = (around.folder / path if path else None for path in (options.weights, options.chances))
    return Linear(weights=weights or SHIPPED, chances=chances)


@dataclass(frozen=True, slots=True)
class Weights:
    """``hashed[bucket, column] * scales[column]`` is a weight; ``dense`` has a row per dense feature. Logits, in nats."""

    hashed: NDArray[np.int8]
    scales: NDArray[np.float32]
    dense: NDArray[np.float32]
    digest: str = ""

    def logits(self, features: Features) -> NDArray[np.float32]:
        """One logit per task type, then complexity's."""
        shares = np.concatenate([np.full(len(group), 1 / sqrt(len(group) or 1), np.float32) for group in features.groups])
        rows = self.hashed.take(np.concatenate(features.groups), axis=0).astype(np.float32)
        return np.asarray(features.dense @ self.dense + (shares @ rows) * self.scales)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Weights, and the chances beside them."""

    weights: Weights
    chances: Chances | None

    @property
    def digest(self) -> str:
        """Of the weights' file; with chances of both."""
        if self.chances is None:
            return self.weights.digest
        return hashlib.sha256(f"{self.weights.digest} {self.chances.digest}".encode()).hexdigest()[:16]


class Linear(Local[Loaded]):
    """Task type and complexity of a prompt from a linear model.

    ``weights`` is an .npz file as ``litellm_cascade.offline.train_linear`` writes it, ``chances`` one that was fitted with
    ``litellm_cascade.offline.gaining``. Runs on the event loop: 0.25 ms for 128 tokens, 0.5 ms for the longest text it reads; a thread
    would not save the loop much.
    """

    name: Final = "linear"

    def __init__(self, *, weights: Path = SHIPPED, chances: Path | None = None) -> None:
        super().__init__()
        self._path, self._chances_path = Path(weights), chances

    def _load(self) -> Loaded:
        chances = read_chances(self._chances_path) if self._chances_path is not None else None
        return Loaded(read_weights(self._path), chances)

    def at_once(self, request: Request) -> Classification | None:
        """What it believes; None while the weights are not loaded."""
        if self._model is None:
            return None
        text = prompt_of(request)
        return self._believed(self._model, text)[0] if text.strip() else nothing_to_read(self)

    async def _read(self, model: Loaded, text: str) -> tuple[Classification, Mapping[str, Any]]:
        return self._believed(model, text)

    def _believed(self, model: Loaded, text: str) -> tuple[Classification, Mapping[str, Any]]:
        began = time.perf_counter()
        text, truncated = ends(text, head=HEAD_CHARACTERS, tail=TAIL_CHARACTERS)
        logits = model.weights.logits(read_features(text))
        probabilities = softmax(logits[:-1])
        task = max(probabilities, key=lambda name: probabilities[name])
        belief = Classification(
            task=task,
            task_probability=probabilities[task],
            task_probabilities=probabilities,
            complexity=1 / (1 + exp(-min(max(float(logits[-1]), -30.0), 30.0))),
            chances=model.chances.of(text) if model.chances else {},
            classifier=self.name,
            digest=self.digest,
            took_ms=(time.perf_counter() - began) * 1000,
            truncated=truncated,
        )
        return belief, {"logits": dict(zip((*TASK_TYPES, "complexity"), logits.tolist(), strict=True))}


def softmax(logits: NDArray[np.float32]) -> dict[str, float]:
    """Probabilities by task type; they sum to one."""
    odds = np.exp(logits.astype(np.float64) - logits.max())
    return dict(zip(TASK_TYPES, (odds / odds.sum()).tolist(), strict=True))


def read_weights(path: Path) -> Weights:
    """Weights from a file, checked. Raises ``ClassifierError`` saying what is wrong, where, and how to mend it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ClassifierError(f"classifier 'linear': cannot read the weights at {path} ({error.strerror}): {_MEND}") from error
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("hashed", "scales", "dense", "version")}
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ClassifierError(f"classifier 'linear': the weights at {path} are corrupt: {_MEND}") from error
    if not all(values.dtype.kind in "iuf" and np.isfinite(values).all() for values in arrays.values()):
        raise ClassifierError(f"classifier 'linear': the weights at {path} are corrupt: {_MEND}")
    tried = read_features("Hi")  # also has numpy load what it loads late, which the first request would wait for otherwise
    shapes = {"hashed": (BUCKETS, _COLUMNS), "scales": (_COLUMNS,), "dense": (len(tried.dense), _COLUMNS), "version": ()}
    if any(arrays[name].shape != shape for name, shape in shapes.items()) or int(arrays["version"]) != VERSION:
        raise ClassifierError(f"classifier 'linear': the weights at {path} are for another version of litellm-cascade: {_MEND}")
    return Weights(arrays["hashed"], arrays["scales"], arrays["dense"], hashlib.sha256(content).hexdigest()[:16])
