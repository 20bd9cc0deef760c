"""``make bench-overhead``: what the cascade costs the proxy per request, at start-up and in memory, beside plain LiteLLM.

``--markdown`` prints the section "Overhead" of docs/benchmarks.md; ``--json`` keeps every reading.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from litellm_cascade.offline.bench import audit_cost
from litellm_cascade.offline.bench.measuring import Bench, Extent, Measured
from litellm_cascade.offline.bench.report import about, audit_section, differences, lines, section, tables

MODULE = "litellm_cascade.offline.bench_overhead"


def main(argv: Sequence[str] | None = None, show: Callable[[str], object] = print) -> None:
    """Measure, then say what came out."""
    given = _parser().parse_args(argv)
    extent = Extent(starts=given.starts, rounds=given.rounds, requests=given.requests, warm_up=given.warm_up, seed=given.seed)
    facts = about()
    audit = audit_cost.measure(rounds=given.audit_rounds, seed=given.seed, tell=_tell)
    if given.audit_only:
        command = f"python -m {MODULE} --audit-only --markdown --audit-rounds {given.audit_rounds}"
        show(audit_section(audit, command, facts) if given.markdown else audit_cost.table(audit))
        return
    with TemporaryDirectory(prefix="bench-overhead-") as folder:
        measured = Bench(extent, Path(folder), _tell).measure()
    if given.json is not None:
        document = _document(extent, measured, facts) | {"audit": [asdict(row) for row in audit]}
        given.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if given.markdown:
        show(section(measured, _command(extent), facts, extent.seed))
        show(audit_section(audit, _command(extent), facts))
    else:
        show(tables(measured, extent.seed))
        show(audit_cost.table(audit))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    usual = Extent()
    parser.add_argument("--starts", type=int, default=usual.starts, help="how often every proxy is started")
    parser.add_argument("--rounds", type=int, default=usual.rounds, help="rounds after each start; each loads every setup once")
    parser.add_argument(
        "--requests", type=int, default=usual.requests, help="requests of one setup in one round; a quarter as many streams"
    )
    parser.add_argument("--warm-up", type=int, default=usual.warm_up, help="requests of each proxy before anything counts")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of the order, the prompts and the bootstrap")
    parser.add_argument("--audit-rounds", type=int, default=20, help="rounds of spans, metrics and record, each off and on")
    parser.add_argument("--audit-only", action="store_true", help="nothing but these")
    parser.add_argument("--json", type=Path, help="write every reading and the results to this file")
    parser.add_argument("--markdown", action="store_true", help='print the whole section "Overhead" instead of the tables alone')
    return parser


def _document(extent: Extent, measured: Measured, facts: Mapping[str, str]) -> dict[str, Any]:
    results = {
        "lines": [asdict(line) for line in lines(measured, extent.seed)],
        "differences": [asdict(difference) for difference in differences(measured)],
    }
    return {"about": facts, "extent": asdict(extent), **results, **asdict(measured)}


def _command(extent: Extent) -> str:
    chosen = {name: value for name, value in asdict(extent).items() if value != getattr(Extent(), name)}
    return " ".join(["python -m", MODULE, "--markdown", *(f"--{name.replace('_', '-')} {value}" for name, value in chosen.items())])


def _tell(progress: str) -> None:
    sys.stderr.write(f"{progress}\n")


if __name__ == "__main__":
    main()
