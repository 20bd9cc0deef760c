"""How hard a prompt is *for the simulator*: a rule of thumb, and no part of how the product judges a prompt."""

from __future__ import annotations

import re
from typing import Literal

Difficulty = Literal["simple", "medium", "complex"]

COMPLEX_FROM_WORDS = 400
MEDIUM_FROM_WORDS = 80
"""Prompts of at least so many words are hard (or middling) whatever they say."""

_COMPLEX = re.compile(
    r"\b(?:rank(?:s|ed|ing)?\s+(?:\w+\s+){0,4}(?:within|in each|per|by)|(?:month|year|quarter|week)[- ]over[- ]\w+"
    r"|running (?:total|sum|average)s?|cumulative|moving average|window function|partition by|recursive"
    r"|growth|(?:change|difference) between|percent(?:age)? change|previous (?:month|quarter|year|period)"
    r"|pro(?:ve|of)|theorem|deriv(?:e|ation)|optimi[sz]e|trade-?offs?|step by step|distributed|concurren\w+|deadlock)\b",
    re.IGNORECASE,
)
_MEDIUM = re.compile(
    r"\b(?:join(?:s|ed)?|average|mean|median|total|per \w+|for each|group(?:ed)? by|by (?:region|segment|product|month|quarter|year)"
    r"|top \d+|compare|explain|why|summari[sz]e|refactor|implement|calculate|write an? |together with)\b",
    re.IGNORECASE,
)


def difficulty_of(prompt: str) -> Difficulty:
    """The longer a prompt, or the harder the words in it, the more difficult. The words are looked for in English only."""
    words = prompt.count(" ") + 1
    if words >= COMPLEX_FROM_WORDS or _COMPLEX.search(prompt):
        return "complex"
    if words >= MEDIUM_FROM_WORDS or _MEDIUM.search(prompt):
        return "medium"
    return "simple"
