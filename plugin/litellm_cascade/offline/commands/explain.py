"""``cascade explain``."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer

from litellm_cascade.classifiers import registry
from litellm_cascade.offline import explaining
from litellm_cascade.offline.explanation_text import print_explanation
from litellm_cascade.offline.policy_files import find_policy
from litellm_cascade.vocabulary import Caller

CLASSIFIERS = ", ".join(sorted(registry))


class Attached(StrEnum):
    """What may come with a prompt."""

    IMAGE = "image"
    PDF = "pdf"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"


def explain(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What the user asks; - reads it from standard input.")],
    policy: Annotated[str, typer.Option(help="A file, or a name: looked for in policies, then among those that are shipped.")] = "balanced",
    system: Annotated[str | None, typer.Option(help="A system prompt.")] = None,
    attach: Annotated[
        list[Attached] | None, typer.Option(metavar="KIND", help="Comes with the prompt: image, pdf, audio, video, file. Repeatable.")
    ] = None,
    team: Annotated[str | None, typer.Option(help="The caller's team.")] = None,
    tier: Annotated[str | None, typer.Option(help="The caller's tier.")] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="A tag of the request. Repeatable.")] = None,
    classifier: Annotated[str, typer.Option(help=f"Who reads the prompt: {CLASSIFIERS}.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON; docs/cli.md describes it.")] = False,
) -> None:
    """Say what a policy does with a prompt, step by step, and why.

    The signals of the request, what the classifier believes, each route that was looked at with its condition, the decision, and what
    would happen next. No model is asked. The text of the prompt is in no part of the answer, nor in its JSON form.

    Exit codes: 0 explained, 1 the policy or the classifier cannot be used, 2 there is no such policy, classifier or option.

    For example:
      cascade explain "How many legs has a spider?"
      cascade explain "What does this chart say?" --attach image --policy policies/balanced.yaml
      cascade explain - --tier gold --json < prompt.txt
    """
    if classifier not in registry:
        raise typer.BadParameter(f"there is no classifier {classifier!r}; choose one of {CLASSIFIERS}")
    caller = Caller(team=team, tier=tier, tags=tuple(tag or ()))
    request = explaining.request_of(_text(prompt), system=system, attached=[kind.value for kind in attach or ()], caller=caller)
    explanation = explaining.explain(find_policy(policy), request, classifier)
    if as_json:
        typer.echo(json.dumps(explanation.as_json(), indent=2))
    else:
        print_explanation(explanation)


def _text(prompt: str) -> str:
    """The prompt; from standard input without the line break that ends it."""
    if prompt != "-":
        return prompt
    return sys.stdin.buffer.read().decode("utf-8", "replace").removesuffix("\n")
