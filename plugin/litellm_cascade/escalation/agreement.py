"""``agreement``: the share of further answers to the same question that come to the same end.

With a the answer that is judged and b_1..b_n the samples, agreement = |{i: b_i says what a says}| / n, range 0..1 in steps of 1/n.
Self-consistency is its source (Wang et al. 2022, arXiv 2203.11171), as a reason to escalate Yue et al. 2023, "Large Language Model Cascades
with Mixture of Thought Representations" (arXiv 2310.03094). What must be agreed with is the judged answer, not what most samples say,
because it is the judged answer that would be served.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from litellm_cascade.vocabulary import Completion

_MARKED = re.compile(r"(?:####|\banswer\s*(?:is|:)|\\boxed\{)[\s*]*([^\n]*)", re.IGNORECASE)
"""How final answers are announced; the last announcement counts."""
_LETTER = re.compile(r"[(\[{*\s]*([A-J])(?:[)\]}*.:]+(?=\s|$)|\s*$)")
_ANNOUNCED_LETTER = re.compile(r"[(\[{*\s]*([A-HJ]|I(?!\s+[a-z]))\b")
_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_JSON = re.compile(r"\s*(?:```\w*)?\s*([\[{].*[\]}])\s*(?:```)?\s*", re.DOTALL)
_FILLERS = frozenset({"a", "an", "the"})
_VERDICTS = frozenset({"yes", "no", "true", "false"})


def agreement(answer: Completion, samples: Sequence[Completion]) -> float | None:
    """The share of ``samples`` that say what ``answer`` says. None without samples."""
    if not samples:
        return None
    return sum(_agrees(answer, sample) for sample in samples) / len(samples)


def _agrees(answer: Completion, sample: Completion) -> bool:
    if answer.tool_calls or sample.tool_calls:
        return answer.tool_calls == sample.tool_calls
    ours, theirs = _parsed(answer.text), _parsed(sample.text)
    if ours is not None or theirs is not None:
        return bool(ours == theirs)
    short, long = final_answer(sample.text), final_answer(answer.text)
    return short == long or _said_in_passing(short, long)


def _parsed(text: str) -> Any:
    """An answer that is JSON as such, with or without a fence; None for anything else."""
    found = _JSON.fullmatch(text)
    try:
        return json.loads(found[1]) if found else None
    except ValueError:
        return None


def final_answer(text: str) -> str:
    """What an answer comes to: a choice's letter, else its last number, else its words without case, marks and articles.

    Looked for behind the last announcement (``Answer:``, ``the answer is``, ``####``, a box), or in the whole text without one.
    """
    announced = [said for said in _MARKED.findall(text) if said.strip()]
    said = announced[-1] if announced else text.strip()
    letter = (_ANNOUNCED_LETTER if announced else _LETTER).match(said)
    if letter:
        return letter[1].upper()
    numbers = _NUMBER.findall(said)
    if numbers:
        return format(Decimal(numbers[-1].replace(",", "")).normalize() + 0, "f")
    return " ".join(word for word in re.findall(r"\w+", said.casefold()) if word not in _FILLERS) or said.casefold()


def _said_in_passing(short: str, long: str) -> bool:
    """Is a short answer said in whole words by a longer one? Yes and no must open it: they turn up in too many sentences."""
    if not short:
        return False
    return long.startswith(f"{short} ") if short in _VERDICTS else f" {short} " in f" {long} "
