"""``cascade plan``."""

from __future__ import annotations

from typing import Annotated

import typer

from litellm_cascade.classifiers import DEFAULT
from litellm_cascade.offline.policy_files import find_policy
from litellm_cascade.offline.prompt_options import known_classifier
from litellm_cascade.offline.traffic import planning, telling
from litellm_cascade.offline.traffic.bounds import bounds_of, end_if
from litellm_cascade.offline.traffic.deciding import Decider
from litellm_cascade.offline.traffic.options import Draws, Json, Reader, Seed, Traces, source_of
from litellm_cascade.offline.traffic.perceiving import perceiving
from litellm_cascade.offline.traffic.reading import Reading


def plan(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", help="The policy that decides today: a file, or a name.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The policy that is to decide: a file, or a name.")],
    traces: Traces,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", help="quality, cost or escalation, < or >, a number: 'quality<-0.01'. Repeatable."),
    ] = None,
    classifier: Reader = DEFAULT,
    seed: Seed = 0,
    draws: Draws = 400,
    json_: Json = None,
) -> None:
    """Compare two policies on recorded traffic: who moves, and what that changes.

    The change of cost is a share of the old cost, that of quality a difference of probabilities, that of escalation a difference of
    shares; each with a 95 % interval by bootstrap, for all requests, each task type and each team.

    Exit codes: 0 compared, 1 a condition of --fail-if holds, or the traffic or a policy cannot be used, 2 called wrongly.

    For example:
      cascade plan policies/balanced.yaml new.yaml --traces .cascade/record
      cascade plan balanced new.yaml --traces spend_logs.json --fail-if 'quality<-0.01' --fail-if 'cost>0'
    """
    bounds, source = bounds_of(fail_if or []), source_of(context, traces)
    before, after = Decider(find_policy(old)), Decider(find_policy(new))
    with perceiving(known_classifier(classifier)) as perceive:
        reading = Reading(source, perceive)
        done = planning.plan(reading, before, after, draws=draws, seed=seed)
    changes = done.changes()
    telling.print_plan(done, changes)
    reading.tell()
    if json_ is not None:
        origin = {**reading.as_json(), "old": before.as_json, "new": after.as_json, "seed": seed, "draws": draws}
        telling.write_json(json_, context, {**origin, **done.as_json(), "changes": telling.changes_json(changes)})
    end_if(bound for bound in bounds if bound.is_broken_by(changes[0]))
