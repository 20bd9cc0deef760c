"""Models that LiteLLM knows a price of: it finds it by the name in an answer, so the virtual alias must not be billed for them again."""

import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply

KNOWN = {"small": "gpt-4o-mini", "large": "gpt-4o"}


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server):
    changes = {"callback_settings": {"cascade": {"debug_headers": True}}, "router_settings": {"model_group_alias": {"tiny": "small"}}}
    config = cascade_config(upstream_server.url, **changes)
    at = {"api_base": f"{upstream_server.url}/v1", "api_key": "fake"}
    config["model_list"] += [
        {"model_name": "openai/*", "litellm_params": {"model": "openai/*", **at}},
        {"model_name": "wildcard", "litellm_params": {"model": "cascade/wildcard"}, "model_info": {"mode": "chat"}},
    ]
    for deployment in config["model_list"]:
        if known := KNOWN.get(deployment["model_name"]):
            deployment["litellm_params"] = {"model": f"openai/{known}", **at}
    return start_proxy(config)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", DIALECTS)
def test_an_answer_of_a_model_with_a_known_price_is_billed_once(client, upstream, spend, trace, name, stream):
    upstream.script(KNOWN["small"], Reply("not quite sure about that one", logprob=-3.0))
    upstream.script(KNOWN["large"], Reply("the better answer", logprob=-0.01))
    DIALECTS[name].ask(client, "who pays?", stream=stream, headers=trace.headers)
    logged = [row["standard_logging_object"] for row in spend.wait_rows(3, trace=trace.trace_id)]
    rows = {row["model_group"]: row for row in logged}
    assert rows["small"]["response_cost"] > 0
    assert rows["large"]["response_cost"] > 0
    assert not rows["auto"]["response_cost"]


def test_aliases_that_no_deployment_is_named_after_are_priced_too(client, upstream):
    upstream.script(KNOWN["small"], Reply("not quite sure about that one", logprob=-3.0))
    heard = DIALECTS["chat"].ask(client, "who pays?", model="wildcard")
    assert (heard.status, heard.cascade("attempts")) == (200, "tiny,openai/gpt-4o")
    assert 0 < float(heard.cascade("estimated-cost-usd")) < 0.001
