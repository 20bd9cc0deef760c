"""``cascade bench cascade``."""

from __future__ import annotations

from typing import Annotated

import typer

from litellm_cascade.offline.bench_cascade.report import as_json, markdown, measured, write_page
from litellm_cascade.offline.bench_cascade.sets import read_sets
from litellm_cascade.offline.bench_common.options import HERE, Data, Draws, Fit, Html, Json, is_missing
from litellm_cascade.offline.bench_common.reading import basis_of, need_lab
from litellm_cascade.offline.bench_common.resuming import parts_beside
from litellm_cascade.offline.bench_common.telling import origin, say, write_json
from litellm_cascade.offline.called import command_of


def cascade(
    context: typer.Context,
    data: Data = HERE,
    fit: Fit = None,
    seed: Annotated[int, typer.Option(help="Of folds, random escalation and the bootstrap.")] = 0,
    draws: Draws = 1_000,
    json_: Json = None,
    html: Html = None,
) -> None:
    """Deferral curves on recorded answers: raw scores, calibrations, and dull baselines.

    Nothing is fitted on what is scored: answers marked `test` are scored with what the others say; where none is, folds are held out in
    turn, near-duplicates together. With --json, an interrupted run goes on where it was. docs/benchmarks.md says what the sets and the
    methods are. Needs the extra lab.

    Exit codes: 0 measured, or the data is not there; 1 it cannot be read; 2 called wrongly.

    For example:
      cascade bench cascade
      cascade bench cascade --data heldout --fit ../shared/data --json cascade.json
    """
    if is_missing(data):
        return
    need_lab("cascade bench cascade")
    sets, elsewhere = read_sets(data), read_sets(fit) if fit is not None else None
    if not sets:
        typer.echo(f"skipped: no set of this benchmark is in {str(data)!r}; docs/benchmarks.md names the files")
        return
    digests = {one.name: one.data for one in sets} | {f"fit: {one.name}": one.data for one in elsewhere or ()}
    about = origin(command_of(context), data=digests, seed=seed, draws=draws, packages=("scikit-learn", "polars"))
    about["fitted_on"] = basis_of(fit)
    parts = parts_beside(json_, {name: value for name, value in about.items() if name != "command"})
    results = measured(sets, elsewhere, about, parts)
    say(markdown(results))
    if json_ is not None:
        write_json(json_, as_json(results))
    if html is not None:
        write_page(html, results)
    parts.done()
