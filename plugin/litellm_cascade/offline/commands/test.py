"""``cascade test``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.errors import PolicyError
from litellm_cascade.offline.counting import counted
from litellm_cascade.offline.policy_files import tests_of
from litellm_cascade.policy.problems import Problem
from litellm_cascade.policy.source import open_source
from litellm_cascade.policy.testing import CaseResult, run_policy_tests


def test(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", exists=True, help="Tests, policies, or folders of *_test.yaml. [default: policies]"),
    ] = None,  # noqa: PT028 - this is no test
) -> None:
    """Run the tests that stand beside policies.

    A case that fails is told with its place, every difference, and why the policy decided so.

    Exit codes: 0 every case passes, 1 a case fails or a file cannot be used, 2 a path that does not exist, or no tests there.

    For example:
      cascade test
      cascade test policies/balanced.yaml
    """
    files = tests_of(paths)
    results = [_run(file) for file in files]
    cases = [case for result in results if result is not None for case in result]
    unusable = results.count(None)
    typer.echo(f"{counted(len(cases), 'case')} in {counted(len(files), 'file')}: {_passed(cases, unusable)}")
    raise typer.Exit(0 if all(case.passed for case in cases) and not unusable else 1)


def _run(file: Path) -> list[CaseResult] | None:
    """The cases of a file, once told; None when it cannot be used."""
    try:
        results = run_policy_tests(file)
    except PolicyError as error:
        typer.echo(str(error))
        return None
    for index, result in enumerate(results):
        if not result.passed:
            _tell(result, _place(file, index))
    typer.echo(f"{file}: {_passed(results)}")
    return results


def _tell(result: CaseResult, place: str) -> None:
    typer.echo(f"{place}: {result.case}")
    for difference in result.differences:
        typer.echo(f"    {difference}")
    typer.echo(f"    reasons: {', '.join(result.decision.reasons)}")


def _place(file: Path, index: int) -> str:
    line, column = open_source(file).position(Problem(path=("cases", index), message=""))
    return f"{file}:{line}:{column}"


def _passed(cases: list[CaseResult], unusable: int = 0) -> str:
    passed = sum(case.passed for case in cases)
    parts = [f"{passed} passed"] + ([f"{len(cases) - passed} failed"] if passed < len(cases) else [])
    return ", ".join([*parts, f"{counted(unusable, 'file')} cannot be used"] if unusable else parts)
