"""``cascade bench``. To add a benchmark: its file here and its line in ``BENCHMARKS``."""

from __future__ import annotations

import typer

from litellm_cascade.offline.lazy_group import lazy_group

BENCHMARKS = {
    "cascade": "Deferral curves on recorded answers: raw scores, calibrations, and dull baselines.",
    "classifier": "How fast the classifier nvidia is here, against the hardware's limit and plain transformers.",
    "service": "Requests a second of the classifier service on a device stand-in.",
    "embedded": "How good and how fast the embedded classifiers are, beside dull baselines.",
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
      cascade bench service
    """
