"""What is promised to whoever installs the package or clones the tree."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
DISTRIBUTION = "litellm-cascade"
SUPPORTED_PYTHONS = ("3.11", "3.12", "3.13")
TOP_LEVEL = {
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "constraints.txt",
    "docker",
    "docs",
    "litellm_config.yaml",
    "plugin",
    "policies",
    "pyproject.toml",
    "tests",
}

HEAVY = ("onnxruntime", "plotly", "polars", "ray", "sklearn", "torch", "transformers")
MACHINE_PATH = re.compile(r"(?<![\w./})*-])/(?:work|root|home/\w+)(?![\w-])")

# Imports the named modules in order and prints {heavy library: the first of ours that pulled it in}.
IMPORT_AND_BLAME = """
import importlib, json, sys
names, heavy = json.loads(sys.argv[1]), json.loads(sys.argv[2])
blame = {}
for name in names:
    importlib.import_module(name)
    for culprit in heavy:
        if culprit in sys.modules:
            blame.setdefault(culprit, name)
print(json.dumps(blame))
"""


def module_names() -> list[str]:
    package = ROOT / "plugin"
    paths = sorted((package / "litellm_cascade").rglob("*.py"))
    parts = [path.relative_to(package).with_suffix("").parts for path in paths if path.name != "__main__.py"]
    return [".".join(part[:-1] if part[-1] == "__init__" else part) for part in parts]


def pulled_in(names: list[str], heavy: tuple[str, ...]) -> dict[str, str]:
    command = [sys.executable, "-c", IMPORT_AND_BLAME, json.dumps(names), json.dumps(heavy)]
    offline = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=offline)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def tree_files() -> list[Path]:
    """What git tracks or would track."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def constraint_lines() -> list[str]:
    return (ROOT / "constraints.txt").read_text().splitlines()


def environment(python: str) -> dict[str, str]:
    return {"python_version": python, "python_full_version": f"{python}.4", "sys_platform": "linux", "platform_machine": "x86_64"}


def applies(requirement: Requirement, python: str, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**environment(python), "extra": extra})


def direct_dependencies(python: str) -> set[str]:
    requirements = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or []]
    extras = ["", *(metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or [])]
    wanted = [requirement for requirement in requirements if any(applies(requirement, python, extra) for extra in extras)]
    return {canonicalize_name(requirement.name) for requirement in wanted} - {DISTRIBUTION}


def test_importing_anything_but_the_proxy_edge_pulls_in_neither_litellm_nor_a_heavy_library():
    names = [name for name in module_names() if not name.startswith("litellm_cascade.proxy")]
    assert pulled_in(names, ("litellm", *HEAVY)) == {}


@pytest.mark.parametrize("name", ["litellm_cascade", "litellm_cascade.pipeline", "litellm_cascade.classifiers", "litellm_cascade.policy"])
def test_each_way_into_the_package_imports_alone(name):
    assert importlib.util.find_spec(name) is not None
    assert pulled_in([name], ("litellm", *HEAVY)) == {}


def test_importing_the_proxy_edge_pulls_in_no_heavy_library_that_litellm_itself_does_not():
    names = [name for name in module_names() if name.startswith("litellm_cascade.proxy")]
    by_litellm = pulled_in(["litellm"], HEAVY)
    assert set(pulled_in(names, HEAVY)) <= set(by_litellm)


def test_the_installed_version_is_the_one_in_pyproject():
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert version is not None
    assert version[1] == metadata.version(DISTRIBUTION)


def test_the_constraints_are_exact_pins_without_addresses_options_or_paths():
    pin = re.compile(r"[a-z0-9.-]+==[A-Za-z0-9.!]+( ; [^#@/\\]+)?")
    assert [line for line in constraint_lines() if not pin.fullmatch(line)] == []


@pytest.mark.parametrize("python", SUPPORTED_PYTHONS)
def test_every_direct_dependency_is_pinned_exactly_once(python):
    pins = [Requirement(line) for line in constraint_lines()]
    pinned = [canonicalize_name(pin.name) for pin in pins if applies(pin, python)]
    assert len(pinned) == len(set(pinned))
    assert direct_dependencies(python) - set(pinned) == set()


def test_no_file_names_a_place_on_the_machine_it_was_written_on():
    texts = {path: path.read_bytes().decode("utf-8", errors="ignore") for path in tree_files()}
    found = {str(path.relative_to(ROOT)): hit[0] for path, text in texts.items() if (hit := MACHINE_PATH.search(text))}
    assert found == {}


@pytest.mark.parametrize("text", ["see |work|main", "cd |root", "(|home|someone|x)", "'|root|.cache'"])
def test_a_place_on_a_machine_is_recognised(text):
    assert MACHINE_PATH.search(text.replace("|", "/"))  # so that this file does not hold what it forbids


@pytest.mark.parametrize("text", ["docs/work/flow.md", "https://example.org/work/", "/workers/1", "/root-span"])
def test_an_address_or_a_longer_name_is_not_a_place_on_a_machine(text):
    assert not MACHINE_PATH.search(text)


def test_the_top_level_holds_exactly_what_the_architecture_names():
    assert {path.relative_to(ROOT).parts[0] for path in tree_files()} == TOP_LEVEL
