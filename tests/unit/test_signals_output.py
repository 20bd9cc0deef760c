"""``CASCADE_DATA=DIR pytest -s tests/unit/test_signals_output.py`` prints the figures that docs/signals.md states."""

import os
from pathlib import Path
from statistics import median, quantiles

import pytest

from litellm_cascade.signals import read_signals
from litellm_cascade.signals.output import MOST, USUAL
from litellm_cascade.vocabulary import Endpoint, Envelope, Request, Turn

DATA = Path(os.environ.get("CASCADE_DATA", Path(__file__).parents[2] / "../shared/data")) / "shareable"
ENVELOPE = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="default")


def predicted(text: str, **fields) -> int:
    return read_signals(Request(envelope=ENVELOPE, turns=(Turn(role="user", text=text),), **fields)).predicted_output_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello there", USUAL),
        ("Write 200 words about the sea", 270),
        ("Tell me about bees in 3 sentences", 72),
        ("Give me 9999 paragraphs", MOST),
        ("Is water wet? Answer with yes or no.", 8),
        ("Which is a fruit?\nA. stone\nB. apple\nAnswer:", 75),
        ("Ann has 3 apples and buys 4. How many does she have?", 75),
        ("Classify this review: it broke at once", 40),
        ("Write a blog post about Hawaii", 700),
        ("Write a small Python function that sorts", 350),
        ("Explain gravity", 320),
        ("Summarize: " + "word " * 2_000, 400),
        ("Translate to French: good morning", 16),
        ("\nQ: 1+1\nAnswer: two\nQ: 1+2\nAnswer: three\nQ: 2+2\nAnswer:", 1),
    ],
)
def test_what_is_asked_for_says_how_long_the_answer_will_be(text, tokens):
    assert predicted(text) == tokens


def test_a_translation_is_as_long_as_its_text():
    assert predicted("Translate to French: " + "good morning " * 200) > 350


def test_an_object_is_shorter_than_prose():
    assert predicted("Hello there", response_format="json_schema") == 150


def test_the_clients_limit_counts():
    assert predicted("Write a blog post", max_output_tokens=50) == 50
    assert predicted("Write a blog post", max_output_tokens=0) == 700


@pytest.mark.skipif(not (DATA / "routing_scores.parquet").exists(), reason="needs the evaluation data: set CASCADE_DATA to its folder")
def test_the_guess_is_within_a_factor_of_two_for_most_answers_to_public_exam_questions():
    pl = pytest.importorskip("polars")
    answers = pl.read_parquet(DATA / "routing_scores.parquet").filter(pl.col("out_tok") > 0).select("pid", "out_tok")
    prompts = pl.read_parquet(DATA / "routing_prompts.parquet").join(answers, on="pid", how="semi").select("pid", "prompt")
    guess = {pid: predicted(prompt) for pid, prompt in prompts.iter_rows()}
    usual = dict(answers.group_by("pid").agg(pl.col("out_tok").median()).iter_rows())
    rows = [(pid, tokens) for pid, tokens in answers.iter_rows() if pid in guess]
    half, ninetieth = _factors([(guess[pid], tokens) for pid, tokens in rows])
    print(f"\n{len(rows)} answers to {len(guess)} prompts: off by a factor, median and 90th percentile: {half:.2f}, {ninetieth:.2f}")
    for name, other in (("always 256", lambda _: 256), ("always 75", lambda _: 75), ("the median answer to each prompt", usual.get)):
        print("{}: {:.2f}, {:.2f}".format(name, *_factors([(other(pid), tokens) for pid, tokens in rows])))
    assert half < 2.0
    assert ninetieth < 5.0


def _factors(pairs):
    factors = [max(guess / tokens, tokens / guess) for guess, tokens in pairs]
    return median(factors), quantiles(factors, n=10)[-1]
