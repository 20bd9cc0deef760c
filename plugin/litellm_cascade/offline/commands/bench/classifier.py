"""``cascade bench classifier``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.bench_common.options import Json
from litellm_cascade.offline.bench_common.telling import say, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

Number = TypeVar("Number", int, float)
MOST_TOKENS = 512


def classifier(
    checkpoint: Annotated[Path | None, typer.Option(file_okay=False, help="A checkpoint; else one of full size, random.")] = None,
    ways: Annotated[str, typer.Option(help="Of transformers,torch,onnx,onnx-int8.")] = "transformers,torch,onnx,onnx-int8",
    lengths: Annotated[str, typer.Option(help="Tokens of a prompt.")] = "16,64,128,512",
    batches: Annotated[str, typer.Option(help="Prompts of a batch.")] = "1,8",
    rates: Annotated[str, typer.Option(help="Prompts per second that come, answered or not; empty: none.")] = "",
    rate_length: Annotated[int, typer.Option(min=2, max=MOST_TOKENS, help="Tokens of those.")] = 128,
    seconds: Annotated[float, typer.Option(min=0.01, help="Of each figure, at least.")] = 1.0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N; ONNX Runtime computes on the CPU.")] = "auto",
    dtype: Annotated[str, typer.Option(help="Of torch: auto, bf16, fp16 or fp32.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Of one call on the CPU.")] = None,
    seed: Annotated[int, typer.Option(help="Of random weights, token ids, arrivals and intervals.")] = 0,
    json_: Json = None,
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a page with a plot here.")] = None,
) -> None:
    """How fast the classifier nvidia is here, against the hardware's limit and plain transformers.

    Speed does not depend on what the weights are, so random ones of full size will do: 735 MB in a folder for temporary files, and as much
    again for ONNX. Needs the extra torch; docs/benchmarks.md says what the figures are.

    Exit codes: 0 measured; 1 the checkpoint or the device cannot be used; 2 called wrongly.

    For example:
      cascade bench classifier --ways transformers,torch --device cpu --threads 1
      cascade bench classifier --batches 1,32,128 --rates 100,500,2000 --json gpu.json
    """
    for needed in ("torch", "transformers", "onnx"):
        if find_spec(needed) is None:
            raise ConfigurationError([f"cascade bench classifier needs {needed}: pip install 'litellm-cascade[torch]'"])
    from litellm_cascade.offline.bench_classifier.measuring import WAYS, Wanted, measured  # noqa: PLC0415 - only when it is called
    from litellm_cascade.offline.bench_classifier.report import as_json, markdown, write_page  # noqa: PLC0415

    chosen = [way.strip() for way in ways.split(",")]
    if unknown := [way for way in chosen if way not in WAYS]:
        raise typer.BadParameter(f"--ways: there is no {unknown[0]!r}; choose of {', '.join(WAYS)}")
    wanted = Wanted(
        ways=chosen,
        lengths=_numbers("--lengths", lengths, int, most=MOST_TOKENS),
        batches=_numbers("--batches", batches, int),
        rates=_numbers("--rates", rates, float) if rates else [],
        rate_length=rate_length,
        seconds=seconds,
        device=device,
        dtype=dtype,
        threads=threads,
        seed=seed,
    )
    with TemporaryDirectory(prefix="cascade-bench-") as temporary:
        folder = _folder(checkpoint, Path(temporary), seed)
        results = measured(folder, Path(temporary), wanted, random_weights=checkpoint is None, said=_say)
    say(markdown(results))
    if json_ is not None:
        write_json(json_, as_json(results))
    if html is not None:
        write_page(html, results)


def _folder(checkpoint: Path | None, temporary: Path, seed: int) -> Path:
    from litellm_cascade.testing.checkpoints import FULL, write_checkpoint  # noqa: PLC0415 - only when it is called

    if checkpoint is not None:
        return checkpoint
    _say("random weights of full size")
    return write_checkpoint(temporary / "random", FULL, seed=seed, spread=0.02)  # a transformer's usual initial spread


def _say(what: str) -> None:
    typer.echo(f"measuring: {what}", err=True)


def _numbers(option: str, written: str, kind: Callable[[str], Number], *, most: int | None = None) -> list[Number]:
    try:
        numbers = [kind(part) for part in written.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{option}: {written!r} is no list of numbers, such as 1,8") from None
    if min(numbers) <= 0 or (most is not None and max(numbers) > most):
        raise typer.BadParameter(f"{option}: {written!r} must be above 0{f' and at most {most}' if most else ''}")
    return numbers
