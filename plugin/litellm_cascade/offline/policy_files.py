"""Where policies are: what was named on the command line, the folder ``policies``, and what is shipped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy.problems import did_you_mean
from litellm_cascade.policy.shipped import shipped_folder
from litellm_cascade.policy.source import open_source

HERE = Path("policies")
"""Where a command looks that was told nothing else."""
TESTS = "_test.yaml"


def is_test(file: Path) -> bool:
    """True for a file of tests, whatever its state; a policy may be called ``ab_test``, so the name alone does not tell."""
    if not file.name.endswith(TESTS):
        return False
    try:
        content = open_source(file).raw
    except PolicyError:
        return True
    return not isinstance(content, dict) or "routes" not in content


def policies_in(folder: Path) -> list[Path]:
    """The policies of a folder, by name."""
    return [file for file in _yaml_in(folder) if not is_test(file)]


def files_of(paths: Sequence[Path] | None) -> list[Path]:
    """Policies and tests: the files that were named, and those of the folders that were named. Without a path: of ``HERE``."""
    return _found([file for path in _or_here(paths) for file in ([path] if path.is_file() else _yaml_in(path))], "*.yaml")


def tests_of(paths: Sequence[Path] | None) -> list[Path]:
    """As ``files_of``, tests alone. A policy that was named stands for the tests beside it."""
    return _found([file for path in _or_here(paths) for file in _tests_at(path)], f"*{TESTS}")


def tests_beside(policy: Path) -> Path:
    """The file that holds a policy's tests, if there are any."""
    return policy.with_name(f"{policy.stem}{TESTS}")


def find_policy(named: str) -> Path:
    """A policy by path, or by name: from ``HERE``, else from what is shipped. Ends the command when there is none."""
    if Path(named).is_file():
        return Path(named)
    folders = (HERE, shipped_folder())
    found = next((folder / f"{named}.yaml" for folder in folders if (folder / f"{named}.yaml").is_file()), None)
    if found is None:
        known = [file.stem for folder in folders for file in policies_in(folder)]
        raise typer.BadParameter(f"there is no file and no policy {named!r}; {did_you_mean(named, set(known))}")
    return found


def from_here(file: Path) -> str:
    """A path as it is best shown: relative where it lies below the current folder."""
    resolved, here = file.resolve(), Path.cwd()
    return str(resolved.relative_to(here) if resolved.is_relative_to(here) else file)


def opening_comment(policy: Path) -> list[str]:
    """The comment lines at the head of a policy, without the one for editors: whom it serves."""
    lines: list[str] = []
    for line in policy.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if "yaml-language-server:" not in line:
            lines.append(line.removeprefix("#").strip())
    return lines


def _yaml_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.yaml") if file.is_file())


def _or_here(paths: Sequence[Path] | None) -> Sequence[Path]:
    if not paths and not HERE.is_dir():
        raise typer.BadParameter(f"there is no folder {str(HERE)!r} here; name the files or folders")
    return paths or [HERE]


def _tests_at(path: Path) -> Iterable[Path]:
    if path.is_dir():
        return filter(is_test, _yaml_in(path))
    if is_test(path):
        return [path]
    return [beside] if (beside := tests_beside(path)).is_file() else []


def _found(files: Sequence[Path], pattern: str) -> list[Path]:
    if not files:
        raise typer.BadParameter(f"there is no {pattern} in what was named")
    return list(dict.fromkeys(files))
