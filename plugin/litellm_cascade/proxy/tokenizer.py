"""How the tokens of a text are counted: the settings' word for it, and the counter."""

from __future__ import annotations

from collections.abc import Mapping

import litellm

from litellm_cascade.signals import TokenCounter, estimate_tokens

LONGEST = 50_000
"""Characters beyond which tokens are estimated after all: the tokenizer takes 10 ms for this many, and far longer for odd texts."""


def tiktoken_tokens(text: str) -> float:
    """With ``cl100k_base``, which LiteLLM brings along and counts with itself where a provider has no tokenizer of its own."""
    if len(text) > LONGEST:
        return estimate_tokens(text)
    return len(litellm.encoding.encode(text, disallowed_special=()))


COUNTERS: Mapping[str, TokenCounter] = {"estimate": estimate_tokens, "tiktoken": tiktoken_tokens}
