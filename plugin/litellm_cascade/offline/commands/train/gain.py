"""``cascade train gain``."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.classifiers import DEFAULT
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline import pages
from litellm_cascade.offline.called import command_of
from litellm_cascade.offline.traffic.options import Reader, Traces, known_classifier, source_of
from litellm_cascade.offline.traffic.perceiving import perceiving
from litellm_cascade.offline.traffic.reading import Reading
from litellm_cascade.offline.traffic.telling import print_table, table_of
from litellm_cascade.offline.training_gain import gain_model, recorded_of


def gain(
    context: typer.Context,
    traces: Traces,
    aliases: Annotated[str, typer.Option(help="The models to choose from, cheapest first, with commas: small,large.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="The JSON file for the policy's `gain`.")],
    classifier: Reader = DEFAULT,
    seed: Annotated[int, typer.Option(min=0, help="Of the parts and the bootstrap.")] = 0,
) -> None:
    """Fit what the larger model adds, for a policy's strategy `learned`.

    Learns from requests of which an answer of every alias was judged (`cascade label --all`), with the features that a policy sees. The
    file's card says how it does on requests that it was not fitted on, beside the prompt's length. Needs the extra lab.

    Exit codes: 0 fitted, 1 the traffic does not allow it, 2 called wrongly.

    For example:
      cascade train gain --traces labelled.jsonl --aliases small,large --out policies/gain.json
    """
    if find_spec("sklearn") is None:
        raise ConfigurationError(["cascade train gain needs scikit-learn: pip install 'litellm-cascade[lab]'"])
    names = tuple(dict.fromkeys(name.strip() for name in aliases.split(",") if name.strip()))
    if len(names) < 2:  # noqa: PLR2004 - to choose from
        raise typer.BadParameter(f"{aliases!r} are not two models; write them with commas, cheapest first", param_hint="--aliases")
    source = source_of(context, traces)
    with perceiving(known_classifier(classifier)) as perceive:
        reading = Reading(source, perceive)
        recorded = recorded_of(reading, names, source.name, seed)
    origin = {"traces": source.name, "data": source.digest, "classifier": classifier, "command": command_of(context)}
    model = gain_model(recorded, names, origin, seed)
    pages.write_text(out, json.dumps(model.content, indent=1) + "\n")
    table = table_of("APGR", "value", "95 %")
    table.add_row("random", "0.500", "")
    for figure in model.figures:
        table.add_row(figure.what, f"{figure.value:.3f}", f"[{figure.low:.3f}, {figure.high:.3f}]")
    print_table(table)
    typer.echo(f"fitted on {model.fitted_n:,} requests, measured on {model.tested_n:,} others")
    if not model.beats_length:
        typer.echo("it does not beat the prompt's length beyond the interval: do not rely on it")
