"""Log-probabilities for simulated tokens, drawn as real records had them (``confidence.json``; ``offline/fit_simulator.py`` writes it).

An answer's mean and least log-probability and its length are drawn together, given whether it is right (a Gaussian copula over the
recorded quantiles). Its tokens are then drawn by their place and stretched to that mean and that least value. So answers differ among
each other as the recorded ones did, and tokens within an answer as well.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from random import Random
from statistics import NormalDist

EARLY_TOKENS = 4
"""Tokens before this index, but not the first, are ``early``; the ratios of the three places differ most up to here."""

MOST_ALTERNATIVES = 20
"""OpenAI's bound on top_logprobs."""

NEAREST_TO_ZERO = -1e-6
"""A log-probability is below zero, if by little: no model is certain."""

_STANDARD = NormalDist()
_CENTRE = (0.0005, 0.9995)
"""Where answers' scores are drawn: the outermost thousandth is left out, as some 160 answers a side say nothing about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The fit for right or for wrong answers. Quantiles are evenly spaced from 0 to 1; log-probabilities in nats."""

    mean_logprob: tuple[float, ...]
    min_logprob: tuple[float, ...]
    tokens: tuple[float, ...]
    cholesky: tuple[tuple[float, ...], ...]  # of the three's correlations on normal scores: lower triangle, a row each
    ratio: Mapping[str, tuple[float, ...]]  # token log-probability / the answer's mean, by place


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceFit:
    """What ``confidence.json`` holds. ``alternative_shares``: of the probability the likeliest token leaves, what each next one takes.

    ``length_carry``: how many times further from zero the longest answers' means are moved, against the shortest ones': recorded answers
    differ in length far more than simulated ones, and sums would otherwise tell right from wrong less well than they do.
    """

    right: Shape
    wrong: Shape
    alternative_shares: tuple[float, ...]
    length_carry: float
    most_tokens: float
    provenance: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Temper:
    """How sure one answer is: its mean and least log-probability, its length (0 the shortest recorded, 1 the longest) and its shape."""

    mean_logprob: float
    min_logprob: float
    length: float
    shape: Shape


@lru_cache(maxsize=1)
def shipped_fit() -> ConfidenceFit:
    """The committed fit, read once."""
    return read_fit(files("litellm_cascade.simulated").joinpath("confidence.json").read_text(encoding="utf-8"))


def read_fit(text: str) -> ConfidenceFit:
    """Reads what ``offline/fit_simulator.py`` writes."""
    raw = json.loads(text)
    return ConfidenceFit(
        right=_shape(raw["right"]),
        wrong=_shape(raw["wrong"]),
        alternative_shares=tuple(raw["alternative_shares"]),
        length_carry=raw["length_carry"],
        most_tokens=raw["most_tokens"],
        provenance=raw["provenance"],
    )


def _shape(raw: Mapping[str, object]) -> Shape:
    return Shape(**{key: _frozen(value) for key, value in raw.items()})  # type: ignore[arg-type]


def _frozen(value: object) -> object:
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    return tuple(_frozen(inner) for inner in value) if isinstance(value, list) else value


def place(index: int) -> str:
    """Where in its answer a token stands: ``first``, ``early`` or ``rest``."""
    if index == 0:
        return "first"
    return "early" if index < EARLY_TOKENS else "rest"


def quantile(points: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the fitted distribution lies; straight lines between the points."""
    position = share * (len(points) - 1)
    low = min(int(position), len(points) - 2)
    return points[low] + (position - low) * (points[low + 1] - points[low])


def draw_temper(rng: Random, fit: ConfidenceFit, *, correct: bool) -> Temper:
    """Draws how sure an answer is and how long. Takes three draws from ``rng``."""
    shape = fit.right if correct else fit.wrong
    scores = [_STANDARD.inv_cdf(rng.uniform(*_CENTRE)) for _ in shape.cholesky]
    shares = [_STANDARD.cdf(sum(map(operator.mul, row, scores))) for row in shape.cholesky]
    mean, least, tokens = map(quantile, (shape.mean_logprob, shape.min_logprob, shape.tokens), shares)
    length = math.log(max(tokens, 1.0)) / math.log(fit.most_tokens)
    mean *= fit.length_carry ** (length - 0.5)
    return Temper(mean, min(mean, least), length, shape)


def draw_logprobs(rng: Random, temper: Temper, tokens: int) -> list[float]:
    """One log-probability for each of ``tokens`` tokens, with the temper's mean and, where that leaves room, its least value."""
    drawn = [quantile(temper.shape.ratio[place(index)], rng.random()) for index in range(tokens)]
    if tokens < 2:  # noqa: PLR2004  # one token is its own mean
        return [min(temper.mean_logprob, NEAREST_TO_ZERO)] * tokens
    worst = max(range(tokens), key=drawn.__getitem__)
    total = temper.mean_logprob * tokens
    least = max(temper.min_logprob, total)
    others = _stretched([*drawn[:worst], *drawn[worst + 1 :]], (total - least) / (tokens - 1), least)
    return [min(logprob, NEAREST_TO_ZERO) for logprob in (*others[:worst], least, *others[worst:])]


def _stretched(ratios: Sequence[float], mean: float, least: float) -> list[float]:
    """Log-probabilities in proportion to ``ratios``, with this mean; drawn together as far as it takes for none to lie below ``least``."""
    scale = mean / (sum(ratios) / len(ratios))
    reach = scale * max(ratios) - mean
    closer = 1.0 if reach >= least - mean else (least - mean) / reach
    return [mean + closer * (scale * ratio - mean) for ratio in ratios]


def alternatives(logprob: float, shares: Sequence[float], count: int) -> list[float]:
    """The log-probabilities of the ``count`` likeliest tokens, the chosen one first: they share what it leaves, in falling order."""
    left = -math.expm1(logprob)
    ranked = [logprob]
    for rank in range(min(count, MOST_ALTERNATIVES) - 1):
        share = shares[rank] if rank < len(shares) else shares[-1] * 0.8 ** (rank + 1 - len(shares))
        ranked.append(min(math.log(max(left * share, 1e-12)), ranked[-1] - 1e-3))
    return ranked
