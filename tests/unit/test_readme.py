"""What the README and the pages show can be pasted."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from litellm_cascade.policy import load_policy, parse_policy
from litellm_cascade.proxy.settings import read_settings
from litellm_cascade.proxy.startup import find

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHIPPED = yaml.safe_load((ROOT / "litellm_config.yaml").read_text())


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def shipped_policy(name):
    return load_policy(ROOT / "policies" / f"{name}.yaml")


def test_the_smallest_policy_loads_and_cascades():
    policy = parse_policy(blocks("README.md", "yaml")[0])
    assert (policy.name, policy.ladders) == ("smallest", (("small", "large"),))


def test_the_shipped_configuration_earns_no_complaint():
    findings = find(SHIPPED, str(ROOT / "litellm_config.yaml"), shipped_policy)
    assert (findings.problems, findings.warnings) == ([], [])
    assert read_settings(SHIPPED["callback_settings"]["cascade"]).policies == "policies"


def test_the_readmes_own_deployments_earn_no_complaint_but_the_one_that_is_announced():
    models = yaml.safe_load(blocks("README.md", "yaml")[1])["model_list"]
    findings = find({**SHIPPED, "model_list": models}, None, shipped_policy)
    assert findings.problems == []
    (warning,) = findings.warnings
    assert "was fitted on 'simulated/small', but 'openai/gpt-4o-mini' answers for that name" in warning


def test_the_settings_shown_are_all_there_are_with_their_defaults():
    (shown,) = [yaml.safe_load(block) for block in blocks("docs/how-a-decision-is-made.md", "yaml") if "callback_settings" in block]
    settings = shown["callback_settings"]["cascade"]
    assert read_settings(settings).model_dump() | {"classifier": None} == read_settings(None).model_dump() | {"classifier": None}
    assert settings.keys() == read_settings(None).model_dump().keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in target]
    missing = [target for target in targets if target and not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("target", ["serve", "test"])
def test_the_two_commands_of_the_readme_are_targets_of_make(target):
    assert f"make {target}" in blocks("README.md", "sh")[0]
    assert subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=False).returncode == 0
