"""From a text to the token ids that are computed: ``[CLS] text [SEP]``, or several windows of a text that is too long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from litellm_cascade.classifiers.base import well_formed
from litellm_cascade.classifiers.batching import Ids
from litellm_cascade.classifiers.nvidia.files import PUBLISHED
from litellm_cascade.errors import ClassifierError

LongPrompts: TypeAlias = Literal["head", "windows"]
SPECIAL: Final = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "[UNK]": 3}
_CHARACTERS_A_TOKEN: Final = 16
"""More of a text than this is not tokenised: tokens have 4 to 6 characters, and 100,000 characters take 35-52 ms."""


@dataclass(frozen=True, slots=True)
class Tokenised:
    """What is computed of one prompt: its windows, and whether together they leave anything out."""

    windows: tuple[Ids, ...]  # the last is the one that the task type is taken from
    truncated: bool


class Tokeniser:
    """The tokenizer of a checkpoint, as its tokenizer.json has it: what guesses the parts from a model's name loses the normaliser.

    ``most_tokens`` includes [CLS] and [SEP]. Raises ``ClassifierError`` when the file cannot be read or has other tokens than the weights.
    """

    def __init__(self, path: Path, *, vocabulary: int, most_tokens: int = 512, long_prompts: LongPrompts = "head") -> None:
        self._tokenizer = _read(path)
        self.vocabulary = vocabulary
        self.most_tokens = most_tokens
        self._long_prompts = long_prompts
        self._characters = _CHARACTERS_A_TOKEN * most_tokens
        _check(self._tokenizer, path, vocabulary)

    def __call__(self, text: str) -> Tokenised:
        """The windows of a text. Raises ``ClassifierError`` when a token has no row among the weights."""
        head = self._ids(text[: self._characters])
        room = self.most_tokens - 2
        whole = len(text) <= self._characters
        if whole and len(head) <= room:
            return Tokenised((_framed(head),), truncated=False)
        if self._long_prompts == "head":
            return Tokenised((_framed(head[:room]),), truncated=True)
        tail = head if whole else self._ids(text[-self._characters :])
        half = room // 2
        windows = (head[:room], tail[-room:], head[:half] + tail[-(room - half) :])
        return Tokenised(tuple(_framed(window) for window in windows), truncated=not whole or len(head) > 2 * room)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(well_formed(text), add_special_tokens=False).ids
        if ids and max(ids) >= self.vocabulary:  # on a GPU this would be an assertion of the device, and the end of the process
            raise ClassifierError(f"classifier 'nvidia': the tokenizer gave the token {max(ids)}, and there are {self.vocabulary} rows")
        return ids


def _framed(ids: list[int]) -> Ids:
    return [SPECIAL["[CLS]"], *ids, SPECIAL["[SEP]"]]


def _read(path: Path) -> Any:
    from tokenizers import Tokenizer  # noqa: PLC0415 - when a classifier is loaded

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 - the library raises plain Exception
        raise ClassifierError(f"classifier 'nvidia': {path} is no tokenizer ({error}); take the tokenizer.json of {PUBLISHED}") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _check(tokenizer: Any, path: Path, vocabulary: int) -> None:
    found = {token: tokenizer.token_to_id(token) for token in SPECIAL}
    if found != SPECIAL:
        raise ClassifierError(
            f"classifier 'nvidia': {path}: its special tokens are {found}, and must be {SPECIAL}; take the tokenizer.json of {PUBLISHED}"
        )
    size = tokenizer.get_vocab_size()
    if size > vocabulary:
        raise ClassifierError(
            f"classifier 'nvidia': {path} has {size} tokens, and the weights {vocabulary} rows; take both from one commit of {PUBLISHED}"
        )
