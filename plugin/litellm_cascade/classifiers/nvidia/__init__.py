"""``nvidia``: nvidia/prompt-task-and-complexity-classifier from the operator's own copy. No auto classes, no code from the hub.

Its config.json names no architecture, so libraries that guess one from the repository's name load another, with random weights.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from litellm_cascade.classifiers.base import Surroundings
from litellm_cascade.classifiers.batching import Batcher
from litellm_cascade.classifiers.eight_heads import read
from litellm_cascade.classifiers.local import Local
from litellm_cascade.classifiers.nvidia.loading import Loaded, load
from litellm_cascade.classifiers.nvidia.options import Options
from litellm_cascade.classifiers.nvidia.serving import servable
from litellm_cascade.classifiers.nvidia.windows import together
from litellm_cascade.classifiers.threads import Threads
from litellm_cascade.vocabulary import Classification

__all__ = ["Options", "make", "servable"]

_TOKENISERS: Final = 2  # threads; what they call releases the interpreter


def make(options: Options, around: Surroundings) -> Nvidia:
    """The classifier ``nvidia``."""
    return Nvidia(options, around)


@dataclass(frozen=True, slots=True)
class Ready:
    """What was loaded, and who computes with it."""

    loaded: Loaded
    batcher: Batcher

    @property
    def digest(self) -> str:
        """Of the weights."""
        return self.loaded.digest


class Nvidia(Local[Ready]):
    """Task type, dimensions and complexity by the eight heads. Computes in other threads."""

    name: Final = "nvidia"

    def __init__(self, options: Options, around: Surroundings) -> None:
        super().__init__()
        self._options = options
        self._around = around
        self._threads = Threads("nvidia-tokens", workers=_TOKENISERS, outstanding=options.outstanding)

    def _load(self) -> Ready:
        options, tell = self._options, self._around.on_batch
        loaded = load(options, self._around.folder)
        batcher = Batcher(
            self.name,
            loaded.engine,
            most_tokens=options.most_tokens,
            most_prompts=loaded.most_prompts,
            outstanding=options.outstanding,
            on_batch=(lambda batch: tell(batch.prompts)) if tell is not None else None,
        )
        return Ready(loaded, batcher)

    async def _read(self, model: Ready, text: str) -> tuple[Classification, Mapping[str, Any]]:
        """And of each window of the prompt that it was read from the number of its tokens and the 32 logits."""
        began, loaded = time.perf_counter(), model.loaded
        tokenised = await self._threads.run(partial(loaded.tokeniser, text))
        rows = await asyncio.gather(*(model.batcher.logits(ids) for ids in tokenised.windows))
        belief = replace(
            together([read(row, loaded.heads) for row in rows]).classification(),
            classifier=self.name,
            digest=loaded.digest,
            device=loaded.device,
            took_ms=(time.perf_counter() - began) * 1000,
            truncated=tokenised.truncated,
        )
        return belief, {"tokens": [*map(len, tokenised.windows)], "logits": [row.tolist() for row in rows]}
