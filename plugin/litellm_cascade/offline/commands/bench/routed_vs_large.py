"""``cascade bench routed-vs-large``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.classifiers import DEFAULT
from litellm_cascade.offline.bench_common.options import Classifier, Draws, Html, Json
from litellm_cascade.offline.bench_common.reading import DIGITS
from litellm_cascade.offline.bench_common.telling import origin, say, steps, write_json
from litellm_cascade.offline.bench_simulated.report import SIMULATED, RoutedResults, measure_routed, routed_tables, write_routed_page
from litellm_cascade.offline.called import command_of
from litellm_cascade.offline.policy_files import find_policy
from litellm_cascade.offline.simulating.text_to_sql import PER_BAND, SqlPrompt, joined, read_templates, shipped_templates, sql_prompts

POLICIES = ("balanced", "sql_workshop")


def routed_vs_large(
    context: typer.Context,
    policy: Annotated[list[str] | None, typer.Option(help="A policy by name or path; may be repeated.")] = None,
    templates: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="More templates, as YAML.")] = None,
    per_band: Annotated[int, typer.Option(min=1, help="Prompts of each band.")] = PER_BAND,
    classifier: Classifier = DEFAULT,
    seed: Annotated[int, typer.Option(help="Of prompts, simulated answers and the bootstrap.")] = 0,
    draws: Draws = 1_000,
    json_: Json = None,
    html: Html = None,
) -> None:
    """Policies against always asking the large model: cost, latency, accuracy and who answers, on simulated deployments.

    Prompts are synthetic text-to-SQL in three bands, the deployments are the simulator's, the pipeline is the proxy's own.
    docs/simulator.md says what is assumed, and how to write templates of your own.

    For example:
      cascade bench routed-vs-large
      cascade bench routed-vs-large --policy my.yaml --templates shop.yaml --html routed.html
    """
    prompts = prompts_of(templates, per_band=per_band, seed=seed)
    files = [find_policy(name) for name in policy or POLICIES]
    with steps(len(files)) as progress:
        results = measure_routed(files, prompts, progress, classifier=classifier, seed=seed, draws=draws)
    say(routed_tables(results.rows))
    about = origin(command_of(context), data={"prompts": digest_of_prompts(prompts)}, seed=seed, draws=draws)
    if json_ is not None:
        write_json(json_, about | {"simulated": SIMULATED, **as_json(results)})
    if html is not None:
        write_routed_page(html, results, f"{about['command']}; prompts {about['data']['prompts']}; seed {seed}, {draws} draws.")


def prompts_of(templates: Path | None, *, per_band: int, seed: int) -> list[SqlPrompt]:
    """The shipped templates and those of a file."""
    known = shipped_templates() if templates is None else joined(shipped_templates(), read_templates(templates))
    return sql_prompts(known, per_band=per_band, seed=seed)


def digest_of_prompts(prompts: Sequence[SqlPrompt]) -> str:
    """Of their texts."""
    return sha256("\n".join(prompt.text for prompt in prompts).encode()).hexdigest()[:DIGITS]


def as_json(results: RoutedResults) -> dict[str, object]:
    """The rows, and what the classifier found."""
    return {"rows": [asdict(row) for row in results.rows], "found": results.found}
