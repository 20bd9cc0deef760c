"""The configuration in the top folder, which `make serve` starts and others begin with: its telemetry holds no word of a conversation."""

from pathlib import Path

import pytest
import yaml
from harness.dialects import ALL, DIALECTS

from litellm_cascade.testing.proxy import ProxyProcess

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def proxy(start_proxy):
    config = yaml.safe_load((ROOT / "litellm_config.yaml").read_text())
    config["callback_settings"]["cascade"]["policies"] = str(ROOT / "policies")
    return start_proxy(config, kind=ProxyProcess)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_no_span_holds_what_was_said_not_even_one_of_litellms(client, collector, trace, name, stream):
    heard = DIALECTS[name].ask(client, "CANARYPROMPT is what I say", stream=stream, headers=trace.headers)
    assert (heard.status, "simulated" in heard.raw) == (200, True)
    collector.wait_for_trace(trace.trace_id, "cascade.route", "litellm_request", "Received Proxy Server Request")
    assert b"CANARY" not in collector.wire
    assert b"[simulated " not in collector.wire
