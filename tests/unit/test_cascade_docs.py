"""docs/cascade.md tells the truth."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from litellm_cascade.escalation import SCORES
from litellm_cascade.escalation.agreement import final_answer
from litellm_cascade.escalation.confidence import PARTS, alternatives_for
from litellm_cascade.escalation.confidence.scores import ALTERNATIVES, LOWEST_LOGPROB, WINDOW
from litellm_cascade.policy import parse_policy
from litellm_cascade.policy.gates import FRACTIONS, ConfidenceRule, Consulted, ConsultRule, GateRule, Score
from litellm_cascade.vocabulary import Consulting, Gate

TEXT = (Path(__file__).parents[2] / "docs/cascade.md").read_text(encoding="utf-8")
POLICIES = (Path(__file__).parents[2] / "docs/policies.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("\n## Scores\n")[2].partition("\n## ")[0]
ROWS = {row[0]: row for row in re.findall(r"^\| `(\w+)` \| (.+) \| (≤ 0|0\.\.1) \| (.+) \| (.+) \| (.+) \|$", SECTION, re.MULTILINE)}
HEAD = "version: 1\nname: x\nmodels: {small: {tier: budget}, large: {tier: premium}}\n"


def test_the_policy_language_and_the_code_know_the_same_scores_and_parts():
    assert set(get_args(Score)) == {*SCORES, *get_args(Consulted)}
    assert set(get_args(ConfidenceRule.model_fields["of"].annotation)) == set(PARTS)


@pytest.mark.parametrize("score", get_args(Score))
def test_every_score_has_a_row_with_its_range_its_needs_and_a_source(score):
    _, _, bounds, needs, use, source = ROWS[score]
    assert bounds == ("0..1" if score in FRACTIONS else "≤ 0")
    words = {0: "more", 1: "log-probabilities", 2: "two alternatives", ALTERNATIVES: "five alternatives"}
    assert words[alternatives_for(score)] in needs
    assert use
    assert re.search(r"\d{4}", source)


def test_there_is_no_row_too_many():
    assert set(ROWS) == set(get_args(Score))


@pytest.mark.parametrize("part", PARTS)
def test_every_part_has_a_row(part):
    assert f"| `{part}` | " in SECTION


def test_the_example_loads():
    (example,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
    policy = parse_policy(f"{HEAD}routes: [{{name: all, cascade: [small, large], gate: careful}}]\n{example}")
    assert policy.gates["careful"].score == "lowest_group"


def test_the_defaults_are_the_same_everywhere():
    gate = GateRule(accept_at=-1.0).named("gate")
    assert (gate.q, gate.window, gate.consulting) == (Gate(name="gate").q, WINDOW, Consulting())
    assert Gate(name="gate").window == WINDOW
    gates = POLICIES.partition("\n## Gates\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([\w.]+)` \| .* \| ([^|]+) \|$", gates, re.MULTILINE))
    written = {name: rows[f"consult.{name}"].strip("`") for name in ConsultRule.model_fields}
    assert written == {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in ConsultRule().model_dump().items()}


def test_the_figures_and_the_words_are_those_of_the_code():
    assert f"below {LOWEST_LOGPROB:g} counts" in SECTION
    assert f"K ≤ {ALTERNATIVES} likeliest" in SECTION
    for announcement in ("Answer: 7 of 9", "the answer is 9", "#### 9", r"\boxed{9}"):
        assert final_answer(f"{announcement}\n") == "9"
        assert announcement.split(" ")[0].partition("{")[0] in SECTION
