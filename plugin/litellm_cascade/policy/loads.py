"""How conditions read the load of an alias: ``load.small.in_flight``, or ``load["gpt-4.1"].cooling_down``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from litellm_cascade.policy.expression import Token
from litellm_cascade.vocabulary import Load

LOAD = "load"
LOAD_FIELDS = tuple(field.name for field in fields(Load))

_PLAIN_TEXT = re.compile(r"""(["'])([^"'\\\n]+)\1""")
_BY_NAME, _BY_KEY = len((".", "alias", ".", "field")), len(("[", "alias", "]", ".", "field"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One place that reads a load; ``alias`` is None where it cannot be told whose."""

    start: int
    alias: str | None = None
    field: str = ""

    @property
    def name(self) -> str:
        """As decisions and documents call it."""
        return f"{LOAD}.{self.alias}.{self.field}"


def readings(tokens: Sequence[Token]) -> Iterator[Reading]:
    """Every place of a condition that reads a load."""
    for place, token in enumerate(tokens):
        is_member = place > 0 and tokens[place - 1].text == "."
        if token.kind == "name" and token.text == LOAD and not is_member:
            yield _reading(token, tokens[place + 1 :])


def _reading(root: Token, after: Sequence[Token]) -> Reading:
    signs = [token.text if token.kind == "sign" else token.kind for token in after[:_BY_KEY]]
    if signs[:_BY_NAME] == [".", "name", ".", "name"]:
        return Reading(start=root.start, alias=after[1].text, field=after[3].text)
    written = _PLAIN_TEXT.fullmatch(after[1].text) if signs == ["[", "text", "]", ".", "name"] else None
    return Reading(start=root.start, alias=written[2], field=after[4].text) if written else Reading(start=root.start)
