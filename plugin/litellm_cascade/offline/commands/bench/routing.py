"""``cascade bench routing``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_common.options import HERE, Data, Draws, Fit, Html, Json, is_missing
from litellm_cascade.offline.bench_common.reading import basis_of, need_lab
from litellm_cascade.offline.bench_common.resuming import parts_beside
from litellm_cascade.offline.bench_common.telling import origin, say, steps, tell, write_json
from litellm_cascade.offline.bench_routing.evidence import Seen
from litellm_cascade.offline.bench_routing.pairs import PairSet, data_digest, read_pairs
from litellm_cascade.offline.bench_routing.report import markdown, measured, tasks_of, write_page
from litellm_cascade.offline.called import command_of


def routing(
    context: typer.Context,
    data: Data = HERE,
    fit: Fit = None,
    pair: Annotated[list[str] | None, typer.Option(help="Only this pair; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Of folds and the bootstrap.")] = 0,
    draws: Draws = 1_000,
    json_: Json = None,
    html: Html = None,
) -> None:
    """Which prompts the larger model should get: gain models, our strategies, and dull baselines, on recorded pairs of answers.

    Nothing is fitted on what is scored: prompts marked `test` are scored with what the others say; where none is, folds are held out in
    turn, near-duplicates together. With --json, an interrupted run goes on where it was. docs/benchmarks.md says what the methods are.
    Needs the extra lab.

    Exit codes: 0 measured, or the data is not there; 1 it cannot be used; 2 called wrongly.

    For example:
      cascade bench routing --json routing.json --html routing.html
      cascade bench routing --data heldout --fit ../shared/data --pair routellm_mmlu
    """
    if is_missing(data):
        return
    need_lab("cascade bench routing")
    digests = {"data": data_digest(data)} | ({"fit": data_digest(fit)} if fit is not None else {})
    pairs, elsewhere = read_pairs(data), read_pairs(fit) if fit is not None else None
    tasks = [*tasks_of(pairs, elsewhere, data=digests["data"], seed=seed, draws=draws)]
    wanted = [task for task in tasks if task.scored.name in _wanted(pair, pairs)]
    about = origin(command_of(context), data=digests, seed=seed, draws=draws, packages=("scikit-learn", "polars"))
    parts = parts_beside(json_, {"about": about["versions"], "data": digests, "seed": seed, "draws": draws})
    results, seen = [], Seen()
    with steps(len(wanted)) as progress:
        for task in wanted:
            results.append(measured(task, seen, parts, progress))
            tell(progress, task.scored.name, advance=1)
    say(markdown(results))
    if json_ is not None:
        write_json(json_, about | {"fitted_on": basis_of(fit), "rows": [asdict(row) for one in results for row in one.rows]})
    if html is not None:
        write_page(html, results, _note(about, fit))
    parts.done()


def _wanted(named: Sequence[str] | None, pairs: Sequence[PairSet]) -> set[str]:
    known = {one.name for one in pairs}
    if unknown := set(named or ()) - known:
        raise ConfigurationError([f"there is no pair {min(unknown)!r}; there are {', '.join(sorted(known))}"])
    return set(named or known)


def _note(about: dict[str, Any], fit: Path | None) -> str:
    data = ", ".join(f"{name} {digest}" for name, digest in about["data"].items())
    return f"{about['command']}; {data}; seed {about['seed']}, {about['bootstrap_draws']} draws. Fitted on {basis_of(fit)}."
