"""docs/cascade.md tells the truth about checks and abstention."""

import re
from pathlib import Path
from typing import get_args

import pytest

from litellm_cascade.errors import AbstainedError
from litellm_cascade.escalation import CHECKS
from litellm_cascade.escalation.checks import json_text, language, refusal, schema
from litellm_cascade.escalation.checks.refusal_phrases import PHRASES
from litellm_cascade.policy import parse_policy
from litellm_cascade.policy.gates import AbstainRule, AlsoEscalate
from litellm_cascade.vocabulary import Verdict

TEXT = (Path(__file__).parents[2] / "docs/cascade.md").read_text(encoding="utf-8")
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
