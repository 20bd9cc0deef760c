"""``cascade calibrate``."""

from __future__ import annotations

import json
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.calibrating.cross_fit import best_score
from litellm_cascade.offline.calibrating.curves import Method, every_feature
from litellm_cascade.offline.calibrating.fitting import Origin, Wish, content_of, fit
from litellm_cascade.offline.calibrating.records import SCORED, Records, digest_of, read_records
from litellm_cascade.offline.calibrating.report import as_json, file_text, print_report, raw_ece_of, write_page
from litellm_cascade.offline.calibrating.thresholds import Bound
from litellm_cascade.offline.called import command_of
from litellm_cascade.offline.pages import write_text


class Kind(StrEnum):
    """How curves are fitted."""

    ISOTONIC = "isotonic"
    LOGISTIC = "logistic"


class Event(StrEnum):
    """What the probability is of."""

    RIGHT = "right"
    NO_WORSE = "no_worse"


class Part(StrEnum):
    """The tokens that are scored."""

    ALL = "all"
    ANSWER = "answer"
    REASONING_AND_ANSWER = "reasoning_and_answer"
    NUMBERS = "numbers"


def calibrate(
    context: typer.Context,
    traces: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Recorded answers, JSONL or parquet; docs/cli.md has the columns.")
    ],
    alias: Annotated[str, typer.Option(help="Whose answers.")],
    model: Annotated[
        str | None,
        typer.Option(help="The model that gave them, as litellm_params.model names it: the proxy warns where another one answers."),
    ] = None,
    score: Annotated[str | None, typer.Option(help="The gate's confidence.score. [default: the best one out of sample]")] = None,
    of: Annotated[Part, typer.Option(help="The gate's confidence.of.")] = Part.REASONING_AND_ANSWER,
    method: Annotated[Kind, typer.Option(help="isotonic on the score, or logistic on several features.")] = Kind.ISOTONIC,
    features: Annotated[str | None, typer.Option(help="For logistic: names with commas, log_ for a logarithm. [default: all]")] = None,
    event: Annotated[
        Event, typer.Option(help="What the probability is of: the answer is right, or the large model's is not right where it is wrong.")
    ] = Event.RIGHT,
    prefix_tokens: Annotated[
        int | None, typer.Option(min=1, help="Fit the beginnings of answers too, for streams judged on so many.")
    ] = None,
    target_quality: Annotated[
        float | None, typer.Option(min=0, max=1, help="Choose the threshold for this share of right answers.")
    ] = None,
    target_cost: Annotated[float | None, typer.Option(min=0, help="Choose it for this cost a request.")] = None,
    risk: Annotated[
        float | None, typer.Option(min=0.0001, max=0.9999, help="Choose it so that at most this share is accepted wrongly.")
    ] = None,
    delta: Annotated[float, typer.Option(min=0.0001, max=0.9999, help="How often the proof of --risk may fail.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 0,
    card: Annotated[str | None, typer.Option(help="What a reader of the file must know. [default: written]")] = None,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the calibration here.")] = None,
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a page with plots here.")] = None,
    as_json_: Annotated[bool, typer.Option("--json", help="The report as JSON; docs/cli.md describes it.")] = False,
) -> None:
    """Fit what confidence is worth: from a score to the probability that the answer is right.

    With --event no_worse it is the probability that the large model would do no better, for which every record needs `correct_large`.
    Figures are out of sample: of answers that the curves behind them were not fitted on. At most one of --target-quality, --target-cost
    and --risk chooses the threshold. --risk keeps half of the answers for its proof (Learn-then-Test). Needs the extra lab.

    Exit codes: 0 fitted, 1 the records or the wish do not allow it, 2 called wrongly.

    For example:
      cascade calibrate --traces answers.jsonl --alias small --out policies/calibrations/small.json
      cascade calibrate --traces answers.jsonl --alias small --risk 0.05 --delta 0.1
    """
    if find_spec("sklearn") is None:
        raise ConfigurationError(["cascade calibrate needs scikit-learn: pip install 'litellm-cascade[lab]'"])
    if sum(wish is not None for wish in (target_quality, target_cost, risk)) > 1:
        raise typer.BadParameter("give one of --target-quality, --target-cost and --risk")
    bound = Bound(alpha=risk, delta=delta) if risk is not None else None
    records = read_records(traces, alias, of=of.value, prefix_tokens=prefix_tokens, event=event.value)
    fitted = fit(records, _method(records, score, method, features), Wish(quality=target_quality, cost_usd=target_cost, bound=bound), seed)
    origin = Origin(
        of=of.value,
        data=digest_of(traces),
        command=command_of(context, leaving_out=("out", "card")),
        prefix_tokens=prefix_tokens,
        card=card,
        model=model,
    )
    file = content_of(fitted, origin, bound)
    if out is not None:
        write_text(out, file_text(file))
    if html is not None:
        write_page(html, fitted, file, raw_ece_of(fitted))
    if as_json_:
        typer.echo(json.dumps(as_json(fitted, file, raw_ece_of(fitted)), indent=2))
    else:
        print_report(fitted, file, raw_ece_of(fitted))


def _method(records: Records, score: str | None, kind: Kind, features: str | None) -> Method:
    scores = [name for name in SCORED if name in records.scores]
    if score is not None and score not in scores:
        raise ConfigurationError([f"the records of {records.alias!r} have no score {score!r}; known are {', '.join(scores)}"])
    chosen = tuple(name.strip() for name in features.split(",")) if features else every_feature(records)
    if kind is Kind.LOGISTIC:
        return Method(score=score or scores[0], kind=kind.value, features=chosen)
    return Method(score=score or best_score(records, scores, kind.value), kind=kind.value)
