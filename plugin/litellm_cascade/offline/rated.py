"""What callers said of answers, read back from the decision record: of each answer the newest counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litellm_cascade.audit.ledger.codec import read_feedback
from litellm_cascade.audit.ledger.reading import feedback_in, requests_in
from litellm_cascade.offline.calibrating.records import COLUMNS
from litellm_cascade.offline.records import at
from litellm_cascade.vocabulary import Answered, Feedback

Asked = tuple[Any, Any, Any]
"""Whose request, its id, and its trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """Feedback, and the line it stands in."""

    feedback: Feedback
    line: Mapping[str, Any]


Said = Mapping[Asked, list[Rated]]
"""What callers said, by request."""


def newest_feedback(paths: Iterable[Path]) -> dict[Asked, list[Rated]]:
    """By request; of each of its answers the newest. A caller may have used the id of a request again. Raises RecordError."""
    lines = sorted(feedback_in(paths), key=lambda line: str(line.get("at")))
    newest = {}
    for rated in (Rated(feedback=read_feedback(line.get("feedback")), line=line) for line in lines):
        answer = rated.feedback.answer
        newest[_asked(answer), answer.at] = rated
    found: dict[Asked, list[Rated]] = {}
    for (asked, _), rated in newest.items():
        found.setdefault(asked, []).append(rated)
    return found


def feedback_of(line: Mapping[str, Any], said: Said) -> Rated | None:
    """What was said of a request's answer."""
    rated = said.get(_asked_in(line))
    return rated[-1] if rated else None


def calibration_records(paths: Collection[Path]) -> Iterator[dict[str, Any] | str]:
    """A record for each answer that ``cascade calibrate`` can learn from; for each other one, why it cannot."""
    said = newest_feedback(paths)
    prompts = {_asked_in(line): at(line, "record", "basis", "input_hash") for line in requests_in(paths) if _asked_in(line) in said}
    for asked, rated in said.items():
        yield from (_record(one.feedback, prompts.get(asked)) for one in rated)


def _record(feedback: Feedback, prompt: str | None) -> dict[str, Any] | str:
    answer = feedback.answer
    if feedback.correct is None:
        return "neither right nor wrong"
    if answer.score_name is None or answer.score is None:
        return "not judged"
    if answer.of_beginning:
        return "judged by the beginning of a stream"
    if answer.score_name not in COLUMNS:
        return f"judged by {answer.score_name}"
    record = {"alias": answer.alias, "task": answer.task, answer.score_name: answer.score, "correct": feedback.correct}
    return record if prompt is None else record | {"group": prompt}


def _asked_in(line: Mapping[str, Any]) -> Asked:
    plan = at(line, "record", "plan")
    key, request = at(plan, "evidence", "caller", "key_hash"), at(plan, "evidence", "envelope", "request_id")
    return key, request, at(line, "record", "trace_id")


def _asked(answer: Answered) -> Asked:
    return answer.key_hash, answer.request_id, answer.trace_id
