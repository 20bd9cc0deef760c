"""``cascade bench scenarios``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.classifiers import DEFAULT
from litellm_cascade.offline.bench_common.options import Classifier, Draws, Json
from litellm_cascade.offline.bench_common.telling import origin, say, steps, write_json
from litellm_cascade.offline.bench_simulated.report import (
    SIMULATED,
    measure_routed,
    measure_scenarios,
    scenario_tables,
    write_scenario_page,
)
from litellm_cascade.offline.bench_simulated.scenarios import read_scenarios
from litellm_cascade.offline.called import command_of
from litellm_cascade.offline.commands.bench.routed_vs_large import POLICIES, digest_of_prompts, prompts_of
from litellm_cascade.offline.policy_files import find_policy
from litellm_cascade.offline.simulating.text_to_sql import PER_BAND


def scenarios(
    context: typer.Context,
    classifier: Classifier = DEFAULT,
    seed: Annotated[int, typer.Option(help="Of simulated answers and the bootstrap.")] = 0,
    draws: Draws = 1_000,
    json_: Json = None,
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a page with the six panels here.")] = None,
) -> None:
    """Ten scenarios of six kinds with limits on cost, latency and quality: what each strategy makes of them, on a simulated pool.

    The page also has the panels of `cascade bench routed-vs-large`. docs/simulator.md says what is assumed.

    For example:
      cascade bench scenarios --html scenarios.html
    """
    with steps(len(read_scenarios()[0]) + len(POLICIES)) as progress:
        rows = measure_scenarios(progress, classifier=classifier, seed=seed, draws=draws)
        prompts = prompts_of(None, per_band=PER_BAND, seed=seed)
        files = [find_policy(name) for name in POLICIES]
        routed = measure_routed(files, prompts, progress, classifier=classifier, seed=seed, draws=draws)
    say(scenario_tables(rows))
    about = origin(command_of(context), data={"prompts": digest_of_prompts(prompts)}, seed=seed, draws=draws)
    if json_ is not None:
        write_json(json_, about | {"simulated": SIMULATED, "rows": [asdict(row) for row in rows]})
    if html is not None:
        write_scenario_page(html, rows, routed, f"{about['command']}; seed {seed}, {draws} draws.")
