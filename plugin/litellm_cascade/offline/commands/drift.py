"""``cascade drift``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.classifiers import DEFAULT
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.prompt_options import known_classifier
from litellm_cascade.offline.traffic.bounds import Bound, bounds_of, end_if
from litellm_cascade.offline.traffic.calibrated_on import profile_of_calibration
from litellm_cascade.offline.traffic.drifting import MUCH, SHOWN, Drift, drifts_of
from litellm_cascade.offline.traffic.options import Draws, Json, Reader, Seed, Traces, source_of
from litellm_cascade.offline.traffic.perceiving import perceiving
from litellm_cascade.offline.traffic.profile import Profile, profile_of
from litellm_cascade.offline.traffic.reading import Reading
from litellm_cascade.offline.traffic.telling import print_table, table_of, write_json

METRICS = ("psi", "task", "complexity", "confidence")
MOST_BINS = 3


def drift(
    context: typer.Context,
    traces: Traces,
    against: Annotated[str, typer.Option(metavar="PATH", help="The traffic of then; or with --calibration the records it was fitted on.")],
    calibration: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A file of cascade calibrate, whose records --against holds.")
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", help="psi (the largest), task, complexity or confidence, >, a number: 'psi>0.2'. Repeatable."),
    ] = None,
    classifier: Reader = DEFAULT,
    seed: Seed = 0,
    draws: Draws = 400,
    json_: Json = None,
) -> None:
    """Say whether traffic has moved: task types, complexity, and how sure the models are.

    Each gets its population stability index against traffic of then, or against the records that a calibration was fitted on: below 0.1
    nothing to speak of, above 0.2 time to calibrate and to tune again. What moved most is told.

    Exit codes: 0 compared, 1 a condition of --fail-if holds, or the traffic cannot be used, 2 called wrongly.

    For example:
      cascade drift --traces .cascade/record --against last_month --fail-if 'psi>0.2'
      cascade drift --traces .cascade/record --against answers.jsonl --calibration policies/calibrations/small.json
    """
    bounds, source = bounds_of(fail_if or [], METRICS, ">", "psi>0.2"), source_of(context, traces)
    known_classifier(classifier)
    if calibration is not None:
        reference, digest = profile_of_calibration(calibration, Path(against))
    else:
        reference, digest = _profile(context, against, classifier)
    with perceiving(classifier) as perceive:
        reading = Reading(source, perceive)
        now = profile_of(reading)
    found = drifts_of(reference, now, draws=draws, seed=seed)
    if all(one.psi is None for one in found):
        raise ConfigurationError(
            [f"{reading.source.name}: nothing can be compared: too few requests are classified or judged on both sides"]
        )
    _print(found)
    reading.tell()
    if json_ is not None:
        parts = [asdict(one) for one in found]
        write_json(json_, context, {**reading.as_json(), "against": digest, "seed": seed, "draws": draws, "parts": parts})
    end_if(bound for bound in bounds if _is_broken(bound, found))


def _profile(context: typer.Context, traces: str, classifier: str) -> tuple[Profile, str]:
    with perceiving(classifier) as perceive:
        reading = Reading(source_of(context, traces, "--against"), perceive)
        return profile_of(reading), reading.source.digest


def _print(found: list[Drift]) -> None:
    table = table_of("part", "PSI", "by chance up to", "then", "now", "moved most")
    for one in found:
        if one.psi is None or one.low is None or one.high is None or one.by_chance is None:
            table.add_row(one.name, "too few", "", f"{one.n_reference:,}", f"{one.n:,}", "")
            continue
        moved = [f"{bin_.name} {bin_.reference:.1%} -> {bin_.now:.1%}" for bin_ in one.moved_most[:MOST_BINS] if bin_.adds > SHOWN]
        value = f"{one.psi:.3f} [{one.low:.3f}, {one.high:.3f}]"
        table.add_row(one.name, value, f"{one.by_chance:.3f}", f"{one.n_reference:,}", f"{one.n:,}", "; ".join(moved))
    print_table(table)
    moved_much = [one.name for one in found if one.psi is not None and one.by_chance is not None and one.psi > max(MUCH, one.by_chance)]
    if moved_much:
        typer.echo(f"moved: {', '.join(moved_much)}; calibrate and tune on traffic of now")


def _is_broken(bound: Bound, found: list[Drift]) -> bool:
    values = [one.psi for one in found if one.psi is not None and bound.metric in ("psi", one.part)]
    if not values:
        raise ConfigurationError([f"--fail-if {bound.written!r}: too few requests on one side to say anything of the {bound.metric}"])
    return bound.is_broken_by_value(max(values))
