"""``cascade bench routerarena``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.offline.bench_common.options import HERE, Data, Draws, Html, Json, is_missing
from litellm_cascade.offline.bench_common.reading import need_lab
from litellm_cascade.offline.bench_common.resampling import Numbers, drawn
from litellm_cascade.offline.bench_common.resuming import parts_beside
from litellm_cascade.offline.bench_common.telling import origin, say, steps, tell, write_json
from litellm_cascade.offline.bench_questions.arena import Row, arena_pairs, rows_of
from litellm_cascade.offline.bench_questions.report import arena_tables, write_arena_page
from litellm_cascade.offline.bench_routing.evidence import Seen
from litellm_cascade.offline.bench_routing.methods import ELSEWHERE, Basis, others_of, trained, untrained
from litellm_cascade.offline.bench_routing.pairs import PairSet, data_digest, read_pairs
from litellm_cascade.offline.called import command_of


def routerarena(
    context: typer.Context,
    data: Data = HERE,
    fit: Annotated[Path | None, typer.Option(help="Another such folder: fit there; without it, on the other benchmarks of --data.")] = None,
    seed: Annotated[int, typer.Option(help="Of random choices and the bootstrap.")] = 0,
    draws: Draws = 1_000,
    json_: Json = None,
    html: Html = None,
) -> None:
    """RouterArena's score, of accuracy and cost, on its recorded answers. They are scored with; nothing is fitted on them.

    Exit codes: 0 measured, or the data is not there; 1 it cannot be used; 2 called wrongly.

    For example:
      cascade bench routerarena --json arena.json
    """
    if is_missing(data):
        return
    need_lab("cascade bench routerarena")
    digests = {"data": data_digest(data)} | ({"fit": data_digest(fit)} if fit is not None else {})
    pairs = read_pairs(data)
    basis = pairs if fit is None else read_pairs(fit)
    found = arena_pairs(pairs)
    about = origin(command_of(context), data=digests, seed=seed, draws=draws, packages=("scikit-learn", "polars"))
    parts = parts_beside(json_, {"about": about["versions"], "data": digests, "seed": seed, "draws": draws})
    rows: list[Row] = []
    with steps(len(found)) as progress:
        for one in found:
            kept = parts.rows(one.name, lambda one=one: [asdict(row) for row in _measured(one, basis, digests["data"], seed, draws)])  # type: ignore[misc]
            rows += [Row(**row) for row in kept]
            tell(progress, one.name, advance=1)
    say(arena_tables(rows))
    if json_ is not None:
        write_json(json_, about | {"rows": [asdict(row) for row in rows]})
    if html is not None:
        told = ", ".join(f"{name} {digest}" for name, digest in digests.items())
        write_arena_page(html, rows, f"{about['command']}; {told}; seed {seed}, {draws} draws. Nothing is fitted on these rows.")
    parts.done()


def _measured(one: PairSet, pairs: list[PairSet], data: str, seed: int, draws: int) -> list[Row]:
    seen = Seen().of(one.texts)
    orders: dict[str, Numbers] = {name: order for name, order in untrained(one, seen).items() if name != "oracle"}
    basis = Basis(own=one, others=others_of(one, pairs), seen=seen, seed=seed)
    methods = trained(one, basis)
    if ELSEWHERE in methods:
        orders[ELSEWHERE] = methods[ELSEWHERE]()
    return rows_of(one, orders, drawn(one.groups, seed, draws), data, seed)
