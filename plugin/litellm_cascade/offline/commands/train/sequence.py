"""``cascade train sequence``."""

from __future__ import annotations

import json
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.classifiers.devices import device_of
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline import pages
from litellm_cascade.offline.called import command_of
from litellm_cascade.offline.training_sequence.examples import read_examples
from litellm_cascade.offline.training_sequence.figures import baselines, per_class, whole
from litellm_cascade.offline.training_sequence.report import BEST, as_json, card_of, print_report
from litellm_cascade.offline.training_sequence.training import STATE, UNFINISHED, Course, Epoch, train

DONE = "report.json"


class Device(StrEnum):
    """Where it is trained."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def sequence(
    context: typer.Context,
    data: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Texts with labels: JSON, one a line, or parquet.")],
    model: Annotated[str, typer.Option(help="What is fine-tuned: a folder, or an id of the Hugging Face hub.")],
    out: Annotated[Path, typer.Option(file_okay=False, help="The folder for the classifier.")],
    text: Annotated[str | None, typer.Option(help="The column of the text. [default: prompt, or the user's last of messages]")] = None,
    label: Annotated[str, typer.Option(help="The column of the label.")] = "label",
    epochs: Annotated[int, typer.Option(min=1, help="The most.")] = 10,
    patience: Annotated[int, typer.Option(min=1, help="Epochs without a better one after which it ends.")] = 2,
    batch: Annotated[int, typer.Option(min=1, help="Texts at once.")] = 16,
    learning_rate: Annotated[float, typer.Option(min=1e-8, max=1, help="The highest; it rises, and falls along a cosine.")] = 5e-5,
    max_tokens: Annotated[int, typer.Option(min=8, help="Of a text.")] = 256,
    device: Annotated[Device, typer.Option(help="Where.")] = Device.AUTO,
    seed: Annotated[int, typer.Option(min=0, help="Of the parts, the order and the new weights.")] = 0,
) -> None:
    """Fine-tune a sequence classifier of Hugging Face's, a DistilBERT for example, on labelled prompts.

    Classes are weighted so that rare ones count; the epoch is chosen by macro F1 on a part of its own, and the figures are of another.
    Dull baselines stand beside them. The classifier `sequence` of the proxy loads the folder. An interrupted run goes on with the next
    epoch. Needs the extra torch.

    Exit codes: 0 trained, 1 the data or the model cannot be used, 2 called wrongly.

    For example:
      cascade train sequence --data labelled.jsonl --model distilbert-base-uncased --out router
      cascade train sequence --data prompts.parquet --text prompt --label task_type --model distilbert --out tasks
    """
    if find_spec("torch") is None or find_spec("transformers") is None:
        raise ConfigurationError(["cascade train sequence needs torch and transformers: pip install 'litellm-cascade[torch]'"])
    examples = read_examples(data, text, label, seed)
    course = Course(
        model=model,
        epochs=epochs,
        patience=patience,
        batch=batch,
        learning_rate=learning_rate,
        max_tokens=max_tokens,
        seed=seed,
        device=device_of(device.value, "--device"),
    )
    _make_room(out)
    trained = train(examples, course, out, _tell)
    tested, right = examples.of("test")
    said = trained.say(tested)
    classes = per_class(said, right, examples.labels)
    methods = [whole(BEST, said, right, len(examples.labels), seed), *baselines(examples, seed)]
    content = as_json(examples, trained, classes, methods)
    trained.save(out)
    pages.write_text(out / "README.md", card_of(content, classes, methods, command_of(context)))
    pages.write_text(out / DONE, json.dumps({"command": command_of(context), **content}, indent=1) + "\n")
    (out / STATE).unlink(missing_ok=True)  # last: until then the same command writes what is missing
    print_report(classes, methods)
    typer.echo(f"the proxy loads it with  classifier: {{name: sequence, options: {{model: {out.name}}}}}")


def _make_room(out: Path) -> None:
    """Nothing is written over: neither a classifier, nor the very model that is fine-tuned, nor somebody's README."""
    out.mkdir(parents=True, exist_ok=True)
    if (out / STATE).exists() or not (there := {file.name for file in out.iterdir()} - {UNFINISHED}):
        return
    what = "holds a classifier already" if DONE in there else "is not empty"
    raise ConfigurationError([f"{out}: {what}; name another folder with --out"])


def _tell(epoch: Epoch) -> None:
    typer.echo(f"epoch {epoch.number}: loss {epoch.loss:.4f}, macro F1 {epoch.macro_f1:.4f} on the validation part", err=True)
