"""``cascade classify``."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.progress import BarColumn, MofNCompleteColumn, TaskProgressColumn, TimeRemainingColumn

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline import classify_files
from litellm_cascade.offline.asking_models import ThroughProxy
from litellm_cascade.offline.bars import bar
from litellm_cascade.offline.classifying import PromptReader, around_here
from litellm_cascade.offline.plainly import shown
from litellm_cascade.offline.prompt_options import CLASSIFIERS, known_classifier, prompt_text

KEY = "LITELLM_API_KEY"


def classify(
    prompt: Annotated[str | None, typer.Argument(metavar="PROMPT", help="What the user asks; - reads it from standard input.")] = None,
    classifier: Annotated[str, typer.Option(help=f"Who reads it: {CLASSIFIERS}.")] = "embedded",
    option: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="An option of the classifier, the value in YAML; dots lead inward. Repeatable.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--input", metavar="FILE", exists=True, dir_okay=False, help="Instead of a prompt: JSONL with a `prompt` a line."),
    ] = None,
    target: Annotated[Path | None, typer.Option("--output", metavar="FILE", dir_okay=False, help="JSONL with a line for each.")] = None,
    at_once: Annotated[int, typer.Option(min=1, help="Of a file: how many prompts are read at a time.")] = 4,
    within_s: Annotated[float, typer.Option(min=0.001, help="How long to wait for an answer.")] = 60.0,
    proxy: Annotated[str | None, typer.Option(metavar="URL", help=f"Where `llm` asks its model; the key is in the variable {KEY}.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Add what the model said before it was read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The answer for one prompt as JSON.")] = False,
) -> None:
    """Say what a classifier makes of a prompt, or of each prompt in a file.

    With --input each line of the output has the line's own fields, its number, and task_type, task_probabilities,
    complexity, dimensions, gain, classifier, ms and more. A line that cannot be classified has an error instead, and is told with its
    number on standard error. The file appears when it is complete; the same command goes on where an interrupted one stopped.

    Exit codes: 0 all is classified, 1 the classifier cannot be used or lines have an error, 2 called wrongly.

    For example:
      cascade classify "Write a haiku about rivers."
      cascade classify --input prompts.jsonl --output classified.jsonl
      cascade classify --classifier sequence --option model=./router --option means=task "Hello" --debug
    """
    known_classifier(classifier)
    if (prompt is None) == (source is None) or (source is None) != (target is None):
        raise typer.BadParameter("say either a PROMPT, or --input FILE and --output FILE")
    options = _options(option or ())
    ask = ThroughProxy(proxy, os.environ.get(KEY)) if proxy is not None else None
    reader = PromptReader(classifier, options, around_here(ask), within_s=within_s, debug=debug)
    if source is not None and target is not None:
        asked = {"classifier": classifier, "options": options, "debug": debug}
        raise typer.Exit(_classify_file(source, target, asked, reader, at_once))
    answer = asyncio.run(_one(reader, prompt_text(str(prompt))))
    if as_json:
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        _print(answer)


async def _one(reader: PromptReader, prompt: str) -> dict[str, Any]:
    await reader.warm_up()
    return await reader.read(prompt)


def _classify_file(source: Path, target: Path, asked: dict[str, Any], reader: PromptReader, at_once: int) -> int:
    asyncio.run(reader.warm_up())  # before anything is written
    try:
        job = classify_files.prepare(source, target, {**asked, "digest": reader.classifier.digest})
        if job.done:
            typer.echo(f"going on after line {job.done}, where an earlier run of this stopped", err=True)
        failed = _run(job, reader, at_once)
    except OSError as error:
        raise ConfigurationError(
            [f"{error.filename or target}: {error.strerror}; what is done is kept, the same command goes on"]
        ) from None
    except KeyboardInterrupt:
        typer.echo("interrupted; what is done is kept, the same command goes on", err=True)
        return 1
    typer.echo(f"{job.lines - failed} of {job.lines} lines classified into {target}")
    return 1 if failed else 0


def _run(job: classify_files.Job, reader: PromptReader, at_once: int) -> int:
    with bar(BarColumn(), TaskProgressColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task("", total=job.lines, completed=job.done)
        return classify_files.run(job, reader, at_once=at_once, complain=progress.console.print, advance=partial(progress.advance, task))


def _options(written: Sequence[str]) -> dict[str, Any]:
    """``a.b=1`` becomes ``{"a": {"b": 1}}``."""
    options: dict[str, Any] = {}
    for one in written:
        name, equals, value = one.partition("=")
        *path, last = name.split(".")
        place = options
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise typer.BadParameter(f"{one!r}: {part!r} has a value already", param_hint="--option")
        if not equals or not last:
            raise typer.BadParameter(f"{one!r} is no NAME=VALUE", param_hint="--option")
        place[last] = _value(one, value)
    return options


def _value(option: str, written: str) -> Any:
    try:
        return yaml.safe_load(written)
    except yaml.YAMLError:
        raise typer.BadParameter(f"{option!r}: the value is no YAML; quote it", param_hint="--option") from None


def _print(answer: dict[str, Any]) -> None:
    probability = answer["task_probabilities"].get(answer["task_type"])
    sure = f"  ({probability:.4g})" if probability is not None else ""
    lines = {"task type": f"{answer['task_type']}{sure}", "ms": f"{answer['ms']:.3g}"}
    for name in ("complexity", "dimensions", "domain", "label", "labels", "gain", "classifier", "degraded"):
        lines[name] = shown(answer[name])
    for name in ("task type", "complexity", "dimensions", "domain", "label", "labels", "gain", "classifier", "ms", "degraded"):
        typer.echo(f"{name:<12}{lines[name]}")
    if "debug" in answer:
        typer.echo(json.dumps(answer["debug"], indent=2, ensure_ascii=False))
