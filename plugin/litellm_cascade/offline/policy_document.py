"""A policy as a document in Markdown, for people who decide whether it may be used. The same policy always gives the same document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from litellm_cascade.errors import PolicyError
from litellm_cascade.offline.counting import counted
from litellm_cascade.offline.pages import table
from litellm_cascade.offline.plainly import shown
from litellm_cascade.offline.policy_files import opening_comment, tests_beside
from litellm_cascade.offline.route_wording import fenced, route_paragraphs
from litellm_cascade.offline.wording import gate_sentences
from litellm_cascade.policy import Document, Policy, load_policy
from litellm_cascade.policy.testing import CaseResult, run_policy_tests

_TOLD = {"version", "name", "description", "models", "routes", "gates"}

_PRIVACY = """\
Conditions and strategies see what a request is like (its signals), what a classifier believes about it, and who sends it: never the text
of a message. {kept}
What LiteLLM itself records is set in LiteLLM's configuration."""

_NOWHERE = "Neither a decision nor what is recorded of it (spans, headers, logs of litellm-cascade) holds a word of a prompt or an answer."
_IN_THE_RECORD = """\
**The decision record, where one is kept, holds the prompts and answers of {share} requests.** Nothing else that litellm-cascade writes
(spans, headers, logs) holds a word of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDocument:
    """The text, and whether the tests beside the policy pass (or are not there)."""

    text: str
    tests_pass: bool


def write_document(file: Path, *, date: str | None, version: str) -> PolicyDocument:
    """A document about a policy file. ``version`` is that of litellm-cascade. Raises PolicyError for a policy that cannot be used."""
    policy = load_policy(file)
    tests, passed = _tests(tests_beside(file))
    sections = [
        *_head(policy, file, date, version),
        "## Models",
        *_models(policy.document),
        "## Routes",
        "Routes are tried in this order. The first whose condition holds decides.",
        *(paragraph for place, route in enumerate(policy.document.routes, 1) for paragraph in route_paragraphs(place, route)),
        "## Gates",
        *_gates(policy),
        "## Limits",
        *_settings(policy.document),
        "## Privacy",
        _privacy(policy.document),
        *_names(policy),
        "## Tests",
        *tests,
    ]
    return PolicyDocument(text="\n\n".join(sections) + "\n", tests_pass=passed)


def _head(policy: Policy, file: Path, date: str | None, version: str) -> Iterator[str]:
    yield f"# Policy {policy.name}"
    if policy.document.description:
        yield policy.document.description
    comment = opening_comment(file)
    if comment:
        yield "\n".join(comment)
    facts = [("File", f"`{file.name}`"), ("Digest", f"`{policy.digest}`"), ("Language version", str(policy.document.version))]
    dated = [("Date", date)] if date else []
    yield table(("", ""), [*facts, ("Written by", f"litellm-cascade {version}"), *dated])
    yield "Two policies with the same digest decide alike. Every span and every record of a request names the digest that decided it."


def _models(document: Document) -> Iterator[str]:
    yield f"The policy can ask {counted(len(document.models), 'model')}; the largest is `{document.largest}`."
    columns = list(type(next(iter(document.models.values()))).model_fields)
    rows = [(f"`{alias}`", *(_cell(getattr(card, column)) for column in columns)) for alias, card in document.models.items()]
    yield table(("alias", *(column.replace("_", " ") for column in columns)), rows)


def _gates(policy: Policy) -> Iterator[str]:
    if not policy.gates:
        yield "None: no answer is judged."
    for name, gate in policy.gates.items():
        yield f"### {name}"
        yield "\n".join(f"- {sentence}" for sentence in gate_sentences(gate))


def _settings(document: Document) -> Iterator[str]:
    """Whatever else a policy can say, as it is written."""
    if getattr(document, "limits", None) is None:
        yield "The policy sets no limit on spend or on escalation. LiteLLM's budgets and rate limits of keys and teams apply."
    for name, field in type(document).model_fields.items():
        value = getattr(document, name)
        if name not in _TOLD and value is not None:
            yield f"`{name}`: {field.description or ''}"
            yield fenced({name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value})


def _privacy(document: Document) -> str:
    """Where texts may be, by what the policy says of its decision record."""
    if document.privacy.record_prompts == "never":
        return _PRIVACY.format(kept=_NOWHERE)
    return _PRIVACY.format(kept=_IN_THE_RECORD.format(share=document.privacy.share))


def _names(policy: Policy) -> Iterator[str]:
    if policy.names:
        yield f"The conditions of this policy read {', '.join(f'`{name}`' for name in sorted(policy.names))}."


def _tests(file: Path) -> tuple[Sequence[str], bool]:
    if not file.is_file():
        return ["No tests stand beside this policy."], True
    try:
        results = run_policy_tests(file)
    except PolicyError as error:
        return [f"The tests in `{file.name}` cannot be run:", "\n".join(f"- {_problem(line, file)}" for line in error.problems)], False
    failed = sum(not result.passed for result in results)
    said = f"`{file.name}` has {counted(len(results), 'case')}: {'all pass' if not failed else f'{failed} FAIL'}."
    return [said, table(("case", "decided by route", "ladder", "result"), map(_case, results))], not failed


def _case(result: CaseResult) -> tuple[str, ...]:
    ladder = ", ".join(f"`{alias}`" for alias in result.decision.ladder)
    return result.case, result.decision.route, ladder, "passes" if result.passed else f"FAILS: {'; '.join(result.differences)}"


def _problem(line: str, file: Path) -> str:
    return line.removeprefix(f"{file.parent}/")


def _cell(value: Any) -> str:
    entries = dict(value) if isinstance(value, (BaseModel, dict)) else None
    if entries is not None:
        return ", ".join(f"{name} {shown(entry)}" for name, entry in entries.items())  # all of them, as they are written
    return "" if value in (None, ()) else shown(value)
