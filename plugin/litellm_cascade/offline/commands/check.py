"""``cascade check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from litellm_cascade.errors import PolicyError
from litellm_cascade.offline.counting import counted
from litellm_cascade.offline.policy_files import files_of, is_test
from litellm_cascade.policy import load_policy
from litellm_cascade.policy.testing import run_policy_tests


def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH", exists=True, help="Files, or folders of *.yaml. [default: policies]")
    ] = None,
) -> None:
    """Say everything that is wrong with policies, each with its place.

    Each problem is one line, as editors and CI understand it: file:line:col: $.path: what, and what to do. Tests (*_test.yaml) are
    checked for their form; `cascade test` runs them.

    Exit codes: 0 no problem, 1 problems, 2 a path that does not exist, or nothing to check.

    For example:
      cascade check
      cascade check policies/balanced.yaml other/
    """
    files = files_of(paths)
    problems = list(dict.fromkeys(problem for file in files for problem in problems_of(file)))
    for problem in problems:
        typer.echo(problem)
    typer.echo(f"{counted(len(files), 'file')} checked, {counted(len(problems), 'problem')}")
    raise typer.Exit(1 if problems else 0)


def problems_of(file: Path) -> tuple[str, ...]:
    """What is wrong with a policy or a file of tests."""
    try:
        if is_test(file):
            run_policy_tests(file)
        else:
            load_policy(file)
    except PolicyError as error:
        return error.problems
    return ()
