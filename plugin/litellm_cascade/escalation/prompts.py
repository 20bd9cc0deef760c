"""What a rung's model is asked about its own answers. The only texts of ours that a model ever sees."""

from __future__ import annotations

from litellm_cascade.vocabulary import Completion

SELF_CHECK = "Is your answer above right? Reply with one word: True or False."
"""The user's next turn after a whole answer. P(True) of Kadavath et al. 2022, "Language Models (Mostly) Know What They Know"
(arXiv 2207.05221), in chat form: the question and the proposed answer are the turns before it."""

SELF_CHECK_OF_A_PREFIX = "Your answer was interrupted here. Is it right so far? Reply with one word: True or False."
"""The same after the held part of a stream."""

SHORT_ANSWER = "Be brief. Write the final answer alone on the last line, after 'Answer:'."
"""Added to the last question for the samples of ``agreement``, so that the final answer is found in few tokens."""


def said(completion: Completion) -> str:
    """An answer as the assistant's turn before the question about it: text, then tools called; thoughts where there is nothing else yet."""
    calls = (f"[calls the tool {name}]" for name in completion.tool_calls)
    return "\n".join(part for part in (completion.text, *calls) if part.strip()) or completion.reasoning
