"""``cascade serve-classifier``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.classifiers import Surroundings
from litellm_cascade.classifiers.servable import Servable, load
from litellm_cascade.service.app import Limits, State
from litellm_cascade.service.options import model_name, read_pairs
from litellm_cascade.service.server import Bounds, ClassifierServer, listening

MODEL = "classifier"


def serve_classifier(
    classifier: Annotated[str, typer.Option(help="A classifier with eight heads, or your own: package.module:function.")] = "embedded",
    option: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the classifier; may be repeated.")] = None,
    model: Annotated[str, typer.Option(callback=model_name, help="The name that clients ask for.")] = MODEL,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8600,
    most_tokens: Annotated[int, typer.Option(min=1, help="Prompts x longest prompt of one batch.")] = 16_384,
    most_prompts: Annotated[int | None, typer.Option(min=1, help="Prompts of one batch. [default: what suits the classifier]")] = None,
    outstanding: Annotated[int, typer.Option(min=1, help="Prompts that may wait or be computed; more are answered with 503.")] = 1_024,
    most_bytes: Annotated[int, typer.Option(min=1_024, help="Of one request.")] = 1 << 20,
    drain_seconds: Annotated[float, typer.Option(min=0, help="How long to go on answering after SIGTERM, not ready any more.")] = 2.0,
) -> None:
    """Run one classifier as a service that many proxies share.

    It speaks the Open Inference Protocol v2 over HTTP, puts requests that come together into batches, and is ready
    (/v2/health/ready) when the model is warm. /metrics is for Prometheus. Proxies ask it with the classifier `remote`.

    Exit codes: 0 it was told to end; 1 the classifier cannot be served; 2 called wrongly.

    For example:
      cascade serve-classifier --classifier embedded
      cascade serve-classifier --classifier nvidia --option checkpoint=/models/prompt-task --host 0.0.0.0
    """
    options = read_pairs(option or ())
    taken = listening(host, port)
    server = ClassifierServer(
        State(model=model, limits=Limits(most_bytes=most_bytes)),
        lambda: load(classifier, options, Surroundings(folder=Path.cwd())),
        Bounds(most_tokens=most_tokens, most_prompts=most_prompts, outstanding=outstanding, drain_s=drain_seconds),
        on_ready=lambda served: typer.echo(_ready(served, model, host, port)),
    )
    server.run(sockets=[taken])
    if server.failure is not None:
        raise server.failure


def _ready(served: Servable, model: str, host: str, port: int) -> str:
    return f"{served.name} {served.digest} on {served.device}: ready at http://{host}:{port} as model {model!r}"
