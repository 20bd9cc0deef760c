"""The records that a calibration was fitted on, as a profile that traffic can be held against."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from pathlib import Path

import typer
from pydantic import ValidationError

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.calibrating.records import NO_TASK, digest_of, read_records
from litellm_cascade.offline.traffic.profile import Profile, edges_of
from litellm_cascade.policy.calibration_file import CalibrationFile


def profile_of_calibration(file: Path, records: Path) -> tuple[Profile, str]:
    """Task types and confidences, and the records' digest. Raises ConfigurationError where the calibration was fitted on others."""
    if not records.is_file():
        raise typer.BadParameter(f"there is no file {str(records)!r}", param_hint="--against")
    calibration, digest = _read(file), digest_of(records)
    if calibration.data != digest:
        raise ConfigurationError([f"{records}: is not what {file} was fitted on: that has the digest {calibration.data[:19]}..."])
    fitted_on = read_records(records, calibration.alias, of=calibration.of)
    name = f"{calibration.alias} {calibration.score}"
    scores = Counter(bisect_right(edges_of(name), score) for score in fitted_on.scores[calibration.score].tolist())
    tasks = Counter(str(task) for task in fitted_on.tasks if task != NO_TASK)
    return Profile(n=len(fitted_on), tasks=tasks, confidence={name: scores}), digest


def _read(file: Path) -> CalibrationFile:
    try:
        return CalibrationFile.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        raise ConfigurationError([f"{file}: is no calibration that can be used; `cascade check` says what is wrong with it"]) from None
