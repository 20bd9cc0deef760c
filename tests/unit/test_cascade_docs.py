"""docs/cascade.md tells the truth."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from litellm_cascade.errors import AbstainedError
from litellm_cascade.escalation import CHECKS, SCORES
from litellm_cascade.escalation.agreement import final_answer
from litellm_cascade.escalation.checks import json_text, language, refusal, schema
from litellm_cascade.escalation.checks.refusal_phrases import PHRASES
from litellm_cascade.escalation.confidence import PARTS, alternatives_for
from litellm_cascade.escalation.confidence.scores import ALTERNATIVES, LOWEST_LOGPROB, WINDOW
from litellm_cascade.policy import parse_policy
from litellm_cascade.policy.gates import FRACTIONS, AbstainRule, AlsoEscalate, ConfidenceRule, Consulted, ConsultRule, GateRule, Score
from litellm_cascade.vocabulary import Consulting, Gate, Verdict

TEXT = (Path(__file__).parents[2] / "docs/cascade.md").read_text(encoding="utf-8")
POLICIES = (Path(__file__).parents[2] / "docs/policies.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("\n## Scores\n")[2].partition("\n## ")[0]
ROWS = {row[0]: row for row in re.findall(r"^\| `(\w+)` \| (.+) \| (≤ 0|0\.\.1) \| (.+) \| (.+) \| (.+) \|$", SECTION, re.MULTILINE)}
HEAD = "version: 1\nname: x\nmodels: {small: {tier: budget}, large: {tier: premium}}\n"
CHECKS_TOLD, ABSTENTION_TOLD = TEXT.partition("## Checks")[2].split("### Abstention")


@pytest.mark.parametrize("block", [block for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) if "version:" in block])
def test_a_policy_in_the_docs_loads(block):
    assert parse_policy(block).name in block


def test_every_check_is_told_in_the_order_in_which_it_is_looked_for():
    told = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", CHECKS_TOLD.partition("They are looked for")[0], re.MULTILINE)
    assert sorted(told) == sorted(get_args(AlsoEscalate)) == sorted(reason.value for reason in CHECKS)
    assert told == [reason.value for reason in CHECKS]


def test_the_limits_in_the_docs_are_those_of_the_code():
    told = " ".join(CHECKS_TOLD.split())
    for limit in (
        f"has {schema.MOST_SECONDS * 1000:g} ms of processor time",
        f"at most {schema.MOST_SCHEMA_CHARACTERS:,} characters",
        f"{schema.MOST_LEVELS} keywords within keywords",
        f"patterns of at most {schema.MOST_PATTERN_CHARACTERS} characters",
        f"adding up to at most {schema.MOST_PATTERN_REPEATS}",
        f"texts for patterns at most {schema.MOST_MATCHED_CHARACTERS:,} characters",
        f"answers at most {json_text.MOST_CHARACTERS:,}",
        f"the text is at most {refusal.MOST_CHARACTERS} characters long",
        f"fewer than {language.FEWEST_LETTERS} letters",
    ):
        assert limit in told
    assert len(PHRASES) == 15


def test_every_way_to_abstain_is_told():
    ways = get_args(AbstainRule.model_fields["then"].annotation)
    assert [way for way in ways if f"| `{way}` | " not in ABSTENTION_TOLD] == []
    assert [verdict for verdict in Verdict if f"`{verdict.value}`" not in ABSTENTION_TOLD] == []
    assert str(AbstainedError("low_confidence")).partition(";")[0] in ABSTENTION_TOLD
    assert f"status {AbstainedError.status_code}" in ABSTENTION_TOLD


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
