"""Two proxies with one Redis know the same conversations; a Redis that hangs costs a deadline, and one that is gone nothing."""

import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply
from waiting import until

POLICY = """
version: 1
name: shared
models: {small: {tier: budget}, large: {tier: premium}}
routes: [{name: all, cascade: [small, large], gate: sure}]
gates: {sure: {accept_at: -0.35}}
sessions: {stick: alias}
"""
NAMED = {"x-litellm-session-id": "one-conversation-for-two-proxies"}


@pytest.fixture(scope="module")
def proxies(start_proxy, upstream_server, tmp_path_factory, redis):
    folder = tmp_path_factory.mktemp("shared")
    (folder / "shared.yaml").write_text(POLICY)
    config = cascade_config(
        upstream_server.url, callback_settings={"cascade": {"policies": str(folder), "debug_headers": True, "memory": {"within_ms": 200}}}
    )
    config["model_list"][-1]["litellm_params"]["model"] = "cascade/shared"
    env = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port)}
    return [start_proxy(config, env=env) for _ in range(2)]


def test_what_one_proxy_learns_the_other_knows_and_a_broken_redis_costs_only_that(proxies, upstream, redis):
    upstream.script("small", Reply("hm, well, I do not know", logprob=-2.0))
    first, second = (proxy.client() for proxy in proxies)
    with first, second:
        assert DIALECTS["chat"].ask(second, "about", headers={"x-litellm-session-id": "quite another one"}).cascade("band") == "cascade"
        assert DIALECTS["chat"].ask(first, "hello", headers=NAMED).cascade("model") == "large"
        until(lambda: DIALECTS["chat"].ask(second, "and then?", headers=NAMED), lambda heard: heard.cascade("band") == "large")
        redis.process.send_signal(19)  # SIGSTOP: it takes connections and never answers
        late = DIALECTS["chat"].ask(first, "and then?", headers=NAMED)
        assert (late.status, late.cascade("band"), late.cascade("degraded")) == (200, "large", "memory_late")
        redis.process.send_signal(18)
        redis.kill()
        gone = DIALECTS["chat"].ask(first, "and then?", headers=NAMED)
        assert (gone.status, gone.cascade("band")) == (200, "large")
