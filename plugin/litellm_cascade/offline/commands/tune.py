"""``cascade tune``."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Annotated

import typer

from litellm_cascade.classifiers import DEFAULT
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline import pages
from litellm_cascade.offline.called import command_of
from litellm_cascade.offline.policy_files import find_policy
from litellm_cascade.offline.prompt_options import known_classifier
from litellm_cascade.offline.traffic.deciding import Decider
from litellm_cascade.offline.traffic.options import Draws, Html, Json, Reader, Seed, Traces, source_of
from litellm_cascade.offline.traffic.perceiving import perceiving
from litellm_cascade.offline.traffic.reading import Reading, progress
from litellm_cascade.offline.traffic.sampling import sampled
from litellm_cascade.offline.traffic.telling import write_json
from litellm_cascade.offline.tuning.choosing import Wish
from litellm_cascade.offline.tuning.choosing import tune as chosen_for
from litellm_cascade.offline.tuning.knobs import as_numbers, knobs_of, settings_of
from litellm_cascade.offline.tuning.report import as_json, name_of_tuned, page_of, print_tuned, promise_of, write_policy
from litellm_cascade.offline.tuning.trials import tried


def tune(
    context: typer.Context,
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="The policy whose thresholds are tuned: a file, or a name.")],
    traces: Traces,
    quality_floor: Annotated[
        float | None, typer.Option(min=0, max=1, help="Save as much as can be saved with at least this share of right answers.")
    ] = None,
    budget_usd: Annotated[
        float | None, typer.Option(min=0, help="The best quality for at most so many dollars a request, on average.")
    ] = None,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the tuned policy here.")] = None,
    name: Annotated[str | None, typer.Option(help="What the written policy is called. [default: its name, with -tuned behind it]")] = None,
    steps: Annotated[int, typer.Option(min=2, max=100, help="Values to try for each threshold.")] = 15,
    settings: Annotated[int, typer.Option(min=2, help="Of more combinations than so many, so many are drawn.")] = 225,
    sample: Annotated[int, typer.Option(min=200, help="Of more requests than so many, so many are drawn.")] = 5_000,
    classifier: Reader = DEFAULT,
    seed: Seed = 0,
    draws: Draws = 400,
    html: Html = None,
    json_: Json = None,
) -> None:
    """Find thresholds that save the most at a quality, or give the most quality for a budget.

    Gates' `accept_at` and the `cuts` of thresholds are tried on one half of the traffic. The Pareto front is shown with what its settings
    bring on the other half, and what is promised is that. With --out the policy is written with the numbers that were taken and a name of
    its own, and with all else as it stands. Without a wish only the front is shown.

    Exit codes: 0 tuned, 1 no setting fulfils the wish, or the traffic or the policy cannot be used, 2 called wrongly.

    For example:
      cascade tune balanced --traces labelled.jsonl --quality-floor 0.9 --out policies/tuned.yaml
      cascade tune policies/mine.yaml --traces .cascade/record --budget-usd 0.002 --html tuned.html
    """
    if quality_floor is not None and budget_usd is not None:
        raise typer.BadParameter("give --quality-floor or --budget-usd, not both")
    if out is not None and quality_floor is None and budget_usd is None:
        raise typer.BadParameter("--out needs a wish to choose by: --quality-floor or --budget-usd")
    if name is not None and out is None:
        raise typer.BadParameter("--name is of the policy that --out writes; give both")
    pages.need_plots(html)
    file, source = find_policy(policy), source_of(context, traces)
    decider = Decider(file)
    with perceiving(known_classifier(classifier)) as perceive:
        reading = Reading(source, perceive)
        items = sampled(reading, sample, Random(seed))
    knobs, left_alone = knobs_of(decider.policy, items, [decider.decide_anew(item) for item in items], steps)
    if not knobs:
        raise ConfigurationError(["; ".join([f"{file}: there is nothing to tune: no thresholds, and no gate with scores", *left_alone])])
    ways = settings_of(knobs, settings, seed)
    with progress() as bar:
        task = bar.add_task("", total=len(ways), rate="settings")
        trials = tried(file, items, knobs, ways, lambda: bar.advance(task))
    tuned = chosen_for(trials, Wish(quality_floor=quality_floor, budget_usd=budget_usd), draws=draws, seed=seed)
    print_tuned(knobs, trials, tuned, left_alone)
    reading.tell()
    origin = {**reading.as_json(), "policy": decider.as_json, "seed": seed, "draws": draws, "sample": len(items)}
    if html is not None:
        told = f"{command_of(context)}; data {reading.source.digest[:19]}; seed {seed}, {draws} draws"
        pages.write_text(html, pages.html(f"Tuning {decider.policy.name}", page_of(knobs, trials, tuned, told)))
    if json_ is not None:
        write_json(json_, context, {**origin, **as_json(knobs, trials, tuned, left_alone)})
    if out is not None and tuned.chosen is not None:
        promise = f"{promise_of(knobs, tuned.chosen, tuned.held_out_n)}; data {reading.source.digest[:19]}, {command_of(context)}"
        called = name_of_tuned(decider.policy.name) if name is None else name
        written = write_policy(file, out, called, as_numbers(knobs, tuned.chosen.setting), promise)
        typer.echo(f"{out}: written under the name {written.name!r}, which traces, metrics and records will have")
