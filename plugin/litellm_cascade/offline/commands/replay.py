"""``cascade replay``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.classifiers import DEFAULT, registry
from litellm_cascade.offline.policy_files import find_policy
from litellm_cascade.offline.traffic import replaying, telling
from litellm_cascade.offline.traffic.deciding import Decider
from litellm_cascade.offline.traffic.perceiving import perceiving

CLASSIFIERS = ", ".join(sorted(registry))


def replay(
    context: typer.Context,
    traces: Annotated[
        Path, typer.Option(exists=True, help="A folder or file of the decision record, LiteLLM spend logs, or requests as JSONL.")
    ],
    policy: Annotated[str, typer.Option(help="A file, or a name: looked for in policies, then among those that are shipped.")] = "balanced",
    classifier: Annotated[str, typer.Option(help=f"Who reads requests that no decision record holds: {CLASSIFIERS}.")] = DEFAULT,
    json_: Annotated[Path | None, typer.Option("--json", dir_okay=False, help="Write every number here; docs/cli.md describes it.")] = None,
) -> None:
    """Decide recorded traffic again with a policy, and say what that is expected to cost.

    Requests of the decision record are decided from their recorded evidence, others from their text. No model is asked, and no text is
    shown or written. Traffic is read as a stream: it may be larger than memory.

    Exit codes: 0 replayed, 1 the traffic or the policy cannot be used, 2 called wrongly.

    For example:
      cascade replay --traces .cascade/record --policy policies/balanced.yaml
      cascade replay --traces spend_logs.json --policy balanced --json replay.json
    """
    if classifier not in registry:
        raise typer.BadParameter(f"there is no classifier {classifier!r}; choose one of {CLASSIFIERS}")
    decider = Decider(find_policy(policy))
    with perceiving(classifier) as perceive:
        reading = telling.Reading(traces, perceive)
        done = replaying.replay(reading, decider)
    telling.print_replay(done)
    reading.tell()
    if json_ is not None:
        telling.write_json(json_, context, {**reading.as_json(), "policy": decider.as_json, **done.as_json()})
