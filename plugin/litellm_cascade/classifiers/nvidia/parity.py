"""Whether a faster way to compute decides like the exact one. It is asked before it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from litellm_cascade.classifiers.batching import Engine, Ids
from litellm_cascade.classifiers.eight_heads import HeadMap, Reading, read

MOST_SCORE_APART: Final = 0.02
"""Of ``prompt_complexity_score``, 0..1.2. Policies place thresholds in steps of 0.05 and more."""
DECISIVE: Final = 0.1
"""A task type that is ahead by more than this must stay the first; one that is hardly ahead may change places."""
SAMPLES: Final = (
    "Hi there, how are you doing today?",
    "List ten names for a bakery that sells only sourdough bread.",
    "Write a Python script that uses a for loop.",
    "Write a SQL query that returns each customer's three largest orders, ties included, using a window function.",
    "Summarise the following in one sentence: The committee met on Tuesday, heard four speakers, and adjourned without a vote.",
    "Is this review positive, negative or neutral? 'The room was clean, but nobody answered the phone all night.'",
    "What is the capital of Australia?",
    "Using only the text below, when was the bridge opened? The bridge was begun in 1891 and opened to carts three years later.",
    "Extract all dates as JSON: invoice 4411 of 3 May is due on 2 June, and a reminder goes out on 9 June.",
    "Rewrite this to sound more polite: send me the file now.",
    "Write a short poem about the sea in winter, four lines, no rhymes.",
    "Prove that the square root of two is irrational, and say where the proof uses that it is in lowest terms.",
    "A train leaves at 14:05 and arrives at 17:50 with a stop of 20 minutes. How long did it move? Think step by step.",
    "great -> positive\nawful -> negative\nboring -> negative\ncharming ->",
    "Explain the difference between a mutex and a semaphore to somebody who has never written a program.",
    "Compare the mechanisms of action of ACE inhibitors and angiotensin receptor blockers, with contraindications in pregnancy.",
    "Translate into French: The meeting has been moved to Thursday.",
    "Draft a one-page memo to all staff about the new travel policy. Use headings, at most 300 words, and do not mention costs.",
    "def f(x): return f(x - 1) if x else 0\nWhat does f(5) return, and why?",
    "Schreibe eine kurze Einladung zu einem Sommerfest, mit Datum, Ort und Uhrzeit.",
    "asdf",
    "Design a rate limiter for a public API used by 10,000 tenants: name the data structures, failure modes and trade-offs.",
    "Who won, and by how much?",
    "Invent a board game about beekeeping. Describe the goal, the pieces, one turn, and how the game ends.",
)
"""Written for this purpose: each task type, several languages and lengths."""


def disagreement(exact: Engine, other: Engine, prompts: Sequence[Ids], heads: HeadMap, *, most: float = MOST_SCORE_APART) -> str | None:
    """What they decide differently, in words; None where they decide alike."""
    pairs = [(_reading(exact, ids, heads), _reading(other, ids, heads)) for ids in prompts]
    changed = sum(_decisive(first) and first.task != second.task for first, second in pairs)
    apart = max(abs(first.score - second.score) for first, second in pairs)
    if changed or apart > most:
        return f"{changed} of {len(prompts)} task types change, and the complexity score by up to {apart:.3f}"
    return None


def samples(tokenise: Callable[[str], Sequence[Ids]]) -> list[Ids]:
    """The ids of the samples."""
    return [ids for text in SAMPLES for ids in tokenise(text)]


def _reading(engine: Engine, ids: Ids, heads: HeadMap) -> Reading:
    return read(engine.logits([ids])[0], heads)


def _decisive(reading: Reading) -> bool:
    first, second = sorted(reading.task_probabilities.values(), reverse=True)[:2]
    return first - second > DECISIVE
