"""``cascade export-triton``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.classifiers import Surroundings
from litellm_cascade.classifiers.servable import load
from litellm_cascade.errors import ClassifierError
from litellm_cascade.service.options import model_name, read_pairs
from litellm_cascade.service.triton import Batching, write_repository


def export_triton(
    out: Annotated[Path, typer.Argument(file_okay=False, help="The folder of the model repository.")],
    onnx: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="An ONNX file with the eight heads.")] = None,
    classifier: Annotated[str, typer.Option(help="Without --onnx: the classifier whose ONNX file is taken.")] = "embedded",
    option: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the classifier; may be repeated.")] = None,
    model: Annotated[str, typer.Option(callback=model_name, help="The name that clients ask for.")] = "classifier",
    most_prompts: Annotated[int | None, typer.Option(min=1, help="Prompts of one batch. [default: 64; 1 in int8]")] = None,
    most_queued: Annotated[int, typer.Option(min=1, help="Requests that may wait; more are refused.")] = 1_024,
    queue_delay_us: Annotated[int, typer.Option(min=0, help="How long a batch waits for more; 0: it goes at once.")] = 0,
    instances: Annotated[int, typer.Option(min=1, help="Copies of the model on each device.")] = 1,
    device: Annotated[str, typer.Option(help="gpu or cpu.")] = "gpu",
) -> None:
    """Write a model repository for the Triton inference server.

    It has the ONNX file, and a config.pbtxt with dynamic batching and a warm-up for each length that clients pad to. In int8
    prompts of one batch change each other's answers a little, so there each is computed by itself unless --most-prompts is given.

    The model takes token ids: give the proxies' classifier `remote` the tokenizer.json of the same weights.

    Exit codes: 0 written, 1 the model does not fit, 2 called wrongly.

    For example:
      cascade export-triton models --onnx model.onnx
      tritonserver --model-repository=models
    """
    if device not in {"gpu", "cpu"}:
        raise typer.BadParameter("choose gpu or cpu", param_hint="--device")
    batching = Batching(
        most_prompts=most_prompts, most_queued=most_queued, queue_delay_us=queue_delay_us, instances=instances, gpu=device == "gpu"
    )
    for path in write_repository(onnx or _exported(classifier, option or ()), out, model, batching):
        typer.echo(path.as_posix())


def _exported(classifier: str, options: list[str] | tuple[()]) -> Path:
    served = load(classifier, read_pairs(options), Surroundings(folder=Path.cwd()))
    if served.onnx is None:
        raise ClassifierError(f"classifier {classifier!r}: it has no ONNX file here; name one with --onnx")
    return served.onnx
