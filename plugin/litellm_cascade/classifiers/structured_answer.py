"""What a language model is asked to say about a request, as a JSON schema, and its answer read with suspicion.

Whatever a prompt talks the model into, its answer can only fill these fields: a task type, an alias and a domain of closed lists, and
numbers within their ranges. Its reasoning is free text, so it is shown to people who ask for it and goes nowhere else.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from litellm_cascade.errors import ClassifierError
from litellm_cascade.vocabulary import TASK_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST_REASONING: Final = 400
"""Characters that are kept of it."""
MOST_BRACES: Final = 16
"""Of an answer, that are looked behind for its JSON object."""
MANY_TOKENS: Final = 4096
"""Tokens of an answer from which on ``output_length`` is 1."""


class Answer(BaseModel):
    """The fields, in the order in which the model is to write them: it thinks first, and concludes last."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    reasoning: str
    task_type: str
    domain: str
    complexity: Annotated[int, Field(ge=1, le=5)]
    creativity: Annotated[float, Field(ge=0, le=1)]
    estimated_tokens: Annotated[int, Field(ge=0)]
    prefers: Literal["speed", "quality"]
    recommended_alias: str
    confidence: Annotated[float, Field(ge=0, le=1)]


def schema_of(domains: Sequence[str], aliases: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of an answer, in the part of the language that strict modes know: every field required, no bounds on numbers.

    Without aliases none is asked for.
    """
    fields: dict[str, dict[str, Any]] = {
        "reasoning": {"type": "string"},
        "task_type": {"type": "string", "enum": list(TASK_TYPES)},
        "domain": {"type": "string", "enum": list(domains)},
        "complexity": {"type": "integer", "enum": [1, 2, 3, 4, 5]},
        "creativity": {"type": "number"},
        "estimated_tokens": {"type": "integer"},
        "prefers": {"type": "string", "enum": ["speed", "quality"]},
        "recommended_alias": {"type": "string", "enum": list(aliases)},
        "confidence": {"type": "number"},
    }
    if not aliases:
        del fields["recommended_alias"]
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def read_answer(text: str, *, domains: Sequence[str], aliases: Sequence[str]) -> Answer:
    """The answer in a model's reply; words around its JSON object and keys beyond the schema are ignored.

    Raises ``ClassifierError`` with the names of the fields that cannot be used, and with no word of the reply.
    """
    written = _first_object(text)
    if not aliases:
        written["recommended_alias"] = ""
    try:
        answer = Answer.model_validate(written)
    except ValidationError as error:
        raise ClassifierError(f"the answer has no usable {', '.join(sorted({str(one['loc'][0]) for one in error.errors()}))}") from None
    for field, said, known in (
        ("task_type", answer.task_type, TASK_TYPES),
        ("domain", answer.domain, domains),
        ("recommended_alias", answer.recommended_alias, aliases or ("",)),
    ):
        if said not in known:
            raise ClassifierError(f"the answer's {field} is none of those that were offered")
    return answer.model_copy(update={"reasoning": answer.reasoning[:LONGEST_REASONING]})


def dimensions_of(answer: Answer) -> Mapping[str, float]:
    """What has no field of its own in a Classification, each from 0 to 1."""
    return {
        "creativity_scope": answer.creativity,
        "output_length": min(answer.estimated_tokens, MANY_TOKENS) / MANY_TOKENS,
        "quality": float(answer.prefers == "quality"),
    }


def _first_object(text: str) -> dict[str, Any]:
    """The first that holds anything. Before it may stand braces in words, and an empty object."""
    decoder = json.JSONDecoder()
    for brace in islice(re.finditer(r"\{", text), MOST_BRACES):
        try:
            found, _ = decoder.raw_decode(text, brace.start())
        except (ValueError, RecursionError):
            continue
        if found:
            return dict(found)
    raise ClassifierError("the answer holds no JSON object")
