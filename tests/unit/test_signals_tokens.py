"""``CASCADE_DATA=DIR pytest -s tests/unit/test_signals_tokens.py`` prints the figures that docs/signals.md states."""

import importlib.util
import json
import os
from pathlib import Path
from statistics import median, quantiles

import pytest

from litellm_cascade.signals.tokens import TOKENS_PER_IMAGE, TOKENS_PER_TOOL, TOKENS_PER_TURN, estimate_tokens, read_input_tokens
from litellm_cascade.vocabulary import Attachment, Endpoint, Envelope, Request, Turn

DATA = Path(os.environ.get("CASCADE_DATA", Path(__file__).parents[2] / "../shared/data"))
STREAM = DATA / "shareable" / "prompt_stream.jsonl"
ENVELOPE = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="default")


@pytest.fixture
def cl100k(monkeypatch):
    tiktoken = pytest.importorskip("tiktoken")
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        pytest.skip("LiteLLM, which ships the vocabulary, is not installed")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(Path(spec.origin).parent / "litellm_core_utils" / "tokenizers"))
    return tiktoken.get_encoding("cl100k_base")


@pytest.mark.skipif(not STREAM.exists(), reason="needs the evaluation data: set CASCADE_DATA to its folder")
def test_the_estimate_is_close_to_tiktoken_on_public_prompts(cl100k):
    prompts = [json.loads(line)["prompt"] for line in STREAM.open(encoding="utf-8")]
    counted = [len(cl100k.encode(prompt, disallowed_special=())) for prompt in prompts]
    half, ninetieth = _errors([estimate_tokens(prompt) for prompt in prompts], counted)
    plain = _errors([len(prompt) / 4 for prompt in prompts], counted)
    print(f"\n{len(prompts)} prompts: relative error, median and 90th percentile: {half:.1%}, {ninetieth:.1%}")
    print(f"four characters a token: {plain[0]:.1%}, {plain[1]:.1%}")
    assert half < 0.07
    assert ninetieth < 0.20


def _errors(estimated, counted):
    errors = [abs(guess - tokens) / tokens for guess, tokens in zip(estimated, counted, strict=True)]
    return median(errors), quantiles(errors, n=10)[-1]


def test_no_text_has_no_tokens():
    assert estimate_tokens("") == 0


@pytest.mark.parametrize("letter", ["é", "я", "λ", "ש", "م", "ह", "中", "한", "—", "🎉", "\ud800"])
def test_every_script_costs_tokens(letter):
    assert estimate_tokens(letter * 20) > 5


def test_what_is_not_text_is_counted_too():
    turn = Turn(role="user", text="", attachments=(Attachment(modality="image"), Attachment(modality="pdf")))
    asked = Request(envelope=ENVELOPE, turns=(turn,), tools=("search",))
    assert read_input_tokens(asked) == TOKENS_PER_TURN + TOKENS_PER_IMAGE + TOKENS_PER_TOOL
