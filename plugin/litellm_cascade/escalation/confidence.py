"""How sure was the model? One number from the log-probabilities of the tokens it chose.

With l_1..l_T the natural log-probabilities of the judged tokens (nats, each <= 0):

=====  ==================  ============================================================================================
score  formula             what it says
=====  ==================  ============================================================================================
mean   (l_1 + ... + l_T)/T log of the geometric mean token probability, range (-inf, 0]; length-normalised likelihood
                           (Malinin & Gales 2021, "Uncertainty Estimation in Autoregressive Structured Prediction")
min    min_t l_t           the least certain token, range (-inf, 0]
sum    l_1 + ... + l_T     log-likelihood of the whole answer, range (-inf, 0]; falls with length
=====  ==================  ============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from math import fsum

from litellm_cascade.vocabulary import Confidence, Gate, TokenLogprob

END_OF_REASONING = "</think>"
LOWEST_LOGPROB = -100.0
"""Providers write -inf, -9999 or similar for "practically impossible"; below this floor (e^-100) the number carries no more information."""


def measure(gate: Gate, tokens: Sequence[TokenLogprob] | None) -> Confidence:
    """Score what ``gate.of`` names among ``tokens``. The score is None when no log-probabilities came or nothing is left to judge."""
    judged = _judged_logprobs(gate.of, tokens or ())
    score = SCORES[gate.score](judged) if judged else None
    return Confidence(name=gate.score, score=score, threshold=gate.accept_at, tokens=len(judged))


def features(tokens: Sequence[TokenLogprob] | None, of: str) -> Mapping[str, float]:
    """Every score of what ``of`` names among ``tokens``, and how many those are; empty when nothing is left to judge."""
    judged = _judged_logprobs(of, tokens or ())
    return {name: score(judged) for name, score in SCORES.items()} | {"tokens": float(len(judged))} if judged else {}


def _judged_logprobs(part: str, tokens: Sequence[TokenLogprob]) -> list[float]:
    chosen: Iterable[TokenLogprob] = _after_reasoning(tokens) if part == "answer" else tokens
    # Some servers end a whole answer with an entry for the end token, whose text is empty; streams of the same server do not.
    return [max(LOWEST_LOGPROB, t.logprob) for t in chosen if t.token]  # in this order not-a-number becomes the floor too


def _after_reasoning(tokens: Sequence[TokenLogprob]) -> Iterator[TokenLogprob]:
    # By position in the text: to models that do not know the tag it is several tokens.
    tag = "".join(t.token for t in tokens).rfind(END_OF_REASONING)
    end = tag + len(END_OF_REASONING) if tag >= 0 else 0
    starts = accumulate((len(t.token) for t in tokens), initial=0)
    return (t for t, start in zip(tokens, starts, strict=False) if start >= end)


def _mean(logprobs: Sequence[float]) -> float:
    return fsum(logprobs) / len(logprobs)


SCORES: Mapping[str, Callable[[Sequence[float]], float]] = {"mean": _mean, "min": min, "sum": fsum}
"""``fsum``, because it rounds once: the order of the tokens must not decide what lies at the threshold."""
