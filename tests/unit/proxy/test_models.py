"""Which model names are ours."""

import pytest

from litellm_cascade.proxy.models import Deployments, VirtualModels, deployments_of, virtual_models


class Router:
    def __init__(self, **models):
        self.model_list = [{"model_name": name, "litellm_params": {"model": model}} for name, model in models.items()]
        self.model_group_alias = {"gpt-5": "auto", "gpt-6": {"model": "auto", "hidden": True}}


def test_virtual_models_are_those_of_the_provider():
    assert virtual_models(Router(auto="cascade/balanced", small="openai/cascade").model_list) == {"auto": "balanced"}


@pytest.mark.parametrize(
    ("name", "policy"), [("auto", "balanced"), ("gpt-5", "balanced"), ("gpt-6", "balanced"), ("small", None), ("no", None)]
)
def test_a_name_or_its_alias_leads_to_the_policy(name, policy):
    assert VirtualModels().policy(Router(auto="cascade/balanced", small="openai/x"), name) == policy


def test_models_added_at_run_time_are_seen():
    models, router = VirtualModels(), Router(small="openai/x")
    assert models.policy(router, "auto") is None
    router.model_list.append({"model_name": "auto", "litellm_params": {"model": "cascade/frugal"}})
    assert models.policy(router, "auto") == "frugal"


def test_a_team_s_own_model_is_known_to_the_team_alone():
    router = Router(auto="cascade/balanced", small="openai/x")
    for team, policy in (("seven", "frugal"), ("eight", "bold")):
        named = {"team_id": team, "team_public_model_name": "auto"}
        router.model_list.append({"model_name": f"auto_{team}", "litellm_params": {"model": f"cascade/{policy}"}, "model_info": named})
    models = VirtualModels()
    assert [models.policy(router, "auto", team) for team in ("seven", "eight", "nine", None)] == ["frugal", "bold", "balanced", "balanced"]
    assert models.policy(router, "small", "seven") is None


def test_without_a_router_nothing_is_ours():
    assert VirtualModels().policy(None, "auto") is None


def models_behind(alias, *names, group_aliases=None):
    deployments = Deployments([{"model_name": n, "litellm_params": {"model": m}} for n, m in names], group_aliases)
    return [one["litellm_params"]["model"] for one in deployments.behind(alias)]


@pytest.mark.parametrize(
    ("alias", "models"),
    [
        ("small", ["openai/a", "openai/b"]),
        ("tiny", ["openai/a", "openai/b"]),
        ("openai/gpt", ["azure/gpt"]),
        ("openai/x/gpt", ["azure/x/gpt"]),
        ("my-gpt-now", ["openai/gpt"]),
        ("fixed-one", ["openai/one"]),
        ("gpt", []),
        ("", []),
    ],
)
def test_deployments_by_every_name_that_leads_to_them(alias, models):
    named = [("small", "openai/a"), ("small", "openai/b"), ("openai/*", "azure/*"), ("my-*-now", "openai/*"), ("fixed-*", "openai/one")]
    assert models_behind(alias, *named, group_aliases={"tiny": "small", "lost": "nowhere"}) == models


def test_the_longest_wildcard_counts():
    assert models_behind("openai/gpt", ("*", "any/*"), ("openai/*", "openai/*")) == ["openai/gpt"]
    assert models_behind("gpt", ("*", "any/*"), ("openai/*", "openai/*")) == ["any/gpt"]


def test_the_configuration_may_be_odd():
    assert deployments_of({"router_settings": {"model_group_alias": ["odd"]}}, None).behind("small") == []
    assert deployments_of({}, [{"litellm_params": None}]).names == {"None"}
