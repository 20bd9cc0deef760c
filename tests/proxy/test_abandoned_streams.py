"""Clients, and cascades that escalate, leave streams before their end, and the garbage collector takes them at any time."""

from harness.configs import cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply


def test_thousands_that_are_collected_while_requests_set_context_variables_end_no_proxy(start_proxy, upstream_server, upstream):
    """Without ``proxy/finalizers.py`` it dies of a segmentation fault, where CPython and LiteLLM let it (3.11.7 and 1.106.2 do)."""
    config = cascade_config(upstream_server.url)
    config["litellm_settings"]["callbacks"] = [*config["litellm_settings"]["callbacks"], "abandoned.loaded"]
    proxy = start_proxy(config)
    upstream.script("small", Reply("Four.", logprob=-0.01))
    with proxy.client() as client:
        assert DIALECTS["chat"].ask(client, "hello").text == "Four."
