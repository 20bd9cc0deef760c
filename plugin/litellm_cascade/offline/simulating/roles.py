"""The simulated roles as a policy's aliases: the same answers as behind the proxy, at the prices of the design."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from litellm_cascade.offline.simulating.driving import Answers, Said
from litellm_cascade.simulated import answers
from litellm_cascade.simulated.difficulty import Difficulty
from litellm_cascade.simulated.profiles import PROFILES

USD_PER_TOKEN: Final[Mapping[str, float]] = {"small": 1e-6, "sql": 5e-6, "large": 9e-5}
"""As in litellm_config.yaml: $0.001, $0.005 and $0.09 for a thousand tokens."""
SMALL, LARGE = "small", "large"
ROLES: Final = tuple(PROFILES)


def role_answers(bands: Mapping[str, Difficulty], seed: int) -> Answers:
    """What the simulated roles say to prompts whose band is known by construction: the simulator's rule of thumb is not asked."""

    @cache
    def said(prompt: str, alias: str) -> Said:
        one = answers.answer(prompt, alias, seed, ask=answers.Ask(difficulty=bands[prompt]))
        tokens = one.usage.input_tokens + one.usage.output_tokens
        return Said(
            completion=one.completion,
            correct=float(one.correct),
            cost_usd=tokens * USD_PER_TOKEN[alias],
            latency_ms=1000 * one.latency_s,
        )

    return said
