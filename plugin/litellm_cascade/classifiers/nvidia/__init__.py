"""``nvidia``: nvidia/prompt-task-and-complexity-classifier from the operator's own copy. No auto classes, no code from the hub.

Its config.json names no architecture, so libraries that guess one from the repository's name load another, with random weights.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from litellm_cascade.classifiers.base import Surroundings, nothing_to_read, prompt_of
from litellm_cascade.classifiers.batching import Batcher
from litellm_cascade.classifiers.eight_heads import read
from litellm_cascade.classifiers.nvidia.loading import Loaded, load
from litellm_cascade.classifiers.nvidia.options import Options
from litellm_cascade.classifiers.nvidia.serving import servable
from litellm_cascade.classifiers.nvidia.windows import together
from litellm_cascade.classifiers.threads import Threads
from litellm_cascade.vocabulary import Classification, Request

__all__ = ["Options", "make", "servable"]

_TOKENISERS: Final = 2  # threads; what they call releases the interpreter


def make(options: Options, around: Surroundings) -> Nvidia:
    """The classifier ``nvidia``."""
    return Nvidia(options, around)


class Nvidia:
    """Task type, dimensions and complexity by the eight heads. Loads once, in a thread, by ``warm_up`` or by the first request."""

    name: Final = "nvidia"

    def __init__(self, options: Options, around: Surroundings) -> None:
        self._options = options
        self._around = around
        self._loading = threading.Lock()
        self._ready: tuple[Loaded, Batcher] | None = None
        self._threads = Threads("nvidia-tokens", workers=_TOKENISERS, outstanding=options.outstanding)

    @property
    def digest(self) -> str:
        """First 16 hex digits of the weights' SHA-256; empty until they are loaded."""
        return self._ready[0].digest if self._ready else ""

    async def warm_up(self) -> None:
        """Load and try it. Raises ``ClassifierError``."""
        await asyncio.to_thread(self._load)

    def reads(self, request: Request) -> str:
        """What the user asked last."""
        return prompt_of(request)

    async def classify(self, request: Request) -> Classification:
        """What the weights believe. Computes in other threads."""
        return (await self.show(request))[0]

    async def show(self, request: Request) -> tuple[Classification, Mapping[str, Any]]:
        """What the weights believe, and of each window of the prompt that it was read from the number of its tokens and the 32 logits."""
        ready = self._ready
        loaded, batcher = ready if ready is not None else await asyncio.to_thread(self._load)
        began = time.perf_counter()
        text = prompt_of(request)
        if not text.strip():
            return nothing_to_read(self), {}
        tokenised = await self._threads.run(partial(loaded.tokeniser, text))
        rows = await asyncio.gather(*(batcher.logits(ids) for ids in tokenised.windows))
        belief = replace(
            together([read(row, loaded.heads) for row in rows]).classification(),
            classifier=self.name,
            digest=loaded.digest,
            device=loaded.device,
            took_ms=(time.perf_counter() - began) * 1000,
            truncated=tokenised.truncated,
        )
        return belief, {"tokens": [*map(len, tokenised.windows)], "logits": [row.tolist() for row in rows]}

    def _load(self) -> tuple[Loaded, Batcher]:
        with self._loading:
            ready = self._ready or self._loaded()
            self._ready = ready
            return ready

    def _loaded(self) -> tuple[Loaded, Batcher]:
        options, tell = self._options, self._around.on_batch
        loaded = load(options, self._around.folder)
        return loaded, Batcher(
            self.name,
            loaded.engine,
            most_tokens=options.most_tokens,
            most_prompts=loaded.most_prompts,
            outstanding=options.outstanding,
            on_batch=(lambda batch: tell(batch.prompts)) if tell is not None else None,
        )
