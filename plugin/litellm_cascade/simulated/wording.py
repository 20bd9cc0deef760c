"""What a simulated answer says: that it is simulated, and a short body of the prompt's kind."""

from __future__ import annotations

import json
import re
from typing import Literal

Kind = Literal["sql", "code", "maths", "prose"]

FEWEST_TOKENS, MOST_TOKENS = 12, 60
"""How long a simulated answer is, unless it is a refusal, JSON, a tool call or cut off."""

TABLES = ("customers", "accounts", "transactions", "applications", "scores", "loans", "orders", "users", "products")
COLUMNS = ("region", "segment", "product", "category", "type", "month", "quarter", "year", "country", "status")

_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("sql", re.compile(r"\b(?:sql|select|quer(?:y|ies)|table|join|database|" + "|".join(TABLES) + r")\b", re.IGNORECASE)),
    ("code", re.compile(r"\b(?:code|function|python|java|javascript|class|bug|script|regex|implement|refactor)\b", re.IGNORECASE)),
    ("maths", re.compile(r"\b(?:how many|how much|calculate|sum|solve|prove|equation|percent)\b|\d\s*[-+*/]\s*\d", re.IGNORECASE)),
)
_BODIES: dict[Kind, str] = {
    "sql": "SELECT {column}, COUNT(*) FROM {table} GROUP BY {column} LIMIT {result};",
    "code": "def result():\n    return {result}",
    "maths": "The result is {result}.",
    "prose": "A short reply to your question, number {result}.",
}
_NOTES = (
    " No model was called.",
    " This text is made up.",
    " Its latency is simulated too.",
    " Its log-probabilities are drawn at random.",
    " They follow a fit to real records.",
    " The same prompt gives the same answer.",
    " Whether it is right is not told.",
    " The simulator's page says more.",
)
_TOKEN = re.compile(r"\s*\w+|\s*[^\w\s]|\s+")


def tokenise(text: str) -> list[str]:
    """Splits into words and marks, each with the space before it; joined, they are the text again."""
    return _TOKEN.findall(text)


def kind_of(prompt: str, role: str) -> Kind:
    """The kind of answer a prompt wants. The sql role answers with SQL whatever it is asked."""
    if role == "sql":
        return "sql"
    return next((kind for kind, pattern in _KINDS if pattern.search(prompt)), "prose")


def word(role: str, prompt: str, result: int, *, tokens: int, first_note: int) -> str:
    """An answer of about ``tokens`` tokens, never fewer than its body: notes, starting with ``first_note``, fill it up."""
    lowered = prompt.lower()
    body = _BODIES[kind_of(prompt, role)].format(result=result, table=_first(TABLES, lowered), column=_first(COLUMNS, lowered))
    text = f"[simulated {role}] {body}"
    length = len(tokenise(text))
    for note in _NOTES[first_note:] + _NOTES[:first_note]:
        added = len(tokenise(note))
        if length >= tokens or length + added > MOST_TOKENS:
            break
        text, length = text + note, length + added
    return text


def word_json(role: str, prompt: str, result: int) -> str:
    """The same as a JSON object, for requests that ask for one."""
    return json.dumps({"simulated": role, "kind": kind_of(prompt, role), "result": result})


def word_refusal(role: str) -> str:
    """A refusal, as models word it."""
    return f"[simulated {role}] I'm sorry, but I can't help with that request."


def notes() -> int:
    """How many notes there are to start from."""
    return len(_NOTES)


def _first(names: tuple[str, ...], prompt: str) -> str:
    return next((name for name in names if name.rstrip("s") in prompt), names[0])
