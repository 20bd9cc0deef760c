"""Tests that stand beside a policy."""

from __future__ import annotations

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy.testing import case_files, policy_files, run_policy_tests

POLICY = """
version: 1
name: example
models: {small: {tier: budget}, large: {tier: premium}}
routes:
  - {name: gold, when: 'caller.tier == "gold" && request.stream && request.endpoint == "messages"', send: large}
  - {name: hard, when: classification.known && classification.dimensions.reasoning > 0.5, send: large}
  - {name: rest, cascade: [small, large], gate: careful}
gates: {careful: {accept_at: -0.35}}
"""
ENDPOINTS = "'chat', 'completions', 'messages', 'responses', 'generate_content' or 'other'"


def run(folder, cases: str):
    (folder / "example.yaml").write_text(POLICY)
    (folder / "example_test.yaml").write_text(f"policy: example.yaml\ncases:\n{cases}")
    return run_policy_tests(folder / "example_test.yaml")


def test_a_case_that_gets_what_it_expects_passes(tmp_path):
    (result,) = run(tmp_path, "  - {name: nothing known, expect: {route: rest, band: cascade, ladder: [small, large], gate: careful}}\n")

    assert result.passed
    assert result.case == "nothing known"
    assert result.file.endswith("example_test.yaml")
    assert result.decision.route == "rest"


def test_a_case_that_does_not_says_every_difference(tmp_path):
    (result,) = run(tmp_path, "  - {name: wrong, expect: {route: gold, band: large, ladder: [large], gate: null}}\n")

    assert not result.passed
    assert result.differences == (
        "route: expected 'gold', got 'rest'",
        "band: expected 'large', got 'cascade'",
        "ladder: expected ['large'], got ['small', 'large']",
        "gate: expected None, got 'careful'",
    )


def test_evidence_has_the_names_of_conditions(tmp_path):
    cases = """
  - name: gold
    given: {caller: {tier: gold, tags: [a]}, request: {stream: true, endpoint: messages}, signals: {turns: 2}}
    expect: {route: gold}
  - name: hard
    given: {classification: {dimensions: {reasoning: 0.9}}}
    expect: {route: hard, gate: null}
  - name: direct
    given: {direct_only: several choices}
    expect: {route: rest, band: large, ladder: [large]}
"""

    assert [result.differences for result in run(tmp_path, cases)] == [(), (), ()]


def test_a_folder_runs_all_its_tests(tmp_path):
    run(tmp_path, "  - {name: one, expect: {route: rest}}\n")
    (tmp_path / "more_test.yaml").write_text("policy: example.yaml\ncases: [{name: two, expect: {route: rest}}]\n")

    assert [result.case for result in run_policy_tests(tmp_path)] == ["one", "two"]


def test_a_test_file_is_checked_like_a_policy(tmp_path):
    cases = """
  - {name: a, given: {signal: {}}, expect: {}}
  - {name: b, given: {signals: {tool: 1}, request: {endpoint: chats}}, expect: {band: medium}}
  - {name: b, name: c}
"""

    with pytest.raises(PolicyError) as caught:
        run(tmp_path, cases)

    assert [problem.removeprefix(str(tmp_path / "example_test.yaml")) for problem in caught.value.problems] == [
        ":4:23: $.cases[0].given.signal: unknown key; did you mean 'signals'?",
        ":5:33: $.cases[1].given.signals.tool: unknown key; did you mean 'tools'?",
        f":5:63: $.cases[1].given.request.endpoint: is 'chats'; write {ENDPOINTS}",
        ":5:87: $.cases[1].expect.band: is 'medium'; write 'small', 'cascade', 'large' or 'ensemble'",
        ":6:5: $.cases[2].expect: is missing; add it",
        ":6:15: $.cases[2].name: is here twice, first on line 6; keep one",
    ]


def test_a_broken_policy_is_told_as_itself(tmp_path):
    (tmp_path / "broken_test.yaml").write_text("policy: gone.yaml\ncases: [{name: a, expect: {}}]\n")

    with pytest.raises(PolicyError, match=r"gone\.yaml:1:1: \$: cannot be read"):
        run_policy_tests(tmp_path)


def test_a_policy_may_be_called_a_test(tmp_path):
    run(tmp_path, "  - {name: one, expect: {route: rest}}\n")
    (tmp_path / "ab_test.yaml").write_text(POLICY)
    (tmp_path / "broken_test.yaml").write_text("{")
    (tmp_path / "list_test.yaml").write_text("[]")

    assert [path.name for path in policy_files(tmp_path)] == ["ab_test.yaml", "example.yaml"]
    assert [path.name for path in case_files(tmp_path)] == ["broken_test.yaml", "example_test.yaml", "list_test.yaml"]


def test_a_case_may_have_constraints_and_expect_what_is_degraded(tmp_path):
    cases = """
  - {name: a, given: {constraints: {max_latency_ms: 5}}, expect: {route: rest, degraded: ["constraint_relaxed:latency"]}}
  - {name: b, expect: {degraded: [something]}}
"""

    assert [result.differences for result in run(tmp_path, cases)] == [(), ("degraded: expected ['something'], got []",)]


def test_a_case_may_ask_for_overrides(tmp_path):
    policy = POLICY + "overrides: {allow: [alias, band]}\n"
    (tmp_path / "example.yaml").write_text(policy)
    (tmp_path / "wishes_test.yaml").write_text("""
policy: example.yaml
cases:
  - {name: an alias, given: {overrides: {alias: small}}, expect: {ladder: [small]}}
  - {name: a band, given: {overrides: {band: large}}, expect: {band: large}}
""")

    assert [result.differences for result in run_policy_tests(tmp_path)] == [(), ()]
