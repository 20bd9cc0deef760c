"""``cascade replay``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.classifiers import DEFAULT
from litellm_cascade.offline.policy_files import find_policy
from litellm_cascade.offline.prompt_options import known_classifier
from litellm_cascade.offline.traffic import replaying, telling
from litellm_cascade.offline.traffic.deciding import Decider
from litellm_cascade.offline.traffic.options import Json, Reader, Traces, source_of
from litellm_cascade.offline.traffic.perceiving import perceiving
from litellm_cascade.offline.traffic.reading import Reading
from litellm_cascade.offline.traffic.resuming import Progress


def replay(
    context: typer.Context,
    traces: Traces,
    policy: Annotated[str, typer.Option(help="A file, or a name: looked for in policies, then among those that are shipped.")] = "balanced",
    classifier: Reader = DEFAULT,
    resume: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Keep here how far it has come, and go on from there if it was interrupted.")
    ] = None,
    json_: Json = None,
) -> None:
    """Decide recorded traffic again with a policy, and say what that is expected to cost.

    Requests of the decision record are decided from their recorded evidence, others from their text. No model is asked, and no text is
    shown or written. Traffic is read as a stream: it may be larger than memory. Where the policy of then drew lots, what came of it says
    what this policy would have brought: inverse propensity, self-normalised, doubly robust.

    Exit codes: 0 replayed, 1 the traffic or the policy cannot be used, 2 called wrongly.

    For example:
      cascade replay --traces .cascade/record --policy policies/balanced.yaml
      cascade replay --traces spend_logs.json --policy balanced --json replay.json
      cascade replay --traces spend-logs:DATABASE_URL --policy balanced --resume replay.part
    """
    source, decider = source_of(context, traces), Decider(find_policy(policy))
    what = {"traffic": source.state, "policy": decider.policy.digest, "classifier": known_classifier(classifier)}
    progress = Progress(file=resume, what=what)
    rows, before = progress.read()
    with perceiving(classifier) as perceive:
        reading = Reading(source, perceive, skip=rows)
        done = replaying.replay(reading, decider, before, progress.noting(reading))
    progress.end()
    telling.print_replay(done)
    reading.tell()
    if json_ is not None:
        telling.write_json(json_, context, {**reading.as_json(), "policy": decider.as_json, **done.as_json()})
