"""``cascade explain``."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.classifiers import DEFAULT
from litellm_cascade.offline import explaining
from litellm_cascade.offline.explanation_text import print_explanation
from litellm_cascade.offline.policy_files import find_policy, from_here
from litellm_cascade.offline.prompt_options import CLASSIFIERS, known_classifier, prompt_text
from litellm_cascade.offline.record_places import DatabaseEnv, places
from litellm_cascade.offline.records import deciding_policy, find_record, replayed
from litellm_cascade.vocabulary import AuditRecord, Caller, Plan

RECORDS = ".cascade/record"
"""Where litellm_config.yaml keeps the record."""


class Attached(StrEnum):
    """What may come with a prompt."""

    IMAGE = "image"
    PDF = "pdf"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"


def explain(
    prompt: Annotated[str | None, typer.Argument(metavar="PROMPT", help="What the user asks; - reads it from standard input.")] = None,
    policy: Annotated[
        str | None,
        typer.Option(help="A file, or a name: looked for in policies, then among those that are shipped. [default: balanced]"),
    ] = None,
    system: Annotated[str | None, typer.Option(help="A system prompt.")] = None,
    attach: Annotated[
        list[Attached] | None, typer.Option(metavar="KIND", help="Comes with the prompt: image, pdf, audio, video, file. Repeatable.")
    ] = None,
    team: Annotated[str | None, typer.Option(help="The caller's team.")] = None,
    tier: Annotated[str | None, typer.Option(help="The caller's tier.")] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="A tag of the request. Repeatable.")] = None,
    classifier: Annotated[str, typer.Option(help=f"Who reads the prompt: {CLASSIFIERS}.")] = DEFAULT,
    record: Annotated[
        str | None, typer.Option(metavar="ID", help="Instead of a prompt: a request of the decision record, by its id or its trace's.")
    ] = None,
    records: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the record is.")] = Path(RECORDS),
    database_env: DatabaseEnv = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON; docs/cli.md describes it.")] = False,
) -> None:
    """Say what a policy does with a prompt, step by step, and why.

    The signals of the request, what the classifier believes, each route that was looked at with its condition, the decision, and what
    would happen next. No model is asked. The text of the prompt is in no part of the answer, nor in its JSON form.

    With --record the evidence comes from the decision record instead, and the decision is made again: it must be the recorded one.

    Exit codes: 0 explained, 1 the policy, the classifier or the record cannot be used, or a recorded decision comes out otherwise, 2 there
    is no such policy, classifier or option.

    For example:
      cascade explain "How many legs has a spider?"
      cascade explain "What does this chart say?" --attach image --policy policies/balanced.yaml
      cascade explain - --tier gold --json < prompt.txt
      cascade explain --record 4bf92f3577b34da6a3ce929d0e0e4736 --records .cascade/record
      cascade explain --record 4bf92f3577b34da6a3ce929d0e0e4736 --database-env DATABASE_URL
    """
    if (prompt is None) == (record is None):
        raise typer.BadParameter("say either a prompt, or --record ID and its folder by --records")
    if record is not None:
        raise typer.Exit(_explain_again(_recorded(record, records, database_env), policy, as_json=as_json))
    known_classifier(classifier)
    caller = Caller(team=team, tier=tier, tags=tuple(tag or ()))
    request = explaining.request_of(prompt_text(str(prompt)), system=system, attached=[kind.value for kind in attach or ()], caller=caller)
    explanation = explaining.explain(find_policy(policy or "balanced"), request, classifier)
    if as_json:
        typer.echo(json.dumps(explanation.as_json(), indent=2))
    else:
        print_explanation(explanation)


def _recorded(request: str, records: Path, database_env: str | None) -> AuditRecord:
    if database_env is not None:
        with places(None, database_env, containing=json.dumps(request)) as (folder,):
            return find_record(folder, request, called=f"--database-env {database_env}")
    if not records.is_dir():
        raise typer.BadParameter(f"there is no folder {str(records)!r}; name the one that holds the record", param_hint="--records")
    return find_record(records, request, called=str(records))


def _explain_again(record: AuditRecord, policy: str | None, *, as_json: bool) -> int:
    """Decide a recorded request once more, and say whether the decision is the same; the exit code."""
    file = find_policy(policy) if policy is not None else deciding_policy(record)
    again = replayed(record, file)
    differences = list(again.differences())
    if as_json:
        typer.echo(json.dumps(again.as_json(), indent=2))
        return 1 if differences else 0
    plan = Plan(evidence=record.plan.evidence, decision=again.decision)
    print_explanation(explaining.Explanation(policy=again.policy, file=from_here(file), plan=plan))
    typer.echo(f"\nrecord  {again.record.outcome.alias or 'nobody'} answered, {again.record.outcome.reason.value}")
    if again.digest_differs:
        typer.echo(f"  the policy that decided was {record.plan.decision.digest}; {from_here(file)} is {again.policy.digest} now")
    for difference in differences:
        typer.echo(f"  {difference}")
    if not differences:
        typer.echo("  the decision made again is the recorded one")
    return 1 if differences else 0
