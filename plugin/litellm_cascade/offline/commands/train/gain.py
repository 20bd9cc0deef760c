"""``cascade train gain``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.classifiers import DEFAULT
from litellm_cascade.classifiers.chances import write_chances
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline import pages
from litellm_cascade.offline.called import command_of
from litellm_cascade.offline.prompt_options import known_classifier
from litellm_cascade.offline.traffic.options import Reader, Traces, source_of
from litellm_cascade.offline.traffic.perceiving import perceiving
from litellm_cascade.offline.traffic.reading import Reading
from litellm_cascade.offline.traffic.rows import Source
from litellm_cascade.offline.traffic.telling import print_table, table_of
from litellm_cascade.offline.training_chances import Fitted, fit_judged, judged_of
from litellm_cascade.offline.training_gain import GainModel, gain_model, recorded_of


def gain(
    context: typer.Context,
    traces: Traces,
    aliases: Annotated[str, typer.Option(help="The models to choose from, cheapest first, with commas: small,large.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="The JSON file for the policy's `gain`; the .npz file of --chances.")],
    chances: Annotated[
        bool, typer.Option("--chances", help="Fit to the words of prompts, for the classifier `linear` (its option `chances`).")
    ] = False,
    classifier: Reader = DEFAULT,
    seed: Annotated[int, typer.Option(min=0, help="Of the parts and the bootstrap.")] = 0,
) -> None:
    """Fit what the larger model adds, for a policy's strategy `learned`.

    Learns from requests of which an answer of every alias was judged (`cascade label --all`), with the features that a policy sees. The
    file's card says how it does on requests that it was not fitted on, beside the prompt's length. Needs the extra lab.

    With --chances it learns from the prompts' words, of requests of which an answer of any alias was judged, and writes the file that
    `classifier: {name: linear, options: {chances: FILE}}` reads; a `learned` without `gain` decides on it. --classifier is not asked.

    Exit codes: 0 fitted, 1 the traffic does not allow it, 2 called wrongly.

    For example:
      cascade train gain --traces labelled.jsonl --aliases small,large --out policies/gain.json
      cascade train gain --traces labelled.jsonl --aliases small,large --chances --out chances.npz
    """
    if find_spec("sklearn") is None:
        raise ConfigurationError(["cascade train gain needs scikit-learn: pip install 'litellm-cascade[lab]'"])
    names = tuple(dict.fromkeys(name.strip() for name in aliases.split(",") if name.strip()))
    if len(names) < 2:  # noqa: PLR2004 - to choose from
        raise typer.BadParameter(f"{aliases!r} are not two models; write them with commas, cheapest first", param_hint="--aliases")
    source, command = source_of(context, traces), command_of(context)
    _tell(
        _chances(source, names, out, command, seed) if chances else _gain(source, names, out, command, seed, known_classifier(classifier))
    )


def _chances(source: Source, names: Sequence[str], out: Path, command: str, seed: int) -> Fitted:
    judged = judged_of(source, names)
    fitted = fit_judged(judged, names, {"traces": source.name, "data": source.digest, "command": command}, seed)
    try:
        write_chances(out, fitted.chances)
    except OSError as error:
        raise ConfigurationError([f"{out}: cannot be written ({error.strerror}); name a file in a folder that exists"]) from error
    return fitted


def _gain(source: Source, names: Sequence[str], out: Path, command: str, seed: int, classifier: str) -> GainModel:
    with perceiving(classifier) as perceive:
        recorded = recorded_of(Reading(source, perceive), names, source.name, seed)
    model = gain_model(recorded, names, {"traces": source.name, "data": source.digest, "classifier": classifier, "command": command}, seed)
    pages.write_text(out, json.dumps(model.content, indent=1) + "\n")
    return model


def _tell(model: GainModel | Fitted) -> None:
    table = table_of("APGR", "value", "95 %")
    table.add_row("random", "0.500", "")
    for figure in model.figures:
        table.add_row(figure.what, f"{figure.value:.3f}", f"[{figure.low:.3f}, {figure.high:.3f}]")
    print_table(table)
    typer.echo(f"fitted on {model.fitted_n:,} requests, measured on {model.tested_n:,} others")
    if not model.beats_length:
        typer.echo("it does not beat the prompt's length beyond the interval: do not rely on it")
