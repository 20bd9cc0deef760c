"""As few alternatives to each token as an alias lets us have: each costs LiteLLM as much as the token itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litellm_cascade.vocabulary import TokenLogprob


class Alternatives:
    """How the aliases of this process are asked for log-probabilities.

    Where the tokens' own are enough, no number of alternatives is named at first, which means none to OpenAI and vLLM. llama.cpp takes it
    for twenty, and sends no log-probabilities at all for a named 0. An alias that has answered with more than was asked for, or without
    any, is asked for one from then on.
    """

    def __init__(self) -> None:
        self._named: set[str] = set()

    def parameters(self, alias: str, wanted: int) -> dict[str, Any]:
        """What a call asks for. ``wanted``: 0: no log-probabilities; 1: the tokens' own; more: so many alternatives to each token."""
        if wanted == 0:
            return {}
        unnamed = wanted == 1 and alias not in self._named
        return {"logprobs": True} if unnamed else {"logprobs": True, "top_logprobs": wanted}

    def came(self, alias: str, tokens: Sequence[TokenLogprob]) -> None:
        """A text for which log-probabilities were asked, and no number of alternatives, has come with these."""
        if not tokens or tokens[0].top:
            self._named.add(alias)
