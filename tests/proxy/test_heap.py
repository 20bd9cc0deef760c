"""What a proxy has loaded when it is ready is out of the garbage collector's way, unless the operator says otherwise."""

import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply

LOADED = 400_000  # objects; LiteLLM 1.106 alone has more


def tracked(proxy):
    """Objects that LiteLLM's own diagnosis says the collector looks at."""
    with proxy.client() as client:
        return client.get("/debug/memory/details").json()["objects"]["total_tracked"]


@pytest.mark.parametrize("frozen", [True, False])
def test_the_collector_looks_at_what_came_since_the_start(start_proxy, upstream_server, upstream, frozen):
    config = cascade_config(upstream_server.url)
    if not frozen:
        config["callback_settings"]["cascade"]["freeze_heap"] = False
    upstream.script("small", Reply("Four.", logprob=-0.01))
    proxy = start_proxy(config)
    with proxy.client() as client:
        assert DIALECTS["chat"].ask(client, "hello").text == "Four."
    by_litellm = "gc.freeze pinned" in proxy.log()  # 1.109 does so by itself
    assert (tracked(proxy) < LOADED) is (frozen or by_litellm)
