"""Ratings of complexity, which the embedded classifier is measured on."""

import csv

import numpy as np
import pytest

from litellm_cascade.offline.bench_embedded import rating
from litellm_cascade.offline.bench_embedded.rating import digest, rated, ratings
from litellm_cascade.offline.training_embedded.examples import Example

scipy_stats = pytest.importorskip("scipy.stats")


def a_prompt(text, complexity=None):
    return Example(prompt=text, source="mmlu", key=text, part="test", complexity=complexity)


def test_a_rating_takes_the_place_of_what_was_known_and_prompts_without_one_are_left_out(monkeypatch):
    monkeypatch.setattr(rating, "ratings", lambda: {digest("a"): 0.25, digest("b"): 0.5})
    found = rated([a_prompt("a"), a_prompt("b", 0.9), a_prompt("b", 0.8), a_prompt("c", 0.7)])
    assert [(it.prompt, it.complexity) for it in found] == [("a", 0.25), ("b", 0.5)]


def test_the_ratings_are_as_their_scale_has_it_and_both_agree():
    with rating._RATINGS.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    given = np.array([(int(row["first"]), int(row["second"])) for row in rows])
    assert len(ratings()) == len(rows) == 1_216
    assert (given.min(), given.max()) == (1, 9)
    assert all(0 <= value <= 1 for value in ratings().values())
    assert scipy_stats.spearmanr(*given.T).statistic > 0.85
