"""What a policy would have seen of a request: the pipeline's signals, and a classifier behind its guard."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from litellm_cascade.classifiers import build
from litellm_cascade.classifiers.guard import Guarded
from litellm_cascade.offline.explaining import PATIENCE_MS
from litellm_cascade.offline.traffic.items import Perceive
from litellm_cascade.pipeline import PromptClassifier
from litellm_cascade.signals import read_signals
from litellm_cascade.vocabulary import Classification, Evidence, Request


@contextmanager
def perceiving(classifier: str) -> Iterator[Perceive]:
    """With a classifier by name, loaded when the first request is read. Raises ClassifierError then, where it cannot be."""
    with asyncio.Runner() as runner:
        ready: list[PromptClassifier] = []

        def perceive(request: Request) -> Evidence:
            if not ready:
                guarded = Guarded(build(classifier), within_ms=PATIENCE_MS)
                runner.run(guarded.warm_up())
                ready.append(guarded)
            belief = runner.run(_asked(ready[0], request))
            return Evidence(envelope=request.envelope, caller=request.caller, signals=read_signals(request), classification=belief)

        yield perceive


async def _asked(classifier: PromptClassifier, request: Request) -> Classification:
    return await classifier.classify(request)
