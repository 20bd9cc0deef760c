"""``cascade bench mmlu``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import httpx
import numpy as np
import typer

from litellm_cascade.classifiers import DEFAULT
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_common.reading import digest_of, need_lab
from litellm_cascade.offline.bench_common.resampling import drawn
from litellm_cascade.offline.bench_common.telling import command_of, origin, steps, tell, write_json
from litellm_cascade.offline.bench_questions.live import answered_by, read_questions
from litellm_cascade.offline.bench_questions.recorded import LARGE, SMALL, by_order, by_policy, read_recorded
from litellm_cascade.offline.bench_questions.report import tables, write_page
from litellm_cascade.offline.bench_questions.rows import Answered, Row, row_of
from litellm_cascade.offline.bench_routing.evidence import Seen
from litellm_cascade.offline.bench_routing.pairs import PairSet, data_digest, read_pairs
from litellm_cascade.offline.commands.bench.cascade import HERE
from litellm_cascade.offline.policy_files import find_policy
from litellm_cascade.policy import Policy, load_policy, parse_policy

USUAL = ("zell_gpt4omini_gpt4o", "routellm_mmlu")
"""Pairs to take without --pair: the first that is there. The first has dollars and latencies."""
BY_COMPLEXITY = """
version: 1
name: by_complexity
description: The larger model for the half of the questions that the classifier finds more complex.
models: {{small: {{tier: budget}}, large: {{tier: premium}}}}
routes: [{{name: all, choose: {{strategy: thresholds, cuts: [{cut:.6f}], candidates: [small, large]}}}}]
"""


def mmlu(
    context: typer.Context,
    data: Annotated[Path, typer.Option(envvar="CASCADE_DATA", help="The folder with the recorded answers.")] = HERE,
    pair: Annotated[str | None, typer.Option(help="Which recorded pair of models; small and large of a policy are its two.")] = None,
    policy: Annotated[list[str] | None, typer.Option(help="A policy of small and large, by name or path; may be repeated.")] = None,
    questions: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Ask these of a proxy: prompt and answer a row.")
    ] = None,
    url: Annotated[str, typer.Option(help="The proxy, or anything that speaks OpenAI's dialect.")] = "http://127.0.0.1:4000",
    key_env: Annotated[str, typer.Option(help="The variable with its key.")] = "LITELLM_MASTER_KEY",
    models: Annotated[str, typer.Option(help="What to ask, with commas: single models, and the routed one.")] = "small,large,auto",
    limit: Annotated[int, typer.Option(min=1, help="Of questions that are asked.")] = 200,
    max_tokens: Annotated[int, typer.Option(min=1, help="Of an answer.")] = 256,
    classifier: Annotated[str, typer.Option(help="Which classifier reads recorded questions.")] = DEFAULT,
    seed: Annotated[int, typer.Option(help="Of random choices and the bootstrap.")] = 0,
    draws: Annotated[int, typer.Option(min=1, help="Of the bootstrap.")] = 1_000,
    json_: Annotated[Path | None, typer.Option("--json", dir_okay=False, help="Write every number here.")] = None,
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a page with plots here.")] = None,
) -> None:
    """Accuracy, mean latency and who answers, routed and with single models, on a set of questions.

    With --questions, a running proxy is asked; else the answers are recorded ones. Random and prompt length give the larger model as many
    questions as the first policy does.

    Exit codes: 0 measured, or the data is not there; 1 something cannot be used; 2 called wrongly.

    For example:
      cascade bench mmlu --pair routellm_mmlu
      cascade bench mmlu --questions exam.jsonl --models small,large,auto
    """
    need_lab("cascade bench mmlu")
    if questions is None and not data.is_dir():
        typer.echo(f"skipped: there is no folder {str(data)!r}; name the one with the recorded answers with --data or CASCADE_DATA")
        return
    if questions is not None:
        digests = {"data": digest_of([questions])}
        rows = asyncio.run(_live(questions, url, _key(key_env), models.split(","), (limit, max_tokens), seed, draws, digests["data"]))
    else:
        digests = {"data": data_digest(data)}
        rows = _recorded(data, pair, policy or (), classifier, seed, draws, digests["data"])
    typer.echo(tables(rows))
    about = origin(command_of(context), data=digests, seed=seed, draws=draws)
    if json_ is not None:
        write_json(json_, about | {"rows": [asdict(row) for row in rows]})
    if html is not None:
        write_page(html, rows, f"{about['command']}; data {digests['data']}; seed {seed}, {draws} draws.")


def _recorded(data: Path, named: str | None, policies: Sequence[str], classifier: str, seed: int, draws: int, digest: str) -> list[Row]:
    one = _chosen(read_pairs(data), named)
    recorded = read_recorded(data, one)
    loaded: list[Policy] = [load_policy(find_policy(name)) for name in policies] or [_by_complexity(one)]
    routed = {f"policy {policy.name}": by_policy(recorded, policy, classifier=classifier, seed=seed) for policy in loaded}
    first = next(iter(routed.values()))
    share = float(np.mean([answered.alias == LARGE for answered in first]))
    random = np.random.default_rng(seed).random(len(one))
    dull = {
        f"always {SMALL} ({one.weak_model})": by_order(recorded, random, 0.0, seed),
        f"always {LARGE} ({one.strong_model})": by_order(recorded, random, 1.0, seed),
        "random": by_order(recorded, random, share, seed),
        "prompt length": by_order(recorded, one.lengths, share, seed),
        "oracle": by_order(recorded, one.gains, float((one.gains > 0).mean()), seed),
    }
    resampled = drawn(one.groups, seed, draws)
    return [row_of(one.name, method, answered, resampled, digest) for method, answered in {**routed, **dull}.items()]


def _by_complexity(one: PairSet) -> Policy:
    """What a policy can do that knows no outcome."""
    seen = Seen().of(one.texts)
    return parse_policy(BY_COMPLEXITY.format(cut=float(np.median([seen[text].classification.complexity for text in one.texts]))))


def _chosen(pairs: Sequence[PairSet], named: str | None) -> PairSet:
    by_name = {one.name: one for one in pairs}
    if named is not None and named not in by_name:
        raise ConfigurationError([f"there is no pair {named!r}; there are {', '.join(sorted(by_name))}"])
    return by_name[named] if named is not None else next((by_name[name] for name in USUAL if name in by_name), pairs[0])


async def _live(
    file: Path, url: str, key: str, models: Sequence[str], bounds: tuple[int, int], seed: int, draws: int, digest: str
) -> list[Row]:
    asked = read_questions(file)[: bounds[0]]
    resampled = drawn(np.array([question.group for question in asked]), seed, draws)
    answers: dict[str, list[Answered]] = {}
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120, trust_env=False) as client:
        with steps(len(models) * len(asked)) as progress:
            for model in models:
                answers[model] = await answered_by(
                    client,
                    model,
                    asked,
                    max_tokens=bounds[1],
                    advance=lambda model=model: tell(progress, model, advance=1),  # type: ignore[misc]
                )
    return [row_of(file.name, model, answered, resampled, digest) for model, answered in answers.items()]


def _key(variable: str) -> str:
    key = os.environ.get(variable)
    if not key:
        raise ConfigurationError(
            [f"the environment variable {variable} is empty; put the proxy's key there, or name another with --key-env"]
        )
    return key
