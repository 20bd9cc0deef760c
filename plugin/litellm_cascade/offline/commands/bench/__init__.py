"""``cascade bench``. To add a benchmark: its file here and its line in ``BENCHMARKS``."""

from __future__ import annotations

import typer

from litellm_cascade.offline.lazy_group import lazy_group

BENCHMARKS = {
    "cascade": "Deferral curves on recorded answers: raw scores, calibrations, and dull baselines.",
    "routing": "Which prompts the larger model should get: gain models, our strategies, and dull baselines.",
    "routed-vs-large": "Policies against always asking the large model, on simulated deployments.",
    "scenarios": "Ten scenarios with limits on cost, latency and quality: what each strategy makes of them, simulated.",
}

bench = typer.Typer(
    cls=lazy_group("litellm_cascade.offline.commands.bench", BENCHMARKS),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@bench.callback()
def _bench() -> None:
    """Measure what cascades are worth on recorded answers.

    For example:
      cascade bench cascade --data ../shared/data
    """
