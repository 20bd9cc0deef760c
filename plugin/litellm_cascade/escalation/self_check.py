"""``self_check``: the probability with which a model says that its answer is right.

P(True) = p(True) / (p(True) + p(False)) at the first token of its reply, each the sum over the spellings among the alternatives (range
0..1; Kadavath et al. 2022, arXiv 2207.05221). Without log-probabilities the word itself counts: 1 for True, 0 for False.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import exp, fsum

WORDS = {"true": True, "yes": True, "false": False, "no": False}
LEAST_MASS = 0.5
"""True and False together must be the likelier reply: a model that would rather say something else was not answering the question."""


def p_true(word: str, alternatives: Iterable[tuple[str, float]] = ()) -> float | None:
    """How sure the model is, from its reply's first word and the (token, log-probability) alternatives of that. None: it does not say."""
    masses = {True: 0.0, False: 0.0}
    said = [(verdict, exp(min(0.0, logprob))) for token, logprob in alternatives if (verdict := _verdict(token)) is not None]
    for verdict in masses:
        masses[verdict] = fsum(chance for spelt, chance in said if spelt is verdict)
    mass = masses[True] + masses[False]
    if mass >= LEAST_MASS:
        return masses[True] / mass
    plain = None if said else _verdict(word)
    return None if plain is None else float(plain)


def _verdict(text: str) -> bool | None:
    word = re.search(r"[A-Za-z]+", text)
    return WORDS.get(word.group().casefold()) if word else None
