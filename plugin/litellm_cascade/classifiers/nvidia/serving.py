"""``nvidia`` for a service."""

from __future__ import annotations

from litellm_cascade.classifiers.base import Surroundings
from litellm_cascade.classifiers.nvidia.loading import load
from litellm_cascade.classifiers.nvidia.onnx_engine import OnnxEngine
from litellm_cascade.classifiers.nvidia.options import Options
from litellm_cascade.classifiers.servable import Encoded, Servable
from litellm_cascade.errors import ClassifierError


def servable(options: Options, around: Surroundings) -> Servable:
    """The checkpoint's parts. A service answers with 32 logits a prompt, so a long prompt has one window there: its beginning."""
    if options.long_prompts != "head":
        raise ClassifierError("classifier 'nvidia': options.long_prompts: a service reads the beginning of long prompts: write head")
    loaded = load(options, around.folder)

    def encode(text: str) -> Encoded:
        tokenised = loaded.tokeniser(text)
        return Encoded(ids=tokenised.windows[0], truncated=tokenised.truncated)

    return Servable(
        name="nvidia",
        digest=loaded.digest,
        engine=loaded.engine,
        encode=encode,
        vocabulary=loaded.tokeniser.vocabulary,
        longest=loaded.tokeniser.most_tokens,
        heads=loaded.heads,
        device=loaded.device,
        most_prompts=loaded.most_prompts,
        onnx=loaded.engine.path if isinstance(loaded.engine, OnnxEngine) else None,
    )
