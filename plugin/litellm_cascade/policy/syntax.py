"""PyYAML's errors in an operator's words."""

from __future__ import annotations

from yaml.error import MarkedYAMLError
from yaml.reader import ReaderError

from litellm_cascade.policy.scalars import TooMuchError

_SENTENCES = (
    ("found character '\\t'", "a tab indents this line; YAML allows only spaces"),
    ("mapping values are not allowed", "a ':' where no key can be; correct the indentation, or put the whole value in single quotes"),
    ("but found '<scalar>'", "text goes on after a closing quote; put the whole value in single quotes: '\"image\" in signals.modalities'"),
    ("but found '<block mapping start>'", "the indentation does not fit the lines above; align it with them"),
    ("but found '<block sequence start>'", "the indentation does not fit the lines above; align it with them"),
    ("could not find expected ':'", "a key without ':'; write key: value"),
    ("found unexpected end of stream", "a quote is not closed; close it on its line"),
    ("expected a single document", "a second document starts here; a file holds one, remove the '---'"),
    ("found undefined alias", "an alias without its anchor; write the value out"),
    ("found duplicate anchor", "an anchor is defined twice; write the values out"),
    ("found character", "text cannot start with this character; put the value in quotes"),
    ("but found '<stream end>'", "the file ends inside a bracket; close it"),
    ("expected ',' or", "a bracket is not closed, or a comma is missing"),
)


def explain(error: ReaderError | MarkedYAMLError, text: str) -> tuple[int, int, str]:
    """Line, column and one sentence about an error in a text."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return line, 1, "a character here is not text (NUL or another control character); remove it"
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if isinstance(error, TooMuchError):
        return line, column, str(error.problem)
    told = f"{error.problem or ''} {error.context or ''}"
    sentence = next((sentence for symptom, sentence in _SENTENCES if symptom in told), f"is not valid YAML ({error.problem})")
    return line, column, sentence
