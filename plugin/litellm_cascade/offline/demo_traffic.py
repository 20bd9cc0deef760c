"""Sends made-up prompts of every task type through a proxy, round after round, so that dashboards have something to show.

python -m litellm_cascade.offline.demo_traffic --url http://127.0.0.1:4000 --rounds 1
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from litellm_cascade.offline.constructed_prompts import construct
from litellm_cascade.offline.send_prompts import main as send


def write_prompts(path: Path, each: int, seed: int) -> int:
    """``each`` prompts of every task type and half as many hard ones, in the form ``send_prompts`` reads; how many there are."""
    prompts = list(construct(Random(seed), (), each=each))
    rows = ({"prompt": one.prompt, "id": f"{seed}-{number}", "source": one.task_type} for number, one in enumerate(prompts))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return len(prompts)


def main(argv: Sequence[str] | None = None) -> None:
    """Rounds of requests with a pause between them; every round has prompts of its own and prints a report."""
    given = _parser().parse_args(sys.argv[1:] if argv is None else argv)
    with TemporaryDirectory() as folder:
        file = Path(folder, "prompts.jsonl")
        for seed in range(given.rounds) if given.rounds else count():
            if seed:
                time.sleep(given.pause)
            send(["--url", given.url, "--prompts", str(file), "--limit", str(write_prompts(file, given.each, seed))])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m litellm_cascade.offline.demo_traffic", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:4000", help="the proxy; its key is in LITELLM_MASTER_KEY")
    parser.add_argument("--each", type=int, default=2, help="prompts of each task type in a round")
    parser.add_argument("--rounds", type=int, default=0, help="how many; 0: until it is stopped")
    parser.add_argument("--pause", type=float, default=15.0, help="seconds between two rounds")
    return parser


if __name__ == "__main__":
    main()
