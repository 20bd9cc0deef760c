"""The transformer of the package: MiniLM with eight heads, complexity and gain, int8, on ONNX Runtime. Works offline after the install."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import Field

from litellm_cascade.classifiers import eight_heads
from litellm_cascade.classifiers.base import Options as AnyOptions
from litellm_cascade.classifiers.base import Surroundings, ends, well_formed
from litellm_cascade.classifiers.digests import digest_of
from litellm_cascade.classifiers.local import Local
from litellm_cascade.classifiers.onnx_sessions import open_session
from litellm_cascade.classifiers.servable import Encoded, Servable
from litellm_cascade.classifiers.threads import Threads
from litellm_cascade.errors import ClassifierError
from litellm_cascade.vocabulary import Classification

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from litellm_cascade.classifiers.batching import Ids

SHIPPED: Final = Path(__file__).parent / "weights" / "embedded"
MODEL: Final = "model.onnx"
TOKENIZER: Final = "tokenizer.json"
OUTCOMES: Final = ("complexity", "small", "strong")
"""Logits behind the eight heads: overall complexity, that a small model is right, that a strong one is."""
LOGITS: Final = eight_heads.LOGITS + len(OUTCOMES)
"""Of a network that was trained on outcomes; one that was taught by another classifier has those of the eight heads alone."""
HEAD_TOKENS: Final = 96
TAIL_TOKENS: Final = 32
_HEAD_CHARACTERS: Final = 2_000  # more than 96 tokens of any language, and tokenising costs time
_TAIL_CHARACTERS: Final = 600
_OUTSTANDING: Final = 64  # as many as the guard lets in
_MEND: Final = "reinstall litellm-cascade, or train one: cascade train embedded --data DIR --out DIR"


class Options(AnyOptions):
    """Which weights, and how many prompts at once."""

    weights: Path | None = None
    """A folder as ``cascade train embedded`` writes it, relative to LiteLLM's configuration file; without it what is shipped."""
    threads: int = Field(default=2, ge=1, le=64)
    """Prompts that are read at the same time, each on a core of its own."""


def make(options: Options, around: Surroundings) -> Embedded:
    """The classifier ``embedded``."""
    return Embedded(folder=around.folder / options.weights if options.weights else SHIPPED, threads=options.threads)


def servable(options: Options, around: Surroundings) -> Servable:
    """The same for a service that many proxies share. Raises ``ClassifierError``."""
    folder = around.folder / options.weights if options.weights else SHIPPED
    network = load(folder)
    return Servable(
        name=Embedded.name,
        digest=network.digest,
        engine=OneByOne(network),
        encode=network.encoded,
        vocabulary=network.tokenizer.get_vocab_size(),
        longest=HEAD_TOKENS + TAIL_TOKENS,
        outcomes=network.outcomes,
        most_prompts=1,
        onnx=folder / MODEL,
    )


@dataclass(frozen=True, slots=True)
class Network:
    """A loaded model with its tokeniser. Both may be used by several threads at once."""

    session: Any
    tokenizer: Any
    digest: str
    outcomes: tuple[str, ...] = OUTCOMES

    def logits(self, ids: Ids) -> NDArray[np.float32]:
        """All of one prompt: 32, and one for each outcome."""
        tokens = np.array([list(ids)], np.int64)
        found = self.session.run(None, {"input_ids": tokens, "attention_mask": np.ones_like(tokens)})
        return np.asarray(found[0][0], np.float32)

    def encoded(self, text: str) -> Encoded:
        """A prompt as it takes it."""
        ids, truncated = token_ids(self.tokenizer, text)
        return Encoded(ids=ids, truncated=truncated)


@dataclass(frozen=True, slots=True)
class OneByOne:
    """A network for a service. On a CPU prompts one by one take less time than a batch of unlike lengths."""

    network: Network

    def logits(self, prompts: Sequence[Ids]) -> NDArray[np.float32]:
        """[prompts, 32 and one for each outcome]."""
        return np.array([self.network.logits(ids) for ids in prompts], np.float32)


class Embedded(Local[Network]):
    """Task type, dimensions, complexity and gain of a prompt from the first 96 and the last 32 tokens of what the user asked last.

    ``folder`` holds ``model.onnx`` and ``tokenizer.json``. At most 64 prompts are outstanding, and as many are read at a time as there
    are ``threads``.
    """

    name: Final = "embedded"

    def __init__(self, *, folder: Path = SHIPPED, threads: int = 2) -> None:
        super().__init__()
        self._folder = Path(folder)
        self._threads = Threads(self.name, workers=threads, outstanding=_OUTSTANDING)

    def _load(self) -> Network:
        return load(self._folder)

    async def _read(self, model: Network, text: str) -> tuple[Classification, Mapping[str, Any]]:
        return await self._threads.run(lambda: _read(model, text))


def _read(network: Network, text: str) -> tuple[Classification, Mapping[str, Any]]:
    """What a network believes, how many tokens it saw, and its logits."""
    began = time.perf_counter()
    ids, truncated = token_ids(network.tokenizer, text)
    logits = network.logits(ids)
    read = eight_heads.read(logits[: eight_heads.LOGITS])
    known = dict(zip(network.outcomes, map(_sigmoid, logits[eight_heads.LOGITS :].tolist()), strict=True))
    small, strong = known.get("small"), known.get("strong")
    belief = replace(
        read.classification(),
        complexity=known.get("complexity", read.complexity),
        small_copes=small,
        gain=strong - small if small is not None and strong is not None else None,
        classifier=Embedded.name,
        digest=network.digest,
        took_ms=(time.perf_counter() - began) * 1000,
        truncated=truncated,
    )
    return belief, {"tokens": len(ids), "logits": eight_heads.shown(logits, outcomes=network.outcomes)}


def load(folder: Path, *, model: str = MODEL) -> Network:
    """Model and tokeniser from a folder, tried once. Raises ``ClassifierError`` saying what is wrong, where, and how to mend it."""
    path, beside = folder / model, folder / TOKENIZER
    digest = _digest(path, beside)
    network = Network(_session(path), load_tokenizer(beside.read_bytes(), beside), digest)
    shape = _tried(network, path).shape
    if shape not in {(LOGITS,), (eight_heads.LOGITS,)}:
        raise ClassifierError(
            f"classifier 'embedded': the model at {path} does not answer with {LOGITS} or {eight_heads.LOGITS} logits: {_MEND}"
        )
    return replace(network, outcomes=OUTCOMES if shape == (LOGITS,) else ())


def load_tokenizer(content: bytes, where: Path) -> Any:
    """A tokeniser that neither pads nor cuts. Raises ``ClassifierError``."""
    from tokenizers import Tokenizer  # noqa: PLC0415 -- heavy, and only for who chooses this classifier

    try:
        tokenizer = Tokenizer.from_buffer(content)
    except ValueError as error:
        raise ClassifierError(f"classifier 'embedded': the tokeniser at {where} is corrupt: {_MEND}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def token_ids(tokenizer: Any, text: str) -> tuple[list[int], bool]:
    """What the network sees of a text, markers at both ends included, and whether anything was left out."""
    near, cut = ends(text, head=_HEAD_CHARACTERS, tail=_TAIL_CHARACTERS)
    ids = list(tokenizer.encode(well_formed(near)).ids)
    if len(ids) <= HEAD_TOKENS + TAIL_TOKENS:
        return ids, cut
    return ids[:HEAD_TOKENS] + ids[-TAIL_TOKENS:], True


def _session(where: Path) -> Any:
    from onnxruntime.capi import onnxruntime_pybind11_state as raised  # noqa: PLC0415 -- heavy, and only for who chooses this classifier

    try:
        return open_session(where, threads=1)
    except (raised.Fail, raised.InvalidArgument, raised.InvalidGraph, raised.InvalidProtobuf, raised.NotImplemented) as error:
        raise ClassifierError(f"classifier 'embedded': the model at {where} is corrupt: {_MEND}") from error


def _tried(network: Network, where: Path) -> NDArray[np.float32]:
    """Its answer to a short prompt with the last token there is. A first run also makes room for the following ones."""
    from onnxruntime.capi import onnxruntime_pybind11_state as raised  # noqa: PLC0415 -- heavy, and only for who chooses this classifier

    ids, _ = token_ids(network.tokenizer, "Hello! How are you?")
    last = max(network.tokenizer.get_vocab().values())
    try:
        logits = network.logits([*ids, last])
    except (ValueError, raised.InvalidArgument, raised.Fail, raised.RuntimeException) as error:
        raise ClassifierError(f"classifier 'embedded': the model at {where} does not fit the tokeniser beside it: {_MEND}") from error
    if not np.isfinite(logits).all():
        raise ClassifierError(f"classifier 'embedded': the model at {where} is corrupt: {_MEND}")
    return logits


def _digest(*paths: Path) -> str:
    try:
        return digest_of(*paths)
    except OSError as error:
        raise ClassifierError(
            f"classifier 'embedded': cannot read {error.filename or paths[0].parent} ({error.strerror}): {_MEND}"
        ) from error


def _sigmoid(logit: float) -> float:
    return 1 / (1 + exp(-max(-30.0, min(30.0, logit))))
