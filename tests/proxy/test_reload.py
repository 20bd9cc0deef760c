"""A policy file that changes under load: swapped in whole, or refused while the old one stays."""

import threading

import pytest
from harness.configs import cascade_config
from harness.dialects import DIALECTS

from waiting import until

POLICY = """
version: 1
name: {name}
description: everything to one place
models: {{small: {{tier: budget}}, large: {{tier: premium}}}}
routes: [{{name: all, send: {alias}}}]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("watched")


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server, folder):
    """Two virtual models, each with a policy of its own, looked at often."""
    for name in ("first", "second"):
        (folder / f"{name}.yaml").write_text(POLICY.format(name=name, alias="small"))
    config = cascade_config(upstream_server.url, callback_settings={"cascade": {"policies": str(folder), "reload_seconds": 0.1}})
    config["model_list"][-1]["litellm_params"]["model"] = "cascade/first"
    config["model_list"].append({"model_name": "other", "litellm_params": {"model": "cascade/second"}})
    config["litellm_settings"]["callbacks"].append("prometheus")
    config["general_settings"]["custom_auth"] = "custom_auth.user_api_key_auth"
    return start_proxy(config)


def policies(client):
    return {entry["policy"]: entry for entry in client.get("/cascade/policies").raise_for_status().json()}


def answered_by(client, model="auto"):
    return DIALECTS["chat"].ask(client, "hello", model=model).cascade("model")


def test_a_swap_under_load_drops_and_misroutes_no_request(client, upstream, folder):
    answered_by(client)
    before = policies(client)["first"]["digest"]
    stop, wrong = threading.Event(), []

    def ask_on_and_on():
        with client.__class__(base_url=client.base_url, headers=client.headers, trust_env=False, timeout=30) as own:
            while not stop.is_set():
                heard = DIALECTS["chat"].ask(own, "hello", stream=True)
                if heard.status != 200 or heard.text != f"Answer of {heard.cascade('model')}.":
                    wrong.append(heard)

    threads = [threading.Thread(target=ask_on_and_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    for alias in ("large", "small", "large"):
        (folder / "first.yaml").write_text(POLICY.format(name="first", alias=alias))
        until(lambda alias=alias: answered_by(client) == alias)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert {seen.model for seen in upstream.requests} == {"small", "large"}
    assert policies(client)["first"]["digest"] != before
    assert answered_by(client, "other") == "small"  # the other policy is as it was


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1\nname: second\nmodles: {}\n", "second.yaml:3:1: $.modles: "),
        (POLICY.format(name="second", alias="huge").replace("large:", "huge:"), "sends requests to 'huge', which is no model_name"),
        (None, "second.yaml"),
    ],
    ids=["broken", "unknown alias", "gone"],
)
def test_a_bad_change_is_refused_and_shown_and_the_old_policy_stays(client, proxy, folder, text, said):
    answered_by(client, "other")
    before = policies(client)["second"]
    path = folder / "second.yaml"
    path.write_text(text) if text else path.unlink()
    refused = until(lambda: (now := policies(client)["second"])["problems"] and now)
    assert said in "\n".join(refused["problems"])
    assert (refused["digest"], refused["refused_reloads"]) == (before["digest"], before["refused_reloads"] + 1)
    assert answered_by(client, "other") == "small"
    assert "cascade: the changed policy 'second' is refused" in proxy.log()
    metrics = client.get("/metrics/").text
    assert f'cascade_policy_reload_failures_total{{policy="second"}} {refused["refused_reloads"]}.0' in metrics
    path.write_text(POLICY.format(name="second", alias="small"))
    until(lambda: not policies(client)["second"]["problems"])


def test_the_policy_in_use_is_a_metric(client):
    answered_by(client)
    digest = policies(client)["first"]["digest"][: len("sha256:") + 16]
    assert f'cascade_policy_info{{digest="{digest}",policy="first"}} 1.0' in client.get("/metrics/").text


@pytest.mark.parametrize("key", ["sk-team-7", "sk-nobody", None])
def test_policies_are_shown_to_administrators_only(client, key):
    headers = {"Authorization": f"Bearer {key}"} if key else {"Authorization": ""}
    assert client.get("/cascade/policies", headers=headers).status_code in {401, 403}
