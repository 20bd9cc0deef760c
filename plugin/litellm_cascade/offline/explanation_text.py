"""An explanation for a terminal: in colour there, plain in a pipe or a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from litellm_cascade.offline.explaining import Explanation
from litellm_cascade.offline.plainly import shown
from litellm_cascade.vocabulary import Decision, Step

_OUTCOMES = {"matched": "green", "taken": "green", "skipped": "bright_black", "failed": "red"}
_ELSEWHERE = {"policy", "digest", "gate", "ensemble", "trace"}  # of a decision: told in other sections
_WIDE = 21


def print_explanation(explanation: Explanation) -> None:
    """On standard output. ``NO_COLOR`` (no-color.org) is respected."""
    console = Console(highlight=False, color_system=None if os.environ.get("NO_COLOR") else "auto")
    for line in _lines(explanation):
        console.print(line, soft_wrap=True)


def _lines(explanation: Explanation) -> Iterator[Text]:
    policy, decision = explanation.policy, explanation.plan.decision
    yield Text.assemble((policy.name, "bold"), f"  {policy.short_digest}  {explanation.file}")
    yield from _evidence(explanation)
    yield from _section("routes", "the first whose condition holds decides")
    yield from _trace(decision.trace)
    yield from _section("decision")
    yield from _rows({field.name: getattr(decision, field.name) for field in fields(Decision) if field.name not in _ELSEWHERE})
    yield from _section("next")
    yield from (Text(f"  {sentence}") for sentence in explanation.next)


def _evidence(explanation: Explanation) -> Iterator[Text]:
    """A section for each part of the evidence. Of the envelope, which was made up here, nothing."""
    evidence = explanation.plan.evidence
    for field in fields(evidence):
        part = getattr(evidence, field.name)
        if is_dataclass(part) and field.name != "envelope":
            yield from _section(field.name)
            yield from _rows({inner.name: getattr(part, inner.name) for inner in fields(part)})
        elif part is not None and field.name != "envelope":
            yield from _section(field.name)
            yield Text(f"  {shown(part)}")


def _section(title: str, remark: str = "") -> Iterator[Text]:
    yield Text()
    yield Text.assemble((title, "bold cyan"), (f"  {remark}" if remark else "", "bright_black"))


def _rows(values: dict[str, Any]) -> Iterator[Text]:
    for name, value in values.items():
        if value is not None:
            yield from (_row(label, line) for label, line in _labelled(name, value))
    unknown = [name for name, value in values.items() if value is None]
    if unknown:
        yield _row("unknown", ", ".join(unknown), "bright_black")


def _labelled(name: str, value: Any) -> Iterable[tuple[str, str]]:
    """One line for a value, or one for each of several things that have parts."""
    several = isinstance(value, tuple) and any(is_dataclass(item) for item in value)
    lines = [shown(item) for item in value] if several else [shown(value)]
    return [(name if place == 0 else "", line) for place, line in enumerate(lines)]


def _row(label: str, line: str, style: str = "") -> Text:
    return Text.assemble((f"  {label:<{_WIDE}} ", "cyan"), (line, style))


def _trace(trace: Iterable[Step]) -> Iterator[Text]:
    for step in trace:
        style = _OUTCOMES.get(step.outcome, "yellow")
        yield Text.assemble((f"  {step.outcome:<10}", style), shown(step.name))
        if step.detail:
            yield Text(f"  {'':<10}{shown(step.detail)}", "bright_black")
