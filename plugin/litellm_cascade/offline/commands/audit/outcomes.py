"""``cascade audit outcomes``."""

from __future__ import annotations

import json
from collections import Counter

import typer

from litellm_cascade.offline.counting import counted
from litellm_cascade.offline.rated import calibration_records
from litellm_cascade.offline.record_places import DatabaseEnv, Paths, places


def outcomes(
    paths: Paths = None,
    database_env: DatabaseEnv = None,
) -> None:
    """Write rated answers as records for cascade calibrate: alias, task, score, and whether the answer was right.

    Of each answer the newest feedback counts: its outcome, else the sign of its rating. What calibrate cannot learn from is left out, and
    counted on standard error. Callers only rate what they were shown: answers that the gate turned down are not among these.

    Exit codes: 0 written, 1 the record cannot be read, 2 a path that does not exist.

    For example:
      cascade audit outcomes .cascade/record > outcomes.jsonl
      cascade calibrate --traces outcomes.jsonl --alias small
    """
    left_out: Counter[str] = Counter()
    with places(paths, database_env) as found:
        for record in calibration_records(found):
            if isinstance(record, str):
                left_out[record] += 1
            else:
                typer.echo(json.dumps(record, sort_keys=True))
    for reason, count in sorted(left_out.items()):
        typer.echo(f"{counted(count, 'answer')} left out: {reason}", err=True)
