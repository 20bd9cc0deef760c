"""Which model names are ours."""

import pytest

from litellm_cascade.proxy.models import VirtualModels, virtual_models


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


def test_without_a_router_nothing_is_ours():
    assert VirtualModels().policy(None, "auto") is None
