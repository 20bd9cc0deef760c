"""``cascade bench mmlu``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import httpx
import numpy as np
import typer

from litellm_cascade.classifiers import DEFAULT
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_common.options import HERE, Data, Draws, Html, Json, is_missing
from litellm_cascade.offline.bench_common.reading import digest_of, need_lab
from litellm_cascade.offline.bench_common.resampling import drawn
from litellm_cascade.offline.bench_common.resuming import Parts, parts_beside
from litellm_cascade.offline.bench_common.telling import origin, say, steps, tell, write_json
from litellm_cascade.offline.bench_questions.live import answered_by, read_questions
from litellm_cascade.offline.bench_questions.recorded import LARGE, SMALL, Recorded, by_order, by_policy, read_recorded
from litellm_cascade.offline.bench_questions.report import tables, write_page
from litellm_cascade.offline.bench_questions.rows import Answered, Row, row_of
from litellm_cascade.offline.bench_routing.evidence import Seen
from litellm_cascade.offline.bench_routing.pairs import PairSet, data_digest, read_pairs
from litellm_cascade.offline.called import command_of, key_in, proxy_at
from litellm_cascade.offline.policy_files import find_policy
from litellm_cascade.policy import Policy, load_policy, parse_policy

Answers = dict[str, list[Answered]]
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
    data: Data = HERE,
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
    draws: Draws = 1_000,
    json_: Json = None,
    html: Html = None,
) -> None:
    """Accuracy, mean latency and who answers, routed and with single models, on a set of questions.

    With --questions, a running proxy is asked; else the answers are recorded ones. Random and prompt length give the larger model as many
    questions as the first policy does. With --json, an interrupted run goes on where it was, and no question is asked twice.

    Exit codes: 0 measured, or the data is not there; 1 something cannot be used; 2 called wrongly.

    For example:
      cascade bench mmlu --pair routellm_mmlu
      cascade bench mmlu --questions exam.jsonl --models small,large,auto
    """
    need_lab("cascade bench mmlu")
    if questions is None and is_missing(data):
        return
    if questions is not None:
        digests = {"data": digest_of([questions])}
        parts = parts_beside(json_, {**digests, "url": url, "max_tokens": max_tokens})
        answers = asyncio.run(
            _live(questions, url, key_in(key_env), [name.strip() for name in models.split(",")], (limit, max_tokens), parts)
        )
        rows = _rows(questions.name, [one.group for one in read_questions(questions)][:limit], answers, (seed, draws), digests["data"])
    else:
        digests = {"data": data_digest(data)}
        one = _chosen(read_pairs(data), pair)
        parts = parts_beside(json_, {**digests, "pair": one.name, "classifier": classifier, "seed": seed})
        answers = _recorded(read_recorded(data, one), policy or (), classifier, seed, parts)
        rows = _rows(one.name, one.groups, answers, (seed, draws), digests["data"])
    say(tables(rows))
    about = origin(command_of(context), data=digests, seed=seed, draws=draws)
    if json_ is not None:
        write_json(json_, about | {"rows": [asdict(row) for row in rows]})
    if html is not None:
        write_page(html, rows, f"{about['command']}; data {digests['data']}; seed {seed}, {draws} draws.")
    parts.done()


def _rows(name: str, groups: Iterable[str], answers: Answers, drawing: tuple[int, int], digest: str) -> list[Row]:
    resampled = drawn(np.array([*groups]), *drawing)
    return [row_of(name, method, answered, resampled, digest) for method, answered in answers.items()]


def _recorded(recorded: Recorded, policies: Sequence[str], classifier: str, seed: int, parts: Parts) -> Answers:
    one = recorded.pair
    loaded = [load_policy(find_policy(name)) for name in policies] or [_by_complexity(one)]
    routed: dict[str, list[Answered]] = {}
    with steps(len(loaded) * len(one)) as progress:
        for policy in loaded:
            advance = partial(tell, progress, policy.name, advance=1)
            ask = partial(by_policy, recorded, policy, classifier=classifier, seed=seed, advance=advance)
            kept = parts.rows(policy.digest, lambda ask=ask: [asdict(answered) for answered in ask()])  # type: ignore[misc]
            routed[f"policy {policy.name}"] = [Answered(**answered) for answered in kept]
    return routed | _dull(recorded, next(iter(routed.values())), seed)


def _dull(recorded: Recorded, first: Sequence[Answered], seed: int) -> Answers:
    """Random and prompt length give the larger model as many as the ``first``."""
    one, random = recorded.pair, np.random.default_rng(seed).random(len(recorded.pair))
    share = float(np.mean([answered.alias == LARGE for answered in first]))
    return {
        f"always {SMALL} ({one.weak_model})": by_order(recorded, random, 0.0, seed),
        f"always {LARGE} ({one.strong_model})": by_order(recorded, random, 1.0, seed),
        "random": by_order(recorded, random, share, seed),
        "prompt length": by_order(recorded, one.lengths, share, seed),
        "oracle": by_order(recorded, one.gains, float((one.gains > 0).mean()), seed),
    }


def _by_complexity(one: PairSet) -> Policy:
    """What a policy can do that knows no outcome."""
    seen = Seen().of(one.texts)
    return parse_policy(BY_COMPLEXITY.format(cut=float(np.median([seen[text].classification.complexity for text in one.texts]))))


def _chosen(pairs: Sequence[PairSet], named: str | None) -> PairSet:
    by_name = {one.name: one for one in pairs}
    if named is not None and named not in by_name:
        raise ConfigurationError([f"there is no pair {named!r}; there are {', '.join(sorted(by_name))}"])
    return by_name[named] if named is not None else next((by_name[name] for name in USUAL if name in by_name), pairs[0])


async def _live(file: Path, url: str, key: str, models: Sequence[str], bounds: tuple[int, int], parts: Parts) -> Answers:
    asked, answers = read_questions(file)[: bounds[0]], dict[str, list[Answered]]()
    async with httpx.AsyncClient(
        base_url=proxy_at(url), headers={"Authorization": f"Bearer {key}"}, timeout=120, trust_env=False
    ) as client:
        with steps(len(models) * len(asked)) as progress:
            for model in models:
                advance = partial(tell, progress, model, advance=1)
                answers[model] = await answered_by(client, model, asked, max_tokens=bounds[1], parts=parts, advance=advance)
    return answers
