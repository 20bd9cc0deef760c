"""Constraints and worked examples, counted while they are added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

    from litellm_cascade.offline.prompts.grammar import Grammar

MOST_SHOTS: Final = 5
_WRITTEN: Final = (
    "[Use|Write] [at most|no more than|fewer than|exactly|around] {digits} words.",
    "[Do not|Don't|Never] mention [{noun}s|{person}|{company}|prices].",
    "Answer in {language}.",
    "[Format it|Return it|Give it] as [a table|bullet points|JSON|a numbered list|Markdown|CSV].",
    "The tone [should|must] be [formal|casual|friendly|neutral|{adjective}|professional].",
    "Include [exactly |at least |]{number} {noun}s.",
    "[Keep it|Make it] [simple|short|suitable for children|under {number} sentences|to one paragraph].",
    "[Avoid|No] [jargon|adverbs|passive voice|emojis|repetition|clichés].",
    '[Begin|End] with the word "{noun}".',
    "[Only return|Return only|Output only|Just give me] the [answer|result|final text|list].",
    "[No explanation|Do not explain|Explain each step|Give your reasoning|Cite your sources].",
    "Write [it |]for [a {job}|beginners|an expert audience|ten-year-olds].",
    "It [must|should] [rhyme|have {number} paragraphs|be in the first person|be set in {place}|be funny].",
)
_CODED: Final = (
    "It [must|should] run in O(n[| log n]).",
    "[Use|Add] type hints[ and docstrings|].",
    "[Do not use|Without] external libraries.",
    "[Handle|Cover] [edge cases|empty input|errors].",
    "[Only return|Output only] the code.",
    "Name the function {noun}_{noun}.",
    "[Add|Include] [tests|comments|an example].",
    "It [must|should] work with [Python 3.8|Node 18|{code_language}].",
)


def constrained(prompt: str, grammar: Grammar, random: Random, *, of_code: bool) -> tuple[str, int]:
    """The prompt with none to five constraints, and how many they are."""
    count = random.choice((0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 5))
    said = [grammar.say(wording) for wording in random.sample(_CODED if of_code else _WRITTEN, count)]
    if count and random.random() < 0.25:  # noqa: PLR2004 -- a quarter as a list
        return f"{prompt}\n" + "\n".join(f"- {one}" for one in said), count
    return " ".join((prompt, *said)), count


def with_examples(prompt: str, names: str, grammar: Grammar, random: Random) -> tuple[str, int]:
    """The prompt with one to five worked examples, and how many they are. ``names``: of input and output, as in ``Text>Label``."""
    count = random.randint(1, MOST_SHOTS)
    asked, answered = random.choice((names.split(">"), ("Input", "Output"), ("Q", "A"), ("Example", "Answer")))
    shots = [_example(names, asked, answered, grammar) for _ in range(count)]
    apart = random.choice(("\n", "\n\n", "\n###\n"))
    return apart.join((*shots, prompt)) if random.random() < 0.5 else apart.join((prompt, *shots)), count  # noqa: PLR2004 -- before or after


def _example(names: str, asked: str, answered: str, grammar: Grammar) -> str:
    return grammar.say(f"{asked}: {_SHOTS[names][0]}¶{answered}: {_SHOTS[names][1]}")


_SHOTS: Final = {
    "Text>Summary": ("{passage}", "{sentence}"),
    "Input>Output": ("{sentence}", "{sentence}"),
    "Text>Extracted": ("{sentence}", "[{person}|{place}|{company}, {place}|{person}, {year}|none]"),
    "Text>Label": ("{sentence}", "[positive|negative|neutral|spam|yes|no|sports|business|A|B|entailment]"),
    "Question>Answer": ("[What is|Where is|Who knows] {topic}?", "[{noun}|{place}|{year}|{person}|{sentence}]"),
    "Topic>Ideas": ("{topic}", "{noun}, {noun}, {animal}"),
    "Topic>Text": ("{topic}", "{sentence}"),
    "Task>Code": ("{program_does}", "{code}"),
}
