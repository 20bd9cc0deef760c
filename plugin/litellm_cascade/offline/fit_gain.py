"""Fits the gain model of ``policies/learned.yaml`` to recorded outcomes of two models, and measures it beside the prompt's length.

    python -m litellm_cascade.offline.fit_gain --data DIR --out policies/learned_gain.json

``DIR`` holds ``shareable/routing_pairs.parquet`` and ``routing_prompts.parquet``; nothing else is read. Needs the extra ``lab``.
The shipped classifier was trained on some of these prompts and believes too firmly there. So this fits on others: its tune part and half
of its test part, by near-duplicate group, and measures on the rest of the test part.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from litellm_cascade.classifiers.linear import Linear
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_common.reading import digest_of
from litellm_cascade.offline.bench_common.resampling import apgr_draws, bounds, multiplicities
from litellm_cascade.offline.calibrating.figures import apgr
from litellm_cascade.offline.constructed_prompts import part_of
from litellm_cascade.policy.features import FEATURES, vector_of
from litellm_cascade.signals import read_signals
from litellm_cascade.vocabulary import Endpoint, Envelope, Evidence, Request, Turn

PAIRS: Final = ("routellm_mmlu", "routellm_gsm8k")
ALIASES: Final = {"small": "score_weak", "large": "score_strong"}
DRAWS: Final = 1_000
PENALTY: Final = 1.0  # scikit-learn's C, its default; the features lie in 0..1
_ENVELOPE: Final = Envelope(request_id="", endpoint=Endpoint.CHAT, requested_model="auto", policy="")
_WIDTH: Final = 1e-6  # a feature that varies less says nothing here


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Prompts with what two models made of them. ``features`` [prompt, feature], the other arrays [prompt]; scores are 0 or 1."""

    features: NDArray[np.float64]
    lengths: NDArray[np.float64]
    scores: dict[str, NDArray[np.float64]]
    groups: NDArray[Any]
    fitted_on: NDArray[np.bool_]
    tested_on: NDArray[np.bool_]

    @property
    def gains(self) -> NDArray[np.float64]:
        """What the large model adds: -1, 0 or 1."""
        return self.scores["large"] - self.scores["small"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """An APGR with its 95 % interval."""

    what: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.what} {self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def read_recorded(shareable: Path) -> Recorded:
    """The pairs of Mixtral-8x7B and GPT-4 on MMLU and GSM8K, with features as a policy would see them."""
    import polars as pl  # noqa: PLC0415 -- the extra lab

    pairs = pl.read_parquet(shareable / "routing_pairs.parquet").filter(pl.col("pair").cast(pl.String).is_in(PAIRS))
    prompts = pl.read_parquet(shareable / "routing_prompts.parquet").filter(pl.col("flag").fill_null("") != "contaminated")
    rows = pairs.join(prompts.select("pid", "prompt"), on="pid").sort("pid")
    parts = np.array([part_of(group) for group in rows["group"]])
    rest = np.array([hashlib.sha256(group.encode()).digest()[0] % 2 == 1 for group in rows["group"]])
    return Recorded(
        features=asyncio.run(_features(rows["prompt"].to_list())),
        lengths=np.array([len(prompt) for prompt in rows["prompt"]], float),
        scores={alias: rows[column].to_numpy().astype(float) for alias, column in ALIASES.items()},
        groups=np.array(rows["group"].to_list()),
        fitted_on=(parts == "tune") | ((parts == "test") & ~rest),
        tested_on=(parts == "test") & rest,
    )


async def _features(prompts: Sequence[str]) -> NDArray[np.float64]:
    classifier = Linear()
    rows = []
    for prompt in prompts:
        request = Request(envelope=_ENVELOPE, turns=(Turn(role="user", text=prompt),))
        evidence = Evidence(envelope=_ENVELOPE, signals=read_signals(request), classification=await classifier.classify(request))
        rows.append(vector_of(evidence, tuple(FEATURES)))
    return np.array(rows)


def fit(recorded: Recorded) -> dict[str, Any]:
    """A file of ``strategy: learned``, without its card: for each alias the log-odds of a right answer.

    Raises ConfigurationError where no feature varies.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 -- the extra lab

    features = recorded.features[recorded.fitted_on]
    varying = np.ptp(features, axis=0) > _WIDTH
    if not varying.any():
        raise ConfigurationError(["all requests look alike to a policy: the same length, task and form; there is nothing to learn from"])
    aliases = {}
    for alias, scores in recorded.scores.items():
        model = LogisticRegression(C=PENALTY, max_iter=1_000).fit(features[:, varying], scores[recorded.fitted_on] > 0)
        weights = [round(float(weight), 4) for weight in model.coef_[0]]
        aliases[alias] = {"intercept": round(float(model.intercept_[0]), 4), "weights": weights}
    return {"version": 1, "features": [name for name, varies in zip(FEATURES, varying, strict=True) if varies], "aliases": aliases}


def predicted_gains(model: dict[str, Any], features: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(large is right) - P(small is right), from the numbers as they ship."""
    columns = [list(FEATURES).index(name) for name in model["features"]]

    def right(alias: str) -> NDArray[np.float64]:
        fitted = model["aliases"][alias]
        return np.asarray(1 / (1 + np.exp(-fitted["intercept"] - features[:, columns] @ np.array(fitted["weights"]))))

    return right("large") - right("small")


def measure(recorded: Recorded, model: dict[str, Any], seed: int) -> list[Figure]:
    """The gain model, the prompt's length and the difference, on prompts that neither it nor the classifier was fitted on."""
    tested = recorded.tested_on
    gain = predicted_gains(model, recorded.features[tested])
    return figures_of("gain model", gain, recorded.lengths[tested], recorded.gains[tested], recorded.groups[tested], seed)


def figures_of(
    what: str, gain: NDArray[np.float64], length: NDArray[np.float64], gains: NDArray[np.float64], groups: NDArray[Any], seed: int
) -> list[Figure]:
    """APGR of an order by expected gain, of the prompt's length, and the difference, with bootstrap intervals over groups."""
    times = multiplicities(groups, seed, DRAWS)
    ours, theirs = (apgr_draws(order, gains, times) for order in (gain, length))
    value, of_length = (apgr(-order, gains) for order in (gain, length))
    rows = ((what, value, ours), ("prompt length", of_length, theirs), (f"{what} minus prompt length", value - of_length, ours - theirs))
    return [Figure(what=name, value=value, low=low, high=high) for name, value, draws in rows for low, high in (bounds(draws),)]


def card_of(recorded: Recorded, figures: Sequence[Figure], digest: str) -> str:
    """What a reader of the file must know."""
    verdict = (
        "beats the prompt's length"
        if figures[-1].low > 0
        else "does not beat the prompt's length beyond the interval: an example of the format"
    )
    sentences = (
        "small stands for Mixtral-8x7B, large for GPT-4 (gpt-4-1106-preview), right or wrong on MMLU and GSM8K as recorded by RouteLLM "
        "(Apache-2.0; data MIT)",
        f"Fitted on {int(recorded.fitted_on.sum())} prompts, measured on {int(recorded.tested_on.sum())} others, none of which the "
        "shipped linear classifier was trained on; its task and complexity are features, so fit anew for another classifier",
        f"APGR with 95 % interval: {'; '.join(map(str, figures))}",
        f"The model {verdict}",
        "Exam questions of two models say little about other work",
        f"Data {digest}; logistic regression, C = {PENALTY:g}",
    )
    return ". ".join(sentences) + "."


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("CASCADE_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    shareable = arguments.data / "shareable"
    recorded = read_recorded(shareable)
    model = fit(recorded)
    figures = measure(recorded, model, arguments.seed)
    digest = digest_of([shareable / "routing_pairs.parquet"])
    model["card"] = card_of(recorded, figures, f"routing_pairs {digest}")
    arguments.out.write_text(json.dumps(model, indent=1) + "\n", encoding="utf-8")
    print(model["card"])  # noqa: T201 -- a command's answer


if __name__ == "__main__":
    main()
