"""The embedded classifier of the microsecond path: hashed n-grams, one int8 matrix, numpy alone. Works offline right after the install."""

from __future__ import annotations

import asyncio
import hashlib
import io
import threading
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
        total = features.dense @ self.dense
        for group in features.groups:
            if len(group):
                total = total + self.hashed[group].sum(axis=0, dtype=np.int32) * (self.scales / sqrt(len(group)))
        return np.asarray(total, np.float32)


class Linear:
    """Task type and complexity of a prompt from a linear model.

    ``weights`` is an .npz file as ``litellm_cascade.offline.train_linear`` writes it, ``chances`` one that was fitted with
    ``litellm_cascade.offline.gaining``. They are read once, in a thread, by ``warm_up`` or by the first request.
    """

    name: Final = "linear"

    def __init__(self, *, weights: Path = SHIPPED, chances: Path | None = None) -> None:
        self._path, self._chances_path = Path(weights), chances
        self._weights: Weights | None = None
        self._chances: Chances | None = None
        self._loading = threading.Lock()

    @property
    def digest(self) -> str:
        """First 16 hex digits of the file's SHA-256, with chances of that of both; empty until they are loaded."""
        if self._weights is None or self._chances is None:
            return self._weights.digest if self._weights else ""
        return hashlib.sha256(f"{self._weights.digest} {self._chances.digest}".encode()).hexdigest()[:16]

    async def warm_up(self) -> None:
        """Read the weights. Raises ``ClassifierError`` when the file is missing or not what it should be."""
        if self._weights is None:
            await asyncio.to_thread(self._load)

    def reads(self, request: Request) -> str:
        """What the user asked last."""
        return prompt_of(request)

    async def classify(self, request: Request) -> Classification:
        """Runs on the event loop: 0.25 ms for 128 tokens, 0.5 ms for the longest text it reads; a thread would not save the loop much."""
        return (await self.show(request))[0]

    async def show(self, request: Request) -> tuple[Classification, Mapping[str, Any]]:
        """What it believes, and the logits: one for each task type, and complexity's."""
        await self.warm_up()
        began = time.perf_counter()
        text, truncated = ends(prompt_of(request), head=HEAD_CHARACTERS, tail=TAIL_CHARACTERS)
        weights = self._load()
        if not text.strip():
            return nothing_to_read(self), {}
        logits = weights.logits(read_features(text))
        probabilities = softmax(logits[:-1])
        task = max(probabilities, key=lambda name: probabilities[name])
        belief = Classification(
            task=task,
            task_probability=probabilities[task],
            task_probabilities=probabilities,
            complexity=1 / (1 + exp(-float(np.clip(logits[-1], -30, 30)))),
            chances=self._chances.of(text) if self._chances else {},
            classifier=self.name,
            digest=self.digest,
            took_ms=(time.perf_counter() - began) * 1000,
            truncated=truncated,
        )
        return belief, {"logits": dict(zip((*TASK_TYPES, "complexity"), logits.tolist(), strict=True))}

    def _load(self) -> Weights:
        with self._loading:
            if self._weights is None:
                if self._chances_path is not None:
                    self._chances = read_chances(self._chances_path)
                self._weights = read_weights(self._path)
            return self._weights


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
    tried = read_features("Hi")  # also has numpy load what it loads late, which the first request would wait for otherwise
    shapes = {"hashed": (BUCKETS, _COLUMNS), "scales": (_COLUMNS,), "dense": (len(tried.dense), _COLUMNS), "version": ()}
    if any(arrays[name].shape != shape for name, shape in shapes.items()) or int(arrays["version"]) != VERSION:
        raise ClassifierError(f"classifier 'linear': the weights at {path} are for another version of litellm-cascade: {_MEND}")
    return Weights(arrays["hashed"], arrays["scales"], arrays["dense"], hashlib.sha256(content).hexdigest()[:16])
