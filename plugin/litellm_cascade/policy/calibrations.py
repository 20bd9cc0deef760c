"""The calibrations that gates name: found, read, and held against the gates that use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from litellm_cascade.policy.calibration_file import CalibrationFile
from litellm_cascade.policy.files import NamedFile, read_named
from litellm_cascade.policy.gates import ConfidenceRule
from litellm_cascade.policy.problems import Path, Problem
from litellm_cascade.policy.references import targets_of
from litellm_cascade.policy.written import list_in, mapping_in, routes_in
from litellm_cascade.vocabulary import Calibration

_HOW = "fit one with `cascade calibrate`"


def calibration_files(raw: Any, folder: FilePath) -> tuple[dict[Path, NamedFile], list[Problem]]:
    """The files that gates name, as ``("gates", gate, alias)``, and everything that is wrong with them."""
    files: dict[Path, NamedFile] = {}
    problems: list[Problem] = []
    for gate, rule in mapping_in(raw, "gates").items():
        found: dict[str, NamedFile] = {}
        broken = False
        for place, alias, name in _named(gate, rule):
            read, sentences = read_named(folder, name, CalibrationFile)
            if read is not None:
                found[alias or read.content.alias] = read
                sentences = [*_mismatches(read, rule, alias, mapping_in(raw, "models"))]
            broken = broken or read is None
            problems += (Problem(path=place, message=sentence) for sentence in sentences)
        problems += [] if broken else _uncalibrated(raw, gate, rule, found)
        files |= {("gates", gate, alias): file for alias, file in found.items()}
    return files, problems


def calibrations_of(gate: str, files: Mapping[Path, NamedFile]) -> dict[str, Calibration]:
    """What a gate's files say, by alias."""
    return {str(path[2]): file.content.calibration for path, file in files.items() if path[:2] == ("gates", gate)}


def _named(gate: str, rule: Any) -> Iterator[tuple[Path, str | None, str]]:
    """Each file with its place and the alias it is named for, if it is."""
    place: Path = ("gates", gate, "calibration")
    written = rule.get("calibration") if isinstance(rule, dict) else None
    if isinstance(written, str):
        yield place, None, written
    for alias, name in written.items() if isinstance(written, dict) else ():
        if isinstance(name, str):
            yield (*place, alias), alias, name


def _mismatches(file: NamedFile, rule: Any, alias: str | None, pool: Mapping[str, Any]) -> Iterator[str]:
    fitted: CalibrationFile = file.content
    if alias is not None and alias != fitted.alias:
        yield f"{file.name!r} calibrates {fitted.alias!r}, not {alias!r}; {_HOW} for {alias!r}"
    elif pool and fitted.alias not in pool:
        yield f"{file.name!r} calibrates {fitted.alias!r}, which is no alias in models"
    confidence = mapping_in(rule, "confidence")
    for key in ("score", "of"):
        wanted = confidence.get(key, ConfidenceRule.model_fields[key].default)
        if wanted != getattr(fitted, key):
            yield f"{file.name!r} was fitted for `{key}: {getattr(fitted, key)}`, and the gate has {wanted!r}; {_HOW} for that"


def _uncalibrated(raw: Any, gate: str, rule: Any, found: Mapping[str, NamedFile]) -> list[Problem]:
    """Aliases that are judged at a gate whose threshold says nothing of them."""
    if not isinstance(rule, dict):
        return []
    key = "calibration" if "calibration" in rule else "strict"
    if not (found or rule.get("strict") is True):
        return []
    missing = [alias for alias in dict.fromkeys(_judged_at(raw, gate, also_last="abstain" in rule)) if alias not in found]
    if not missing and found:
        return []
    what = f"of {' and '.join(map(repr, missing))}, judged at this gate" if missing else "at all"
    return [Problem(path=("gates", gate, key), message=f"there is no calibration {what}; {_HOW} and name it under `calibration`")]


def _judged_at(raw: Any, gate: str, *, also_last: bool) -> Iterator[str]:
    """The rungs of every cascade with this gate; the last is judged where the gate may abstain."""
    for path, route in routes_in(raw):
        for _, target in targets_of(path, route):
            if isinstance(target, dict) and target.get("gate") == gate:
                rungs = list_in(target, "cascade")
                yield from (alias for alias in (rungs if also_last else rungs[:-1]) if isinstance(alias, str))
