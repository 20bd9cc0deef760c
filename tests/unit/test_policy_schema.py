"""The schema that editors read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from litellm_cascade.policy import load_policy
from litellm_cascade.policy.schema import policy_schema
from litellm_cascade.policy.source import open_source
from litellm_cascade.policy.testing import policy_files

POLICIES = Path(__file__).parents[2] / "policies"
SHIPPED = POLICIES / "policy.schema.json"


def test_the_shipped_schema_is_the_generated_one():
    assert SHIPPED.read_text(encoding="utf-8") == policy_schema(), f"write {SHIPPED.name} again: it is what policy_schema() returns"


@pytest.mark.parametrize("path", policy_files(POLICIES), ids=lambda path: path.stem)
def test_the_schema_accepts_what_the_loader_accepts(path):
    schema = json.loads(policy_schema())

    assert load_policy(path).name == path.stem
    assert list(Draft202012Validator(schema).iter_errors(open_source(path).raw)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"unknown": 1},
        {"models": {}},
        {"routes": []},
        {"routes": [{"name": "a"}]},
        {"routes": [{"name": "a", "send": "small", "gate": "careful"}]},
        {"routes": [{"name": "a", "choose": {"strategy": "best"}}]},
        {"routes": [{"name": "a", "choose": {"strategy": "utility", "candidates": ["small"]}}]},
        {"routes": [{"name": "a", "choose": {"strategy": "thresholds", "cuts": [0.5], "by": "tokens", "candidates": ["small", "large"]}}]},
        {"constraints": {"relax": ["price"]}},
        {"gates": {"careful": {"accept_at": 0.7}}},
        {"gates": {"careful": {"accept_at": -1, "confidence": {"score": "entropy"}}}},
        {"gates": {"careful": {"accept_at": 1.5, "confidence": {"score": "agreement"}, "stream": {"judge": "full"}}}},
        {"gates": {"careful": {"accept_at": 0.5, "confidence": {"of": "all"}}}},
    ],
)
def test_the_schema_refuses_shapes_that_the_loader_refuses(change):
    document = open_source(POLICIES / "balanced.yaml").raw | change

    assert not Draft202012Validator(json.loads(policy_schema())).is_valid(document)
