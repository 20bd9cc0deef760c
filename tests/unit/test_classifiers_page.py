"""docs/classifiers.md tells the truth."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from litellm.router_strategy.complexity_router.config import ComplexityRouterConfig
from litellm.types.router import ClassifierPlugin

from litellm_cascade.classifiers import Surroundings, build, registry
from litellm_cascade.policy.conditions import compiled
from litellm_cascade.proxy.settings import read_settings
from litellm_cascade.proxy.tier_classifier import TierClassifier

TEXT = (Path(__file__).parents[2] / "docs/classifiers.md").read_text(encoding="utf-8")
SETTINGS = [yaml.safe_load(block) for block in re.findall(r"```yaml(?: title=litellm)?\n(.*?)```", TEXT, re.DOTALL)]
ROUTES = [route for block in re.findall(r"```yaml title=route\n(.*?)```", TEXT, re.DOTALL) for route in yaml.safe_load(block)]


async def ask(alias, messages, parameters):
    raise AssertionError("nobody is asked")


@pytest.mark.parametrize("written", SETTINGS, ids=lambda written: written["callback_settings"]["cascade"]["classifier"]["name"])
def test_settings_can_be_used_as_they_are_shown(written):
    chosen = read_settings(written["callback_settings"]["cascade"]).classifier
    assert build(chosen.name, chosen.options, Surroundings(ask=ask)).name == chosen.name


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route["name"])
def test_conditions_can_be_used_as_they_are_shown(route):
    condition, faults = compiled(route["when"])
    assert (faults, condition is None) == ([], False)


def test_the_router_takes_what_is_shown():
    (settings,) = [written for written in SETTINGS if "model_list" in written]
    config = settings["model_list"][0]["litellm_params"]["complexity_router_config"]
    module, _, name = config["classifier_plugin"].rpartition(".")
    assert (import_module(module).__name__, name) == ("litellm_cascade.proxy.tier_classifier", "cascade")
    plugin = TierClassifier(lambda: None, settings["callback_settings"]["cascade"]["tiers"])
    assert isinstance(plugin, ClassifierPlugin)
    ComplexityRouterConfig.model_validate(config | {"classifier_plugin": plugin})


def test_every_classifier_is_described_with_every_option():
    assert [name for name in registry if f"`{name}`" not in TEXT] == []
    for name in ("llm", "remote", "sequence", "hierarchical"):
        section = TEXT.partition(f"\n## `{name}`\n")[2].partition("\n## ")[0]
        options = import_module(f"litellm_cascade.classifiers.{registry[name]}").Options.model_fields
        assert [one for one, field in options.items() if f"`{one}`" not in section and f"{field.alias or one}:" not in section] == []
