"""What LiteLLM knows of an alias: its price, and the parameters it refuses."""

from types import SimpleNamespace

import pytest

from litellm_cascade.policy import Capacity, Known
from litellm_cascade.proxy.models import Deployments
from litellm_cascade.proxy.refused import adapted, lowered_limits, refused_parameters
from litellm_cascade.proxy.table import DeploymentTable


class Router:
    def __init__(self, *models):
        self.models = [{"model_name": "m", "litellm_params": {"model": model}} for model in models]

    def get_model_list(self, model_name):
        return [m for m in self.models if m["model_name"] == model_name]


def deployment(model, **more):
    return {"model_name": "m", "litellm_params": {"model": model}, **more}


def table_of(models, group_aliases=None):
    return DeploymentTable(Deployments(models, group_aliases))


def price(*deployments):
    found = table_of(deployments)["m"].price
    return found.input_usd_per_million, found.output_usd_per_million


def test_a_configured_price_comes_before_the_tables():
    configured = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    assert price(deployment("openai/gpt-4o-mini", model_info=configured)) == pytest.approx((1.0, 2.0))
    assert price(deployment("openai/gpt-4o-mini")) == pytest.approx((0.15, 0.6))


def test_of_several_deployments_the_dearest_counts():
    assert price(deployment("openai/gpt-4o-mini"), deployment("openai/gpt-4o")) == pytest.approx((2.5, 10.0))


def test_of_what_nobody_knows_nothing_is_said():
    assert table_of([deployment("hosted_vllm/mine")]) == {"m": Known()}
    assert table_of([deployment("cascade/balanced")]) == {}


WILD = [
    {"model_name": "*", "litellm_params": {"model": "openai/*"}},
    {"model_name": "openai/*", "litellm_params": {"model": "openai/*"}},
    {"model_name": "fixed-*", "litellm_params": {"model": "openai/gpt-4o"}},
    deployment("openai/gpt-4o-mini"),
]


@pytest.mark.parametrize(
    ("alias", "usd"),
    [
        ("openai/gpt-4o", 2.5),
        ("gpt-4o", 2.5),
        ("fixed-price", 2.5),
        ("m", 0.15),
        ("tiny", 0.15),
        ("hidden", 0.15),
        ("further", 2.5),
    ],
)
def test_what_wildcards_and_litellm_s_aliases_stand_for_has_its_price(alias, usd):
    table = table_of(WILD, {"tiny": "m", "hidden": {"model": "m", "hidden": True}, "further": "openai/gpt-4o"})
    assert table[alias].price.input_usd_per_million == pytest.approx(usd)


def test_a_name_that_nothing_stands_for_is_unknown():
    assert table_of(WILD[1:], "nonsense").get("gpt-4o") is None
    assert table_of(WILD)["openai/nobody-knows"] == Known()


ALL = {"text", "image", "pdf", "audio", "video", "file"}


@pytest.mark.parametrize(
    ("deployments", "capacity"),
    [
        ([deployment("openai/gpt-4o")], Capacity(context_tokens=128_000, output_tokens=16_384, tools=True)),
        (
            [deployment("openai/gpt-3.5-turbo")],
            Capacity(context_tokens=16_385, output_tokens=4096, modalities=frozenset(ALL - {"image"}), tools=True),
        ),
        ([deployment("hosted_vllm/mine", model_info={"max_input_tokens": 8192})], Capacity(context_tokens=8192)),
        ([deployment("hosted_vllm/mine", model_info={"supports_pdf_input": False})], Capacity(modalities=frozenset(ALL - {"pdf"}))),
        ([deployment("hosted_vllm/mine", model_info={"supports_function_calling": False})], Capacity(tools=False)),
    ],
)  # fmt: skip
def test_what_an_alias_can_take_is_told_by_the_configuration_or_the_table(deployments, capacity):
    assert table_of(deployments)["m"].capacity == capacity


def test_of_several_deployments_the_least_counts():
    models = [deployment("openai/gpt-4o"), deployment("openai/gpt-3.5-turbo"), deployment("hosted_vllm/mine")]
    least = table_of(models)["m"].capacity

    assert least == Capacity(context_tokens=16_385, output_tokens=4096, modalities=frozenset(ALL - {"image"}), tools=True)


@pytest.mark.parametrize(
    ("models", "refused"),
    [
        (["openai/o3-mini"], ("temperature",)),
        (["openai/gpt-4o"], ()),
        (["openai/gpt-4o", "openai/o3-mini"], ("temperature",)),
        (["nobody-knows/this"], ()),
        ([], ()),
    ],
)
def test_parameters_that_a_deployment_refuses_are_named(models, refused):
    assert refused_parameters(Router(*models), "m", {"temperature": 0.2, "messages": [], "metadata": {}, "top_k": 3}) == refused


@pytest.mark.parametrize(("model", "refused"), [("openai/o3-mini", ("logprobs", "top_logprobs")), ("hosted_vllm/small", ())])
def test_log_probabilities_are_a_parameter_like_any_other(model, refused):
    assert refused_parameters(Router(model), "m", {"logprobs": True, "top_logprobs": 1}) == refused


def test_without_a_router_nothing_is_refused():
    assert refused_parameters(None, "m", {"temperature": 0.2}) == ()


def with_most(most, **litellm_params):
    return {"model_name": "m", "litellm_params": {"model": "hosted_vllm/mine", **litellm_params}, "model_info": {"max_output_tokens": most}}


@pytest.mark.parametrize(
    ("deployments", "given", "changes"),
    [
        ([deployment("openai/gpt-4o-mini")], {"max_tokens": 32_000}, {"max_tokens": 16_384}),
        ([deployment("openai/gpt-4o-mini")], {"max_completion_tokens": 16_384}, {}),
        ([with_most(100), with_most(50)], {"max_output_tokens": 60}, {"max_output_tokens": 50}),
        ([with_most(100, max_tokens=10)], {"max_tokens": 60}, {}),
        ([with_most(None), with_most("100"), with_most(0)], {"max_tokens": 60}, {}),
        ([with_most(50)], {"max_tokens": "many"}, {}),
        ([with_most(50)], {}, {}),
        ([], {"max_tokens": 60}, {}),
    ],
)
def test_a_limit_is_lowered_to_what_the_deployments_can_write(deployments, given, changes):
    router = SimpleNamespace(get_model_list=lambda **_: deployments)
    assert lowered_limits(router, "m", given) == changes


def test_what_is_changed_is_named():
    fit = adapted(Router("openai/o3-mini", "openai/gpt-4o-mini"), "m", {"max_tokens": 32_000, "temperature": 0.2, "top_p": None})
    assert (fit.changes, fit.named) == ({"drop_params": True, "max_tokens": 16_384}, ("max_tokens", "temperature"))
    assert adapted(None, "m", {"max_tokens": 32_000, "temperature": 0.2}).named == ()
