"""How likely each alias is right: fitted, written, read by the classifier `linear`, decided on by the strategy `learned`."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_cascade.classifiers import Surroundings, build
from litellm_cascade.classifiers.chances import read_chances, read_proportions, write_chances
from litellm_cascade.errors import ClassifierError, ConfigurationError
from litellm_cascade.offline.gaining.chances import fit_chances
from litellm_cascade.policy import parse_policy
from litellm_cascade.vocabulary import Classification, Endpoint, Envelope, Evidence, Request, Turn

ENVELOPE = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="p")
POLICY = """
version: 1
name: by_chances
description: The large model where the classifier expects it to add enough.
models:
  small: {tier: budget, quality: {general: 0.8}, price: {input_usd_per_million: 1, output_usd_per_million: 1}}
  large: {tier: premium, quality: {general: 0.8}, price: {input_usd_per_million: 90, output_usd_per_million: 90}}
routes:
  - name: all
    choose: {strategy: learned, candidates: [small, large], weights: {quality: 1, cost: 5}}
"""


def outcomes(n=300):
    random = Random(3)
    texts = [" ".join(random.choice(("prove", "lemma") if number % 2 else ("colour", "capital")) for _ in range(4)) for number in range(n)]
    hard = np.array([number % 2 for number in range(n)], float)
    noise = np.array([random.random() < 0.05 for _ in range(n)])
    return texts, {"small": np.where(noise, hard, 1 - hard), "large": np.where(noise, 0.0, 1.0)}


@pytest.fixture(scope="module")
def chances():
    texts, scores = outcomes()
    return fit_chances(texts, scores, {"fitted on": "made-up words"})


def asking(text):
    return Request(envelope=ENVELOPE, turns=(Turn(role="user", text=text),))


def test_what_was_seen_is_said(chances):
    hard, easy = chances.of("prove lemma lemma prove"), chances.of("capital colour colour capital")
    assert hard.keys() == {"small", "large"}
    assert hard["small"] < 0.4
    assert easy["small"] > 0.6
    assert hard["large"] > 0.7


@settings(max_examples=60)
@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_any_text_has_a_chance_for_each_alias(text):
    texts, scores = FITTED
    said = CHANCES.of(text)
    assert said.keys() == scores.keys()
    assert all(0.0 <= chance <= 1.0 for chance in said.values())
    assert np.isfinite(read_proportions(text)).all()
    assert texts


FITTED = outcomes(120)
CHANCES = fit_chances(*FITTED)


def test_a_score_between_0_and_1_counts_as_that_much():
    texts, scores = outcomes()
    half = fit_chances(texts, {"small": scores["small"] * 0.5})
    assert half.of("capital colour colour capital")["small"] == pytest.approx(0.48, abs=0.15)


def test_too_few_outcomes_or_one_kind_alone_are_told():
    texts, scores = outcomes()
    with pytest.raises(ConfigurationError, match="'small' has 10 outcomes"):
        fit_chances(texts[:10], {"small": scores["small"][:10]})
    with pytest.raises(ConfigurationError, match="all 300 outcomes of 'small' are 1"):
        fit_chances(texts, {"small": np.ones(300)})
    with pytest.raises(ConfigurationError, match="'small' has 0 outcomes"):
        fit_chances(texts, {"small": np.full(300, np.nan)})


async def test_the_classifier_linear_reads_the_file_and_the_strategy_decides_on_it(chances, tmp_path):
    write_chances(tmp_path / "chances.npz", chances)
    linear = build("linear", {"chances": "chances.npz"}, Surroundings(folder=tmp_path))
    plain = build("linear")
    hard, easy = [await linear.classify(asking(text)) for text in ("prove lemma lemma prove", "capital colour colour capital")]
    assert hard.chances == read_chances(tmp_path / "chances.npz").of("prove lemma lemma prove")
    assert (await plain.classify(asking("prove lemma lemma prove"))).chances == {}
    assert linear.digest != plain.digest, "it believes other things"
    policy = parse_policy(POLICY)
    decided = [policy.decide(Evidence(envelope=ENVELOPE, classification=one)) for one in (hard, easy)]
    assert [one.alias for one in decided] == ["large", "small"]
    assert {one.alias: one.quality for one in decided[0].estimates} == pytest.approx(hard.chances)


def test_an_alias_that_the_classifier_does_not_know_keeps_the_pool_s_quality():
    believed = Classification(chances={"large": 0.95})
    decided = parse_policy(POLICY).decide(Evidence(envelope=ENVELOPE, classification=believed))
    qualities = {one.alias: one.quality for one in decided.estimates}
    assert decided.alias == "large"
    assert qualities["large"] == 0.95
    assert qualities["small"] == pytest.approx(0.8)


def test_a_file_that_is_missing_broken_or_of_another_version_is_told(chances, tmp_path):
    broken, older = tmp_path / "broken.npz", tmp_path / "older.npz"
    broken.write_bytes(b"PK")
    write_chances(older, chances)
    with np.load(older) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(older, **arrays | {"version": np.array(99)})
    for path, sentence in ((tmp_path / "none.npz", "cannot read"), (broken, "corrupt"), (older, "another version")):
        with pytest.raises(ClassifierError, match=sentence):
            read_chances(path)
