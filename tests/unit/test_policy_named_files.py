"""The JSON files that strategies name."""

from __future__ import annotations

import json

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import load_policy, parse_policy
from litellm_cascade.policy.source import MAX_BYTES
from litellm_cascade.policy.strategies.neighbours import MOST_OUTCOMES
from litellm_cascade.vocabulary import Classification, Endpoint, Envelope, Evidence

POLICY = """\
version: 1
name: example
models:
  small: {tier: budget, quality: {general: 0.7}, latency_ms: 60}
  large: {tier: premium, quality: {general: 0.9}, latency_ms: 600}
routes:
  - {name: all, choose: {strategy: learned, candidates: [small, large], gain: gain.json}}
"""
NEIGHBOURS = POLICY.replace("strategy: learned", "strategy: neighbours").replace("gain: gain.json", "outcomes: past.json")
GAIN = {
    "version": 1,
    "card": "Made up.",
    "features": ["complexity"],
    "aliases": {"small": {"intercept": 2, "weights": [-4]}, "large": {"intercept": 1, "weights": [0]}},
}
PAST = {
    "version": 1,
    "features": ["complexity", "input_tokens"],
    "outcomes": [{"alias": "small", "quality": 1, "at": [0.1, 0]}, {"alias": "small", "quality": 0, "at": [0.9, 0]}],
}
GAIN_AT, PAST_AT = "p:7:79: $.routes[0].choose.gain:", "p:7:86: $.routes[0].choose.outcomes:"


def problems(folder, content, policy=POLICY) -> list[str]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / ("gain.json" if policy is POLICY else "past.json")).write_bytes(data)
    with pytest.raises(PolicyError) as caught:
        parse_policy(policy, name="p", folder=folder)
    return list(caught.value.problems)


def decide(policy, complexity):
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="example")
    return policy.decide(Evidence(envelope=envelope, classification=Classification(complexity=complexity)))


def test_a_file_is_looked_for_beside_the_policy(tmp_path):
    (tmp_path / "gain.json").write_text(json.dumps(GAIN))
    (tmp_path / "example.yaml").write_text(POLICY)

    policy = load_policy(tmp_path / "example.yaml")

    assert policy.files == ("gain.json",)
    assert decide(policy, 0.1).alias == "small"
    assert decide(policy, 0.9).alias == "large"


def test_the_digest_covers_what_the_file_holds(tmp_path):
    digests = set()
    for intercept in (2, 3):
        GAIN["aliases"]["small"]["intercept"] = intercept
        (tmp_path / "gain.json").write_text(json.dumps(GAIN))
        digests.add(parse_policy(POLICY, folder=tmp_path).digest)

    assert len(digests) == 2


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PolicyError) as caught:
        parse_policy(POLICY, name="p", folder=tmp_path)

    assert caught.value.problems == (
        f"{GAIN_AT} 'gain.json' cannot be read (no such file or directory); the path starts at the policy's folder",
    )


def test_a_name_that_can_be_no_file_is_named(tmp_path):
    with pytest.raises(PolicyError) as caught:
        parse_policy(POLICY.replace("gain.json", '"a\\0b"'), name="p", folder=tmp_path)

    assert "cannot be read (valueerror)" in str(caught.value)


def test_its_problems_are_told_with_those_of_the_policy(tmp_path):
    with pytest.raises(PolicyError) as caught:
        parse_policy(POLICY.replace("candidates: [small, large]", "candidates: [small, larg]"), name="p", folder=tmp_path)

    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (b"{", "'gain.json': $: is no JSON (EOF while parsing an object at line 1 column 1)"),
        (b"\xff", "'gain.json': $: is no JSON (expected value at line 1 column 1)"),
        (b"[]", "'gain.json': $: must be a mapping (key: value), not a list"),
        ({"version": 2}, "'gain.json': $.version: is 2; write 1"),
        ({"card": ""}, "'gain.json': $.card: must not be empty; give it a name"),
        ({"extra": 1}, "'gain.json': $.extra: unknown key; known are aliases, card, features, version"),
        ({"features": ["complexiti"]}, "'gain.json': $.features: no feature is called 'complexiti'; did you mean 'complexity'?"),
        ({"features": ["complexity"] * 2}, "'gain.json': $.features: names 'complexity' twice; keep one"),
        (
            {"features": ["complexity", "tools"]},
            "'gain.json': $.aliases: the weights of 'small' are 1 numbers for 2 features; give one for each",
        ),
        ({"aliases": {}}, "'gain.json': $.aliases: needs at least 1, has 0"),
        ({"aliases": {"small": {"intercept": 0, "weights": [0]}}}, "'gain.json' says nothing of 'large'"),
        (
            {"aliases": {"small": {"intercept": "high", "weights": [0]}}},
            "'gain.json': $.aliases.small.intercept: must be a number, not text",
        ),
        (
            {"aliases": {"small": {"intercept": float("nan"), "weights": [0]}}},
            "'gain.json': $.aliases.small.intercept: must be a finite number, not nan",
        ),
        (b" " * (MAX_BYTES + 1), "'gain.json' is larger than 1024 KiB; check the path"),
    ],
)
def test_what_is_wrong_with_a_gain_model_is_told_in_its_own_words(tmp_path, change, sentence):
    content = change if isinstance(change, bytes) else GAIN | change

    assert problems(tmp_path, content) == [f"{GAIN_AT} {sentence}"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"outcomes": [{"alias": "small", "quality": 2, "at": [0, 0]}]},
            "'past.json': $.outcomes[0].quality: must be at most 1, not 2",
        ),
        (
            {"outcomes": [{"alias": "small", "quality": 1, "at": [0]}]},
            "'past.json': $.outcomes: the features of outcome 0 are 1 numbers for 2 features; give one for each",
        ),
        (
            {"outcomes": [{"alias": "small", "quality": 1, "at": [0, 0]}] * (MOST_OUTCOMES + 1)},
            "'past.json': $.outcomes: has more than 5000 entries; keep the newest",
        ),
    ],
)
def test_what_is_wrong_with_past_outcomes_is_told_too(tmp_path, change, sentence):
    assert problems(tmp_path, PAST | change, NEIGHBOURS) == [f"{PAST_AT} {sentence}"]


def test_a_file_with_many_problems_names_three(tmp_path):
    outcomes = [{"alias": "small", "quality": 2, "at": [0, 0]}] * 9

    assert len(problems(tmp_path, PAST | {"outcomes": outcomes}, NEIGHBOURS)) == 3


def test_similar_requests_of_the_past_count(tmp_path):
    (tmp_path / "past.json").write_text(json.dumps(PAST))
    policy = parse_policy(NEIGHBOURS.replace("past.json", "past.json, nearest: 1, prior: 0.5, weights: {latency: 0.1}"), folder=tmp_path)

    easy, hard = decide(policy, 0.1), decide(policy, 0.9)

    assert easy.alias == "small"
    assert hard.alias == "large"
    assert easy.estimate.quality > 0.9
    assert hard.reasons[-1].startswith("neighbours:")
