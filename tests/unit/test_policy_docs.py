"""docs/policies.md tells the truth."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import parse_policy
from litellm_cascade.policy.constraints import RELAXED
from litellm_cascade.policy.estimates import LOGITS_PER_COMPLEXITY, OUTPUT_TOKENS
from litellm_cascade.policy.features import FEATURES
from litellm_cascade.policy.overrides import CHOICES as WISHES
from litellm_cascade.policy.overrides import LIMITS
from litellm_cascade.policy.strategies import STRATEGIES
from litellm_cascade.policy.strategies.neighbours import MOST_OUTCOMES
from litellm_cascade.policy.strategies.scoring import CLEAR_LEAD
from litellm_cascade.policy.terms import FUNCTIONS
from litellm_cascade.policy.testing import policy_files, run_policy_tests
from litellm_cascade.policy.variables import TASKS, VARIABLES
from litellm_cascade.vocabulary import DIMENSIONS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/policies.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
POLICIES = [block for block in BLOCKS if "version:" in block]
TESTS = [block for block in BLOCKS if block.startswith("policy:")]
POOLS = [block for block in BLOCKS if block.startswith("models:")]
CHOICES = [block for block in BLOCKS if block.startswith("- name:")]
LIMITED = [block for block in BLOCKS if block.startswith("limits:")]
FILES = dict(zip(("past.json", "gain.json"), re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL), strict=True))
EXAMPLE = POLICIES[1]


def test_every_yaml_block_is_a_policy_its_tests_or_a_part_of_one():
    assert len(POLICIES) == 4
    assert len(POOLS) == 1
    assert len(LIMITED) == 1
    assert sorted([*POLICIES, *TESTS, *POOLS, *CHOICES, *LIMITED]) == sorted(BLOCKS)


@pytest.mark.parametrize("block", POLICIES)
def test_a_policy_in_the_docs_loads(block):
    assert parse_policy(block).name in block


def section(heading: str) -> str:
    return TEXT.partition(f"\n{heading}\n")[2].partition("\n#")[0]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_has_a_heading_with_an_example_that_loads(strategy, tmp_path):
    examples = [block for block in CHOICES if block in section(f"### {strategy}")]
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)

    (policy,) = (
        parse_policy(f"version: 1\nname: example\n{POOLS[0]}routes:\n{indent(example, '  ')}", folder=tmp_path, table={})
        for example in examples
    )

    assert policy.document.routes[0].choose.strategy == strategy


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_key_of_a_strategy_is_documented(strategy):
    keys = STRATEGIES[strategy].model_fields.keys() - {"strategy", "candidates", "unsure"}

    assert [key for key in keys if not re.search(rf"\b{key}\b", section(f"### {strategy}"))] == []


def test_every_override_is_documented_with_its_header():
    rows = section("## Overrides")

    assert [name for name in (*LIMITS, *WISHES) if f"| `{name}` | `x-cascade-{name.replace('_', '-')}: " not in rows] == []


def test_every_feature_is_documented():
    rows = section("## Features")
    patterns = {name: re.sub(r"^(dimension|task)\..*", r"\1.<name>", name) for name in FEATURES}

    assert [name for name, pattern in patterns.items() if f"`{pattern}`" not in rows] == []


def test_the_figures_in_the_docs_are_those_of_the_code():
    assert f"fall by {LOGITS_PER_COMPLEXITY} from" in TEXT
    assert f"else {OUTPUT_TOKENS}; times" in TEXT
    assert f"exp(-d / {CLEAR_LEAD} w)" in TEXT
    assert f"{MOST_OUTCOMES:,} outcomes at most" in TEXT
    assert f"{', then '.join(RELAXED).replace(', then', ' first, then', 1)}" in TEXT


def test_the_tests_in_the_docs_pass(tmp_path):
    (tmp_path / "help_desk.yaml").write_text(EXAMPLE)
    (tmp_path / "help_desk_test.yaml").write_text(TESTS[0])

    results = run_policy_tests(tmp_path)

    assert len(results) == 3
    assert all(result.passed for result in results)


def test_the_messages_in_the_docs_are_the_real_ones():
    broken = EXAMPLE.replace('"image" in signals.modalities', "signals.modality == 'image'").replace("[small, large]", "[smal, large]")
    broken = broken.replace("when: 'signals.modality == 'image''", "when: signals.modality == 'image'")

    with pytest.raises(PolicyError) as caught:
        parse_policy(broken, name="help_desk.yaml")

    assert f"```text\n{caught.value}\n```" in TEXT


def test_every_name_is_documented_with_its_type():
    rows = dict(re.findall(r"^\| `(\w+\.\w+)` \| ([^|:,]+?)(?:[:,][^|]*)? \|", TEXT, re.MULTILINE))
    documented = {
        name: kind for name, kind in rows.items() if name.partition(".")[0] in ("request", "caller", "signals", "session", "classification")
    }

    assert documented == {name: variable.type for name, variable in VARIABLES.items()}


@pytest.mark.parametrize("words", [TASKS, DIMENSIONS, FUNCTIONS], ids=["tasks", "dimensions", "functions"])
def test_every_word_is_documented(words):
    assert [word for word in words if word not in TEXT] == []


def test_every_shipped_policy_is_documented():
    shipped = {path.stem for path in policy_files(ROOT / "policies")}

    assert [name for name in shipped if f"| `{name}` |" not in TEXT] == []
