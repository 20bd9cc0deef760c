"""Sends prompts of a file through a running proxy and reports what became of them: who answered, how many escalated, how long it took.

    python -m litellm_cascade.offline.send_prompts --url http://127.0.0.1:4000 --prompts FILE.jsonl --limit 300 --markdown

The file has a JSON object a line with ``prompt`` and, if you like, ``id``, ``source`` and ``lang``. Every prompt is asked once, nothing
is repeated. The proxy's ``debug_headers: true`` adds the route and the confidence to what can be reported.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from random import Random

import httpx
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.asking import STREAMED, Asker, Asking, Prompt
from litellm_cascade.offline.bars import bar
from litellm_cascade.offline.called import key_in
from litellm_cascade.offline.prompt_report import Answered, report

MODULE = "litellm_cascade.offline.send_prompts"
HEXADECIMAL_DIGITS = 12
"""Of a digest, as many are shown."""
DIGEST_SHOWN = len("sha256:") + HEXADECIMAL_DIGITS


# --- the prompts -------------------------------------------------------------------------------------------------------------------


def read_prompts(path: Path) -> list[Prompt]:
    """All prompts of a file. Raises ConfigurationError naming the line that is none."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # splitlines would also cut at U+2028 within a prompt
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path} cannot be read ({type(error).__name__}); name a file of prompts with --prompts"]) from None
    prompts = [_prompt(line, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]
    if not prompts:
        raise ConfigurationError([f"{path} holds no prompt; it needs a JSON object with `prompt` on each line"])
    return prompts


def _prompt(line: str, where: str) -> Prompt:
    try:
        row = json.loads(line)
        known = {"source": row.get("source") or "", "language": row.get("lang") or ""}
        return Prompt(id=str(row.get("id") or where), text=_text(row["prompt"]), **known)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigurationError([f"{where}: not a JSON object with `prompt`"]) from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def sample(prompts: Sequence[Prompt], limit: int, seed: int) -> list[Prompt]:
    """``limit`` of them (all, when there are fewer) in an order that the seed decides."""
    return Random(seed).sample(prompts, min(limit, len(prompts)))


# --- the command -------------------------------------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> None:
    """Ask, and report on standard output; progress goes to standard error."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    given = _parser().parse_args(arguments)
    try:
        prompts = read_prompts(given.prompts)
        answers, told = asyncio.run(_ask(given, sample(prompts, given.limit, given.seed)))
    except ConfigurationError as error:
        sys.exit(str(error))
    provenance = {
        "prompts": f"{len(answers)} of {len(prompts)} in {given.prompts.name}, sha256 {_digest(given.prompts)}, seed {given.seed}",
        "proxy": ", ".join(f"{name.removeprefix('x-')} {value[:DIGEST_SHOWN]}" for name, value in told.items()) or "said nothing of itself",
        "versions": f"litellm-cascade {metadata.version('litellm-cascade')}, Python {platform.python_version()}",
        "command": f"`python -m {MODULE} {shlex.join(arguments)}`",
    }
    if given.json is not None:
        written = {"provenance": provenance, "requests": [asdict(one) for one in answers]}
        given.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    text = report(answers, provenance)
    Console().print(Markdown(text)) if not given.markdown else sys.stdout.write(text + "\n")


async def _ask(given: argparse.Namespace, prompts: Sequence[Prompt]) -> tuple[list[Answered], dict[str, str]]:
    asking = Asking(
        model=given.model, max_tokens=given.max_tokens, temperature=given.temperature, stream=given.stream, concurrency=given.concurrency
    )
    login = {"Authorization": f"Bearer {key_in(given.key_env)}"}
    columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with httpx.AsyncClient(base_url=given.url, headers=login, timeout=given.timeout, trust_env=False) as client:
        asker = Asker(client, asking)
        await asker.check()
        with bar(*columns) as progress:
            task = progress.add_task("asking", total=len(prompts))
            return await asker.ask_all(prompts, lambda: progress.advance(task)), asker.told


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:HEXADECIMAL_DIGITS]


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description="Sends prompts through a running proxy and reports.")
    parser.add_argument("--url", default="http://127.0.0.1:4000", help="the proxy")
    parser.add_argument("--key-env", default="LITELLM_MASTER_KEY", help="the environment variable with a key of the proxy")
    parser.add_argument("--prompts", type=Path, required=True, help="file with a JSON object a line")
    parser.add_argument("--limit", type=_positive, default=300, help="how many prompts")
    parser.add_argument("--seed", type=int, default=0, help="decides which, and in which order")
    parser.add_argument("--model", default="auto", help="the model to ask for")
    parser.add_argument("--stream", choices=sorted(STREAMED), default="alternate", help="which requests are streamed")
    parser.add_argument("--max-tokens", type=_positive, default=48)
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--concurrency", type=_positive, default=2, help="requests under way at a time")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds without a sign of life after which a request has failed")
    parser.add_argument("--json", type=Path, help="file for every request's result (no text of prompts or answers)")
    parser.add_argument("--markdown", action="store_true", help="print the report as Markdown source")
    return parser


if __name__ == "__main__":
    main()
