"""docs/policies.md tells the truth."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import parse_policy
from litellm_cascade.policy.terms import FUNCTIONS
from litellm_cascade.policy.testing import run_policy_tests
from litellm_cascade.policy.variables import DIMENSIONS, TASKS, VARIABLES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/policies.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
POLICIES = [block for block in BLOCKS if "version:" in block]
TESTS = [block for block in BLOCKS if block.startswith("policy:")]
EXAMPLE = POLICIES[1]


def test_every_yaml_block_is_a_policy_or_its_tests():
    assert len(POLICIES) == 2
    assert sorted([*POLICIES, *TESTS]) == sorted(BLOCKS)


@pytest.mark.parametrize("block", POLICIES)
def test_a_policy_in_the_docs_loads(block):
    assert parse_policy(block).name in block


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
    documented = {name: kind for name, kind in rows.items() if name.partition(".")[0] in ("request", "caller", "signals", "classification")}

    assert documented == {name: variable.type for name, variable in VARIABLES.items()}


@pytest.mark.parametrize("words", [TASKS, DIMENSIONS, FUNCTIONS], ids=["tasks", "dimensions", "functions"])
def test_every_word_is_documented(words):
    assert [word for word in words if word not in TEXT] == []


def test_every_shipped_policy_is_documented():
    shipped = {path.stem for path in (ROOT / "policies").glob("*.yaml") if not path.stem.endswith("_test")}

    assert [name for name in shipped if f"| `{name}` |" not in TEXT] == []
