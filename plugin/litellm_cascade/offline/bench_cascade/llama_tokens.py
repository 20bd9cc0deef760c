"""What Llama 3's tokens say, so that recorded token numbers are scored as a gate scores texts.

Its first 100,256 tokens are those of ``cl100k_base`` (Dubey et al. 2024, "The Llama 3 Herd of Models", arXiv 2407.21783: 100K tokens of
tiktoken and 28K more for other languages), which LiteLLM brings along as a file in tiktoken's format.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

CL100K_BASE = "litellm_core_utils/tokenizers/9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
"""The name that tiktoken gives the file: the SHA-1 of its address."""
UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def texts_of(tokens: Iterable[int]) -> Iterator[str]:
    """The text of each token; that of one of the 28K more is not known."""
    known = _texts()
    return (known.get(token, UNKNOWN) for token in tokens)


@cache
def _texts() -> Mapping[int, str]:
    litellm = find_spec("litellm")  # where it is; nothing of it is imported
    if litellm is None or litellm.origin is None:
        return {}
    lines = (Path(litellm.origin).parent / CL100K_BASE).read_text(encoding="ascii").splitlines()
    return {int(number): b64decode(text).decode(errors="replace") for text, number in map(str.split, lines)}
