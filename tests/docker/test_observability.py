"""Jaeger, Prometheus and Grafana: their files parse, name each other as compose does, and ask only for metrics that there are."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from prometheus_client import REGISTRY, Counter, Histogram

from litellm_cascade.audit import attributes, feedback, metrics, record_metrics, request_metrics, watching

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
DASHBOARD = json.loads((DOCKER / "grafana" / "dashboards" / "cascade.json").read_text())
ALERTS = [rule for group in yaml.safe_load((DOCKER / "prometheus" / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
SERVICES = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]


def known_names():
    assert metrics.POLICY
    assert request_metrics.REQUESTS
    assert record_metrics.LOST
    endings = ("", "_total", "_bucket", "_count", "_sum")
    return {family.name + ending for family in REGISTRY.collect() if family.name.startswith("cascade_") for ending in endings}


def named_in(text):
    return set(re.findall(r"\bcascade_[a-z_]+", text))


@pytest.mark.parametrize("path", ["docker/grafana/dashboards/cascade.json", "docker/prometheus/alerts.yaml", "docs/operations.md"])
def test_every_metric_that_is_named_is_counted(path):
    named = named_in((ROOT / path).read_text())
    assert named
    assert named - known_names() == set()


def test_every_metric_of_a_request_is_on_the_dashboard():
    shown = named_in(json.dumps(DASHBOARD))
    ours = [value for value in vars(request_metrics).values() if isinstance(value, Counter | Histogram)]
    names = {family.name for metric in ours for family in metric.describe()}
    assert len(names) == 6
    names |= {"cascade_feedback", "cascade_escalation_anomalies"}
    assert {name for name in names if not any(one.startswith(name) for one in shown)} == set()


def test_every_metric_of_the_proxy_has_its_row():
    assert feedback.FEEDBACK
    assert watching.ANOMALIES
    families = {family.name for family in REGISTRY.collect() if family.name.startswith("cascade_")}
    rows = named_in("\n".join(line for line in OPERATIONS.splitlines() if line.startswith("| `cascade_")))
    assert families - {name.removesuffix("_total") for name in rows} == set()


# --- Prometheus ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [("check", "config", "prometheus.yaml"), ("check", "rules", "alerts.yaml"), ("test", "rules", "alerts_test.yaml")]
)
def test_promtool_agrees(arguments):
    promtool = shutil.which("promtool") or pytest.skip("promtool is not installed here")
    done = subprocess.run([promtool, *arguments], cwd=DOCKER / "prometheus", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_complete_tested_and_has_its_paragraph():
    tested = (DOCKER / "prometheus" / "alerts_test.yaml").read_text()
    for rule in ALERTS:
        assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "runbook"}
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert f"### {rule['alert']}\n" in OPERATIONS
        assert f"alertname: {rule['alert']}\n" in tested
    assert re.findall(r"^### (Cascade\w+)$", OPERATIONS, re.MULTILINE) == [rule["alert"] for rule in ALERTS]


def test_prometheus_asks_the_proxy_where_it_answers():
    config = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yaml").read_text())
    job, classifier = config["scrape_configs"]
    assert classifier["dns_sd_configs"][0]["names"][0] in SERVICES
    ((host, port),) = (target.split(":") for target in job["static_configs"][0]["targets"])
    command = SERVICES[host]["command"]
    assert command[command.index("--prometheus_metrics_port") + 1] == port
    assert f'job="{job["job_name"]}"' in next(rule["expr"] for rule in ALERTS if rule["alert"] == "CascadeDown")
    mounted = {volume.split(":")[1] for volume in SERVICES["prometheus"]["volumes"]}
    assert {f"/etc/prometheus/{name}" for name in config["rule_files"]} | {
        SERVICES["prometheus"]["command"][0].partition("=")[2]
    } <= mounted


# --- Grafana -------------------------------------------------------------------------------------------------------------------------


def panels():
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def test_data_sources_are_services_at_their_ports():
    sources = yaml.safe_load((DOCKER / "grafana" / "provisioning" / "datasources" / "datasources.yaml").read_text())["datasources"]
    for source in sources:
        url = urlsplit(source["url"])
        assert f"127.0.0.1:{url.port}:{url.port}" in SERVICES[url.hostname]["ports"]
    used = {panel["datasource"]["uid"] for panel in panels()} | {target["datasource"]["uid"] for p in panels() for target in p["targets"]}
    assert used <= {source["uid"] for source in sources}


def test_the_dashboard_is_where_grafana_looks_for_it():
    (provider,) = yaml.safe_load((DOCKER / "grafana" / "provisioning" / "dashboards" / "dashboards.yaml").read_text())["providers"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/cascade.json"


def test_panels_have_a_title_a_description_and_a_place_of_their_own():
    assert len({panel["id"] for panel in panels()}) == len(panels())
    taken = set()
    for panel in panels():
        assert panel["title"]
        assert panel["description"]
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_every_query_of_the_dashboard_is_one(tmp_path):
    promtool = shutil.which("promtool") or pytest.skip("promtool is not installed here")
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    rules = [{"record": f"panel:{n}", "expr": re.sub(r"\$__r\w+", "5m", query)} for n, query in enumerate(queries)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", str(tmp_path / "rules.yaml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# --- Jaeger --------------------------------------------------------------------------------------------------------------------------


def test_jaeger_is_wired_and_listens_where_compose_publishes():
    config = yaml.safe_load((DOCKER / "jaeger" / "config.yaml").read_text())
    assert set(config["service"]["extensions"]) == set(config["extensions"])
    pipeline = config["service"]["pipelines"]["traces"]
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == set(config[kind])
    backends = config["extensions"]["jaeger_storage"]["backends"]
    assert config["exporters"]["jaeger_storage_exporter"]["trace_storage"] in backends
    assert config["extensions"]["jaeger_query"]["storage"]["traces"] in backends
    endpoints = re.findall(r'endpoint: "([\d.]+):(\d+)"', (DOCKER / "jaeger" / "config.yaml").read_text())
    assert {host for host, _ in endpoints} == {"0.0.0.0"}  # noqa: S104 - inside its container
    ports = {port for _, port in endpoints}
    assert {published.split(":")[1] for published in SERVICES["jaeger"]["ports"]} < ports
    assert urlsplit(SERVICES["jaeger"]["healthcheck"]["test"][-1]).port == 13133
    assert "13133" in ports
    assert str(urlsplit(SERVICES["proxy"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]).port) in ports


def test_the_volume_of_jaeger_belongs_to_its_user():
    folders = yaml.safe_load((DOCKER / "jaeger" / "config.yaml").read_text())["extensions"]["jaeger_storage"]["backends"]["badger"][
        "badger"
    ]
    mounts = dict(volume.split(":") for volume in SERVICES["jaeger"]["volumes"] if volume.startswith("traces:"))
    assert all(folder.startswith(mounts["traces"] + "/") for folder in folders["directories"].values())
    assert SERVICES["jaeger-volume"]["command"] == ["chown", "-R", "10001:10001", mounts["traces"]]
    assert SERVICES["jaeger"]["depends_on"]["jaeger-volume"]["condition"] == "service_completed_successfully"


@pytest.mark.parametrize("page", ["README.md", "docs/operations.md"])
def test_the_search_that_the_documentation_gives_is_one_for_our_spans(page):
    url = re.search(r"http://127\.0\.0\.1:16686/api/v3/traces\?\S+?(?=[\"'\s])", (ROOT / page).read_text())
    assert url is not None
    asked = {name: value for name, (value,) in parse_qs(urlsplit(url[0]).query, strict_parsing=True).items()}
    assert asked["query.operationName"] == attributes.ROUTE_SPAN
    assert asked["query.serviceName"] == SERVICES["proxy"]["environment"]["OTEL_SERVICE_NAME"]
    assert json.loads(asked["query.attributes"]) == {attributes.ESCALATED: "true"}
    assert {"query.startTimeMin", "query.startTimeMax"} <= set(asked)


def test_the_attributes_that_the_documentation_names_are_ours():
    ours = {value for value in vars(attributes).values() if isinstance(value, str)}
    named = set(re.findall(r"`(cascade\.[a-z_.]+)[=`]", OPERATIONS))
    assert named
    assert named - ours - {attributes.ROUTE_SPAN, attributes.CLASSIFY_SPAN, attributes.ATTEMPT_SPAN} == set()
