"""Which of an answer's tokens are scored: the option ``of``.

====================  ============================================================================================================
part                  tokens
====================  ============================================================================================================
all                   every token that came with a log-probability
reasoning_and_answer  the same, said by its meaning: of what was thought aloud as well as of what was answered
answer                what follows the last ``</think>``; all where there is none
tool_arguments        the arguments of tool calls, in what follows the reasoning; all of that where none can be told from the rest
json_values           the values of JSON (no keys, quotes and marks), likewise; all of that where the answer is no JSON
numbers               every token with a digit, of what was thought aloud as well as of what was answered; none where there is none
====================  ============================================================================================================

Only tokens that came with a log-probability can be scored, and providers differ in which do. OpenAI documents ``logprobs.content`` as
the *message content* tokens: neither its tool calls nor hidden reasoning are in there, so that an answer of tool calls alone is unknown.
vLLM and llama.cpp send every generated token of a whole answer: reasoning, the call's own markup and its arguments, which is where
``tool_arguments`` finds them. Streams of vLLM may lack tokens of the markup that its parser held back (vLLM pull request 37795).
Ollama sends none of tool calls (its issue 13092). A token that lies across an edge counts for its JSON, but not for its answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate

from litellm_cascade.escalation.confidence.json_spans import Span, argument_spans, value_spans
from litellm_cascade.vocabulary import TokenLogprob

END_OF_REASONING = "</think>"
WHOLE = frozenset({"all", "reasoning_and_answer"})
WITHIN: Mapping[str, Callable[[str], list[Span] | None]] = {"json_values": value_spans, "tool_arguments": argument_spans}
NUMBERS = "numbers"
PARTS = (*sorted(WHOLE), "answer", *WITHIN, NUMBERS)
_DIGIT = re.compile(r"\d")


def part_of(tokens: Iterable[TokenLogprob], of: str) -> list[TokenLogprob]:
    """The tokens that ``of`` names."""
    # Some servers end a whole answer with an entry for the end token, whose text is empty; streams of the same server do not.
    said = [token for token in tokens if token.token]
    if of in WHOLE:
        return said
    if of == NUMBERS:
        return [token for token in said if is_number(token)]
    # By position in the text: to models that do not know the tag it is several tokens.
    text = "".join(token.token for token in said)
    tag = text.rfind(END_OF_REASONING)
    start = tag + len(END_OF_REASONING) if tag >= 0 else 0
    spans = WITHIN[of](text[start:]) if of in WITHIN else None
    if spans is None:
        return [token for token, (begin, _) in _placed(said) if begin >= start]
    wanted = bytearray(len(text))
    for begin, end in spans:
        wanted[start + begin : start + end] = b"\1" * (end - begin)
    return [token for token, place in _placed(said) if wanted.find(1, *place) >= 0]


def is_number(token: TokenLogprob) -> bool:
    """Whether there is a digit in it. Tokenizers give numbers tokens of their own, or cut them into several."""
    return _DIGIT.search(token.token) is not None


def _placed(tokens: Sequence[TokenLogprob]) -> Iterable[tuple[TokenLogprob, Span]]:
    ends = list(accumulate(len(token.token) for token in tokens))
    return zip(tokens, zip([0, *ends], ends, strict=False), strict=True)
