"""What people do to prompts: typing errors, no capitals, no full stop, a greeting, a frame of another tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

LOWER: Final = 0.15
BARE: Final = 0.15
TYPING_ERRORS: Final = 0.12
POLITE: Final = 0.08
ONE_LINE: Final = 0.10
FRAMED: Final = 0.06
SHOUTED: Final = 0.01
_PER_CHARACTER: Final = 0.02
_BEFORE: Final = ("Hi! ", "Hello, ", "hey ", "Good morning. ", "Quick question: ", "Okay, ", "Sorry to bother you. ", "Hi there\n", "So, ")
_AFTER: Final = (" Thanks!", " Thank you.", " thx", " please", "\n\nThanks in advance", " Cheers", "\n", " It's urgent.")
_FRAMES: Final = (
    "### Instruction:\n{}\n\n### Response:",
    "Instruction: {}\nResponse:",
    "Prompt: {}",
    "User: {}\nAssistant:",
    "Human: {}\n\nAssistant:",
    "Q: {}",
    "Task: {}",
    "[INST] {} [/INST]",
    "{}\n\nAnswer:",
)


def spoil(prompt: str, random: Random) -> str:
    """The prompt as somebody in a hurry, or a program, would have sent it; often unchanged."""
    text = _capital(" ".join(prompt.split(" ")).strip(), random)
    for chance, change in _CHANGES:
        if random.random() < chance:
            text = change(text, random)
    return text


def _capital(text: str, random: Random) -> str:
    return text[:1].upper() + text[1:] if random.random() < 0.85 else text  # noqa: PLR2004 -- most people begin with a capital


def _lower(text: str, _: Random) -> str:
    return text.lower()


def _bare(text: str, _: Random) -> str:
    return text.rstrip(".?!: ")


def _polite(text: str, random: Random) -> str:
    return random.choice(_BEFORE) + text if random.random() < 0.5 else text + random.choice(_AFTER)  # noqa: PLR2004 -- as often


def _one_line(text: str, _: Random) -> str:
    return " ".join(text.split())


def _framed(text: str, random: Random) -> str:
    return random.choice(_FRAMES).replace("{}", text)


def _shouted(text: str, _: Random) -> str:
    return text.upper()


def _typing_errors(text: str, random: Random) -> str:
    return "".join(_typed(character, random) for character in text)


def _typed(character: str, random: Random) -> str:
    if not character.isalpha() or random.random() >= _PER_CHARACTER:
        return character
    return random.choice(("", character * 2, chr(random.randint(97, 122))))


_CHANGES: Final = (
    (LOWER, _lower),
    (BARE, _bare),
    (ONE_LINE, _one_line),
    (TYPING_ERRORS, _typing_errors),
    (POLITE, _polite),
    (FRAMED, _framed),
    (SHOUTED, _shouted),
)
