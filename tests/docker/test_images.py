"""The Dockerfiles, without building them: docker/smoke.sh does that."""

import re
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from litellm_cascade.testing.proxy import free_port
from litellm_cascade.testing.service import ServiceProcess
from litellm_cascade.testing.upstream import FakeUpstream

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
DOCKERFILES = sorted(path for path in DOCKER.glob("Dockerfile*") if path.suffix != ".dockerignore")


def tool(name):
    """Beside this Python, or on the path."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_has_nothing_to_say(path):
    done = subprocess.run([tool("hadolint"), str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_what_runs_is_not_root_and_has_a_health_check(path):
    stages = re.split(r"^FROM ", path.read_text(), flags=re.MULTILINE)[1:]
    runtime = next(stage for stage in stages if stage.partition("\n")[0].endswith(" AS runtime"))
    assert re.search(r"^USER (?!0|root)\d+:\d+$", runtime, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*CMD", runtime, re.MULTILINE)
    assert "pip" not in runtime
    assert stages[-1].startswith("runtime AS ")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_every_stage_comes_from_a_pinned_image_or_an_earlier_stage(path):
    text = path.read_text()
    base = re.search(r"^ARG (\w+_IMAGE)=\S+:\d+\.\d+\.\d+-(slim|base)-[\w.]+$", text, re.MULTILINE)
    assert base
    earlier = {"${" + base[1] + "}"}
    for base, name in re.findall(r"^FROM (\S+) AS (\S+)$", text, re.MULTILINE):
        assert base in earlier
        earlier.add(name)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_what_is_copied_is_there_and_is_let_through(path):
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", path.read_text(), re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    let_through = [line[1:] for line in path.with_name(path.name + ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all((ROOT / source).exists() for source in sources)
    assert {source for source in sources if not any(fnmatchcase(source, pattern) for pattern in let_through)} == set()


def run_health_check(port):
    command = [sys.executable, str(DOCKER / "healthcheck.py")]
    return subprocess.run(command, env={"PORT": str(port)}, capture_output=True, text=True, check=False)


def test_the_health_check_says_what_does_not_answer():
    port = free_port()
    done = run_health_check(port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"http://127.0.0.1:{port}/health/liveliness: ")


def test_the_health_check_of_the_classifier_service_asks_whether_it_is_ready(tmp_path):
    with ServiceProcess(tmp_path) as service:
        command = [sys.executable, str(DOCKER / "healthcheck.py")]
        env = {"PORT": str(service.port), "HEALTH_PATH": "/v2/health/ready"}
        assert subprocess.run(command, env=env, check=False).returncode == 0
    assert "HEALTH_PATH=/v2/health/ready" in (DOCKER / "Dockerfile.classifier").read_text()


def test_the_health_check_fails_on_an_error_of_the_proxy():
    with FakeUpstream() as upstream:  # which has no such route
        done = run_health_check(upstream.url.rpartition(":")[2])
    assert (done.returncode, "404" in done.stderr) == (1, True)


def test_the_smoke_test_is_a_sound_script():
    script = DOCKER / "smoke.sh"
    assert "set -euo pipefail" in script.read_text()
    subprocess.run(["bash", "-n", str(script)], check=True)
