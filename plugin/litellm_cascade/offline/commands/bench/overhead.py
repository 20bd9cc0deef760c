"""``cascade bench overhead``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.offline import bench_overhead
from litellm_cascade.offline.pages import blocks_of, write_text
from litellm_cascade.offline.pages import html as page


def overhead(
    starts: Annotated[int | None, typer.Option(min=1, help="How often every proxy is started.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds after each start; each loads every setup once.")] = None,
    requests: Annotated[int | None, typer.Option(min=1, help="Requests of one setup in one round; a quarter as many streams.")] = None,
    warm_up: Annotated[int | None, typer.Option(min=1, help="Requests of each proxy before anything counts.")] = None,
    audit_rounds: Annotated[int | None, typer.Option(min=1, help="Rounds of spans, metrics and record, each off and on.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the order, the prompts and the bootstrap.")] = None,
    json_: Annotated[Path | None, typer.Option("--json", dir_okay=False, help="Write every reading and the results here.")] = None,
    html: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write a page with the section of docs/benchmarks.md here, and print that.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the section of docs/benchmarks.md.")] = False,
) -> None:
    """What the cascade costs the proxy per request, beside plain LiteLLM and its complexity router; interleaved rounds, ratios.

    Starts proxies and a model server on this machine, and takes many minutes.

    For example:
      cascade bench overhead --starts 1 --rounds 2
    """
    given = {"--starts": starts, "--rounds": rounds, "--requests": requests, "--warm-up": warm_up, "--audit-rounds": audit_rounds}
    words = [word for name, value in {**given, "--seed": seed, "--json": json_}.items() if value is not None for word in (name, str(value))]
    shown: list[str] = []
    bench_overhead.main([*words, *(["--markdown"] if markdown or html is not None else [])], show=shown.append)
    text = "\n\n".join(shown)
    typer.echo(text)
    if html is not None:
        write_text(html, page("What the cascade costs the proxy", [*blocks_of(text)]))
