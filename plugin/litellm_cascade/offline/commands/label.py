"""``cascade label``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import httpx
import typer

from litellm_cascade.offline.called import key_in, proxy_at
from litellm_cascade.offline.counting import counted
from litellm_cascade.offline.labelling.asking import Asker
from litellm_cascade.offline.labelling.labels import Labels, Prompt, Terms, labels_in, prompts_in
from litellm_cascade.offline.labelling.work import Labeller, Limits, Tally
from litellm_cascade.offline.policy_files import find_policy
from litellm_cascade.offline.traffic.reading import progress
from litellm_cascade.policy import load_policy
from litellm_cascade.vocabulary import AliasFacts


def label(
    prompts: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Requests as OpenAI's clients write them, one a line.")],
    aliases: Annotated[str, typer.Option(help="The models to choose from, cheapest first, with commas: small,large.")],
    judge: Annotated[str, typer.Option(help="The model that says whether an answer copes.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="The labelled requests; what is there already is not asked again.")],
    max_usd: Annotated[float, typer.Option(min=0, help="What all runs into this file may cost together.")],
    url: Annotated[str, typer.Option(help="The proxy, or any server of OpenAI's chat dialect.")] = "http://127.0.0.1:4000",
    key_env: Annotated[str, typer.Option(help="The environment variable that holds its key.")] = "LITELLM_MASTER_KEY",
    prices: Annotated[
        str | None, typer.Option(metavar="POLICY", help="A policy whose prices count where the proxy does not say what an answer cost.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Ask every alias, also behind the first that copes: tune needs that.")] = False,
    logprobs: Annotated[bool, typer.Option(help="Ask for log-probabilities, so that gates can be tuned.")] = True,
    max_tokens: Annotated[int, typer.Option(min=1, help="Of an answer.")] = 1024,
    concurrency: Annotated[int, typer.Option(min=1, help="Prompts under way at a time.")] = 2,
    within_s: Annotated[float, typer.Option(min=0.001, help="Seconds for one call.")] = 120.0,
) -> None:
    """Label prompts with the cheapest model that copes, by the word of a judge.

    This command calls models and spends money, --max-usd at most: it stops before a prompt that could cost more than is left. Each prompt
    is written as soon as it is labelled, so an interrupted run goes on where it ended. What prompts and answers say to the judge is
    material to it, and a verdict counts only in its form, with a number that was drawn for it. Answers are not kept.

    Exit codes: 0 all labelled, 1 the money is spent, a prompt failed, or nothing could be asked, 2 called wrongly.

    For example:
      cascade label --prompts requests.jsonl --aliases small,large --judge large --out labelled.jsonl --max-usd 5
      cascade label --prompts requests.jsonl --aliases small,large --judge large --all --out all.jsonl --max-usd 20
    """
    names = tuple(dict.fromkeys(name.strip() for name in aliases.split(",") if name.strip()))
    if len(names) < 2:  # noqa: PLR2004 - to choose from
        raise typer.BadParameter(
            f"{aliases!r} are not two models to choose from; write them with commas, cheapest first", param_hint="--aliases"
        )
    waiting = list(prompts_in(prompts))
    labels = labels_in(out, Terms(aliases=names, judge=judge, all=every))
    if all(prompt.id in labels.done for prompt in waiting):
        _tell(Tally(spent_usd=labels.spent_usd), labels, len(waiting), max_usd)
        return
    facts = load_policy(find_policy(prices)).facts if prices is not None else {}
    limits = Limits(max_usd=max_usd, max_tokens=max_tokens, concurrency=concurrency, logprobs=logprobs)
    login = {"Authorization": f"Bearer {key_in(key_env)}"}
    client = httpx.AsyncClient(base_url=proxy_at(url), headers=login, timeout=within_s, trust_env=False)
    tally = asyncio.run(_labelled(client, facts, labels, limits, waiting))
    _tell(tally, labels, len(waiting), max_usd)


async def _labelled(
    client: httpx.AsyncClient, facts: Mapping[str, AliasFacts], labels: Labels, limits: Limits, waiting: Sequence[Prompt]
) -> Tally:
    async with client:
        asker = Asker(client=client, prices=facts)
        await asker.check([*labels.terms.aliases, labels.terms.judge])
        labeller = Labeller(asker, labels, limits)
        with progress() as bar:
            task = bar.add_task("", total=len(waiting), completed=len(labels.done), rate="")
            return await labeller.label_all(waiting, lambda: bar.update(task, advance=1, rate=f"{labeller.tally.spent_usd:.4f} USD"))


def _tell(tally: Tally, labels: Labels, prompts: int, max_usd: float) -> None:
    typer.echo(f"{counted(len(labels.done), 'prompt')} of {prompts:,} labelled, {tally.spent_usd:.6g} USD spent")
    for name, count in tally.labelled.most_common():
        typer.echo(f"  {name:<20} {count:,} now")
    for reason, count in tally.failed.most_common():
        typer.echo(f"{counted(count, 'prompt')} failed: {reason}", err=True)
    if tally.capped:
        typer.echo(f"stopped: another prompt could have gone beyond {max_usd:g} USD; give a higher --max-usd to go on", err=True)
    elif tally.hopeless:
        typer.echo("stopped: nothing could be labelled; mend that, or name another judge, before money is spent on the rest", err=True)
    elif tally.failed:
        typer.echo("run it again to try those that failed", err=True)
    if tally.capped or tally.failed:
        raise typer.Exit(1)
