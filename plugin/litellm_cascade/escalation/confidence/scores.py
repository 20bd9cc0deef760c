"""How sure was the model? Numbers from the log-probabilities of the tokens it chose, and of those it did not.

With l_1..l_T the natural log-probabilities of the T judged tokens (nats, each <= 0), and p_t1 >= p_t2 >= ... the probabilities of the
alternatives that the provider returned at place t. Higher is always more confident.

============  ===================================  ========  =======================================================================
score         formula                              range     source
============  ===================================  ========  =======================================================================
mean          (l_1 + ... + l_T)/T                  [-100,0]  length-normalised likelihood: Malinin & Gales 2021, "Uncertainty
                                                             Estimation in Autoregressive Structured Prediction"
min           min_t l_t                            [-100,0]  the least certain token: Gupta et al. 2024, "Language Model Cascades:
                                                             Token-Level Uncertainty and Beyond" (arXiv 2404.10136), quantile 0
sum           l_1 + ... + l_T                      <= 0      log-likelihood of the whole; falls with length (Gupta et al.: "Chow-Sum")
quantile      the q-quantile of l_1..l_T           [-100,0]  Gupta et al. 2024; linear between neighbours (Hyndman & Fan 1996, type 7)
lowest_group  min over w neighbouring tokens       [-100,0]  Fu et al. 2025, "Deep Think with Confidence" (arXiv 2508.15260), with the
              of their mean; the mean when T < w             chosen token's log-probability where theirs takes the top k's
margin        mean_t (p_t1 - p_t2)                 [0,1]     Scheffer et al. 2001, "Active Hidden Markov Models for Information
                                                             Extraction"; for cascades Ramirez et al. 2024 (arXiv 2405.02134)
entropy       1 - mean_t H_t / ln K_t, H_t the     [0,1]     Shannon entropy, turned so that 1 is certain; Malinin & Gales 2021 for
              entropy of the K_t <= 5 best,                  tokens of a sequence
              made to sum to 1
============  ===================================  ========  =======================================================================

``margin`` and ``entropy`` leave out tokens with fewer than two alternatives; without any other token they are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from math import exp, fsum, log
from operator import mul, sub

from litellm_cascade.escalation.confidence.parts import is_number, part_of
from litellm_cascade.vocabulary import FEATURES, NUMBER_FEATURES, Confidence, Gate, TokenLogprob

LOWEST_LOGPROB = -100.0
"""Providers write -inf, -9999 or similar for "practically impossible"; below this floor (e^-100) the number carries no more information."""
ALTERNATIVES = 5
"""How many alternatives ``entropy`` looks at: what every provider that gives alternatives can give, and a client's wish for more of them
must not change a score."""
WINDOW = 16
"""Tokens in a group of ``lowest_group``, where nothing else is said: about a clause. From 8 to 32 it makes no difference that could be
measured (docs/cascade.md)."""
QUANTILES: Mapping[str, float] = {"q10": 0.1, "q25": 0.25, "q50": 0.5}
"""The quantiles among the ``features``."""


def measure(gate: Gate, tokens: Sequence[TokenLogprob] | None) -> Confidence:
    """Score what ``gate.of`` names among ``tokens``.

    The score is None when no log-probabilities came, when nothing is left to judge, or when the gate's score is not read off tokens.
    """
    judged = part_of(tokens or (), gate.of)
    score = SCORES[gate.score](judged, gate) if judged and gate.score in SCORES else None
    return Confidence(name=gate.score, score=score, threshold=gate.accept_at, tokens=len(judged))


def features(tokens: Sequence[TokenLogprob] | None, of: str = "all", *, window: int = WINDOW) -> dict[str, float]:
    """Every score of the part ``of``, in one pass over its tokens, for calibrations that use several.

    Keys: ``tokens`` (their number) always; ``mean``, ``min``, ``sum``, ``q10``, ``q25``, ``q50`` and ``lowest_group`` with one token or
    more, and ``numbers`` (how many of them have a digit) with ``numbers_mean``, ``numbers_min`` and ``numbers_sum`` of those, 0 where there
    are none, as nothing is in doubt then; ``margin`` and ``entropy`` where alternatives came. What is not known has no key.
    """
    logprobs: list[float] = []
    numbers: list[float] = []
    margins: list[float] = []
    certainties: list[float] = []
    for token in part_of(tokens or (), of):
        logprobs.append(max(LOWEST_LOGPROB, token.logprob))
        if is_number(token):
            numbers.append(logprobs[-1])
        if len(token.top) > 1:
            margins.append(_margin(token.top))
            certainties.append(_certainty(token.top))
    found = {"tokens": float(len(logprobs))}
    if logprobs:
        found |= {"mean": _mean(logprobs), "min": min(logprobs), "sum": fsum(logprobs), "lowest_group": _lowest_group(logprobs, window)}
        found |= {name: _quantile(logprobs, q) for name, q in QUANTILES.items()}
        of_numbers = (float(len(numbers)), _mean(numbers or [0.0]), min(numbers, default=0.0), fsum(numbers))
        found |= zip(NUMBER_FEATURES, of_numbers, strict=True)
    return found | ({"margin": _mean(margins), "entropy": _mean(certainties)} if margins else {})


def alternatives_for(score: str) -> int:
    """How many of the likeliest alternatives to each token must be known; 1 where the token's own log-probability is enough.

    0 for a score or feature that is not read off tokens.
    """
    return {"margin": 2, "entropy": ALTERNATIVES}.get(score, 1) if score in SCORES or score in FEATURES else 0


# --- one number each ---------------------------------------------------------------------------------------------------------------


def _logprobs(tokens: Iterable[TokenLogprob]) -> list[float]:
    return [max(LOWEST_LOGPROB, token.logprob) for token in tokens]  # in this order not-a-number becomes the floor too


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)


def _quantile(values: Sequence[float], q: float) -> float:
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    below = ordered[int(place)]
    return below + (place - int(place)) * (ordered[min(int(place) + 1, len(ordered) - 1)] - below)


def _lowest_group(values: Sequence[float], window: int) -> float:
    if len(values) <= window:
        return _mean(values)
    sums = accumulate(map(sub, values[window:], values), initial=fsum(values[:window]))
    return float(min(0.0, min(sums) / window))  # a sum that is carried along is not exact in its last digits


def _margin(top: Sequence[float]) -> float:
    return exp(max(LOWEST_LOGPROB, top[0])) - exp(max(LOWEST_LOGPROB, top[1]))


def _certainty(top: Sequence[float]) -> float:
    """1 - H / ln K. With s the sum of the K probabilities, H = ln s - sum(p ln p) / s."""
    logprobs = [max(LOWEST_LOGPROB, logprob) for logprob in top[:ALTERNATIVES]]
    chances = list(map(exp, logprobs))
    total = fsum(chances)
    entropy = log(total) - fsum(map(mul, chances, logprobs)) / total
    return min(1.0, max(0.0, 1.0 - entropy / log(len(logprobs))))


def _over_alternatives(number: Callable[[Sequence[float]], float], tokens: Iterable[TokenLogprob]) -> float | None:
    values = [number(token.top) for token in tokens if len(token.top) > 1]
    return _mean(values) if values else None


SCORES: Mapping[str, Callable[[Sequence[TokenLogprob], Gate], float | None]] = {
    "mean": lambda tokens, _: _mean(_logprobs(tokens)),
    "min": lambda tokens, _: min(_logprobs(tokens)),
    "sum": lambda tokens, _: fsum(_logprobs(tokens)),
    "quantile": lambda tokens, gate: _quantile(_logprobs(tokens), gate.q),
    "lowest_group": lambda tokens, gate: _lowest_group(_logprobs(tokens), gate.window),
    "margin": lambda tokens, _: _over_alternatives(_margin, tokens),
    "entropy": lambda tokens, _: _over_alternatives(_certainty, tokens),
}
"""Scores that are read off tokens. ``fsum``, because it rounds once: the order of the tokens must not decide what lies at the threshold."""
