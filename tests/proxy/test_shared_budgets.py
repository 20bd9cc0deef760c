"""Two proxies, or two workers of one, and a Redis: what one has spent the other cannot; and what happens when that Redis goes away."""

import time
from contextlib import ExitStack

import psutil
import pytest
from harness.configs import PRICES, cascade_config
from harness.dialects import DIALECTS
from harness.workers import at_once

from litellm_cascade.testing.upstream import Reply
from waiting import until

SYNC_S = 0.1
LARGE_USD = PRICES["large"] * (10 + len(["Answer", "of", "large."]))
POLICY = f"""
version: 1
name: shared
models: {{small: {{tier: budget}}, large: {{tier: premium}}}}
routes: [{{name: all, cascade: [small, large], gate: sure}}]
gates: {{sure: {{accept_at: -0.35}}}}
limits: {{extra_spend: {{usd: {LARGE_USD * 2.5:.6f}, over: 1h, per: key}}}}
"""
KEPT = "This may be so"


@pytest.fixture(scope="module")
def config(upstream_server, tmp_path_factory, redis):
    folder = tmp_path_factory.mktemp("shared")
    (folder / "shared.yaml").write_text(POLICY)
    settings = {"policies": str(folder), "debug_headers": True, "budget_sync_seconds": SYNC_S}
    config = cascade_config(upstream_server.url, callback_settings={"cascade": settings})
    config["model_list"][-1]["litellm_params"]["model"] = "cascade/shared"
    config["general_settings"] |= {
        "coordination_redis": {"host": "127.0.0.1", "port": redis.port},
        "custom_auth": "custom_auth.user_api_key_auth",
    }
    return config


@pytest.fixture(scope="module")
def proxies(start_proxy, config):
    env = {"REDIS_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": "1"}  # LiteLLM's own breaker, which waits a minute else
    return [start_proxy(config, env=env) for _ in range(2)]


@pytest.fixture
def unsure(upstream):
    upstream.script("small", Reply(KEPT, logprob=-2.0))


@pytest.fixture
def ask(proxies, unsure):
    def asked(which, key):
        with proxies[which].client() as client:
            return ask_over(client, key)

    return asked


def ask_over(client, key):
    heard = DIALECTS["chat"].ask(client, "hello", headers={"Authorization": f"Bearer sk-team-7-{key}"}, max_tokens=4)
    assert heard.status == 200
    return heard


def worker_behind(proxy, client):
    """The process id of the worker that has accepted the client's connection, which is kept alive."""
    with client.stream("GET", "/health/liveliness") as response:
        ours = response.extensions["network_stream"].get_extra_info("client_addr")[1]
        response.read()
    workers = psutil.Process(proxy.pid).children(recursive=True)
    held = [worker.pid for worker in workers for one in worker.net_connections("tcp") if one.raddr and one.raddr.port == ours]
    return held[0]


def escalated(ask, which, key):
    """How often one proxy, or worker, escalates for a key; alone it would do so twice. A few exchanges pass between two requests."""
    heard = []
    while not heard or heard[-1].text != KEPT:
        heard.append(ask(which, key))
        time.sleep(10 * SYNC_S)
    return len(heard) - 1


def test_what_one_proxy_has_spent_the_other_cannot_and_a_lost_redis_costs_no_request(ask, redis):
    assert escalated(ask, 0, "one") == 2
    # A proxy that has not heard of a key yet grants it one escalation, and then knows what the others have spent.
    assert escalated(ask, 1, "one") == 1

    redis.kill()
    until(lambda: "budgets_local" in (ask(0, "one").cascade("degraded") or ""), every_s=SYNC_S)
    assert ask(0, "one").text == KEPT  # what was heard before is not forgotten
    assert escalated(ask, 0, "three") == 2  # and each proxy goes on by itself
    assert ask(1, "four").cascade("escalated") == "true"

    redis.start()
    until(lambda: "budgets_local" not in (ask(0, "one").cascade("degraded") or ""), every_s=SYNC_S)
    until(lambda: "budgets_local" not in (ask(1, "one").cascade("degraded") or ""), every_s=SYNC_S)
    assert escalated(ask, 1, "three") == 1  # what was spent meanwhile is handed on


def test_what_one_worker_has_spent_the_other_cannot(prepare_proxy, config, unsure):
    arguments = ["--num_workers", "2", "--run_gunicorn"]
    with prepare_proxy(config, arguments=arguments, ready_within_s=120.0) as proxy, ExitStack() as connections:
        met = {}

        def both_were_met():
            met.clear()
            at_once(proxy, lambda client: met.update({worker_behind(proxy, client): client}), connections)
            return len(met) == 2

        def ask(worker, key):
            return ask_over(met[worker], key)

        until(both_were_met)
        first, second = met
        assert escalated(ask, first, "workers") == 2
        until(both_were_met)  # anew: over an old connection nothing came meanwhile, so it may be closed, and the next one go to either
        assert escalated(ask, second, "workers") == 1  # until it has heard of the key
