"""The tokenizer that LiteLLM counts with, where the settings ask for it."""

import pytest

from litellm_cascade.proxy.tokenizer import COUNTERS, LONGEST, tiktoken_tokens
from litellm_cascade.signals import estimate_tokens


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("hello world", 2), ("<|endoftext|>", 7), ("\ud800 half a pair", 4)])
def test_tokens_are_counted_as_litellm_counts_them(text, tokens):
    assert tiktoken_tokens(text) == tokens


def test_a_text_beyond_all_bounds_is_estimated():
    text = "x" * (LONGEST + 1)

    assert tiktoken_tokens(text) == estimate_tokens(text)


def test_the_settings_know_both():
    assert {"estimate": estimate_tokens, "tiktoken": tiktoken_tokens} == COUNTERS
