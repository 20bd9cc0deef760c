"""``cascade bench service``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.offline import pages
from litellm_cascade.offline.bench_common.options import Json
from litellm_cascade.offline.bench_common.telling import say, write_json
from litellm_cascade.offline.bench_service.measuring import Extent, measure
from litellm_cascade.offline.bench_service.report import as_json, markdown


def service(
    callers: Annotated[int, typer.Option(min=1, help="Connections that ask without a pause.")] = 64,
    seconds: Annotated[float, typer.Option(min=0.1, help="Of one round.")] = 5.0,
    rounds: Annotated[int, typer.Option(min=1, help="For each service.")] = 5,
    device_ms: Annotated[float, typer.Option(min=0.0, help="What the device stand-in takes for a batch.")] = 5.0,
    json_: Json = None,
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a page with the table here.")] = None,
) -> None:
    """Requests a second of the classifier service on a device stand-in: uvicorn, Ray Serve, and one prompt at a time.

    The stand-in sleeps for --device-ms a batch, whatever its size. Ray Serve is left out where it is not installed.

    Exit codes: 0 measured, 1 a service does not start, 2 called wrongly.

    For example:
      cascade bench service
      cascade bench service --rounds 3 --json service.json
    """
    extent = Extent(callers=callers, seconds=seconds, rounds=rounds, device_ms=device_ms)
    with tempfile.TemporaryDirectory() as folder:
        readings = measure(extent, Path(folder), lambda told: typer.echo(told, err=True))
    told = markdown(extent, readings)
    say(told)
    if html is not None:
        pages.write_text(html, pages.html("The classifier service", [*pages.blocks_of(told)]))
    if json_ is not None:
        write_json(json_, as_json(extent, readings))
