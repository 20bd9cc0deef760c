"""`cascade docs`."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from litellm_cascade.offline.cli import app
from litellm_cascade.offline.policy_files import policies_in
from litellm_cascade.policy import Document, load_policy
from litellm_cascade.policy.shipped import shipped_folder

POLICY = """\
# yaml-language-server: $schema=./policy.schema.json
# For a help desk.
# It saves where it can.
version: 1
name: desk
description: Pictures go to the large model.
models:
  small: {tier: budget, strengths: [chat, faq], quality: {general: 0.7, code: 0.5, sql: 0.4, creative: 0.3}}
  large: {tier: premium, latency_ms: 600, price: {input_usd_per_million: 2.5, output_usd_per_million: 10}}
routes:
  - {name: pictures | charts, when: '"image" in signals.modalities', send: large}
  - {name: rest, cascade: [small, large], gate: careful}
gates: {careful: {accept_at: -0.35}}
"""
CASES = "policy: desk.yaml\ncases: [{name: a picture, given: {signals: {modalities: [image]}}, expect: {band: large}}]\n"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desk.yaml").write_text(POLICY)
    (tmp_path / "desk_test.yaml").write_text(CASES)
    return tmp_path


def run(*arguments: str):
    return CliRunner().invoke(app, ["docs", *arguments])


def test_the_document_says_everything(desk):
    result = run("desk.yaml")

    before, limits, after = result.stdout.partition("\n## Limits\n")
    assert result.exit_code == 0
    assert limits
    assert (
        before
        == f"""\
# Policy desk

Pictures go to the large model.

For a help desk.
It saves where it can.

|  |  |
| --- | --- |
| File | `desk.yaml` |
| Digest | `{load_policy("desk.yaml").digest}` |
| Language version | 1 |
| Written by | litellm-cascade {version("litellm-cascade")} |

Two policies with the same digest decide alike. Every span and every record of a request names the digest that decided it.

## Models

The policy can ask 2 models; the largest is `large`.

| alias | tier | strengths | quality | latency ms | latency ms per token | price | context tokens | modalities | tools |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| `small` | budget | chat, faq | general 0.7, code 0.5, sql 0.4, creative 0.3 |  |  |  |  |  |  |
| `large` | premium |  |  | 600 |  | input_usd_per_million 2.5, output_usd_per_million 10 |  |  |  |

## Routes

Routes are tried in this order. The first whose condition holds decides.

### 1. pictures | charts

When

```cel
"image" in signals.modalities
```

`large` answers alone, unjudged.

### 2. rest

Without a condition: it takes every request that reaches it.

`small` answers first and is judged at the gate `careful`; if no answer passes, `large` answers, unjudged.

## Gates

### careful

- An answer is served when the mean of the log-probabilities of the tokens of reasoning and answer is at least -0.35 nats \
(a typical token has a probability of 0.7).
- An answer without log-probabilities is served.
- Of a stream the first 24 tokens are held back and judged, or as many as have arrived 400 ms after the first.
- A rung without a whole answer after 120 s, or without the first chunk of a stream after 30 s, is given up and the next one asked.
"""
    )
    assert "\n## Privacy\n" in after
    assert "\nThe conditions of this policy read `signals.modalities`.\n" in after
    assert after.endswith(r"""
## Tests

`desk_test.yaml` has 1 case: all pass.

| case | decided by route | ladder | result |
| --- | --- | --- | --- |
| a picture | pictures \| charts | `large` | passes |
""")


def test_it_is_the_same_every_time_and_bears_a_date_only_when_given_one(desk):
    undated, dated = run("desk.yaml").stdout, run("desk.yaml", "--date", "2026-01-31").stdout

    assert undated == run("desk.yaml").stdout
    assert dated == undated.replace(" |\n\nTwo policies", " |\n| Date | 2026-01-31 |\n\nTwo policies")


def test_it_does_not_depend_on_where_the_policy_lies(desk, monkeypatch):
    here = run("desk.yaml").stdout
    monkeypatch.chdir(desk.parent)

    assert run(str(desk / "desk.yaml")).stdout == here


def test_a_test_that_fails_is_in_the_document_and_in_the_exit_code(desk):
    (desk / "desk_test.yaml").write_text(CASES.replace("band: large", "band: small"))

    result = run("desk.yaml")

    assert "`desk_test.yaml` has 1 case: 1 FAIL.\n" in result.stdout
    assert "| FAILS: band: expected 'small', got 'large' |\n" in result.stdout
    assert result.exit_code == 1


def test_tests_that_cannot_be_run_are_in_the_document_and_in_the_exit_code(desk):
    (desk / "desk_test.yaml").write_text("policy: desk.yaml\n")

    result = run("desk.yaml")

    assert result.stdout.endswith("The tests in `desk_test.yaml` cannot be run:\n\n- desk_test.yaml:1:1: $.cases: is missing; add it\n")
    assert result.exit_code == 1


def test_a_policy_without_tests_says_so(desk):
    (desk / "desk_test.yaml").unlink()

    result = run("desk.yaml")

    assert result.stdout.endswith("## Tests\n\nNo tests stand beside this policy.\n")
    assert result.exit_code == 0


@pytest.mark.parametrize("file", policies_in(shipped_folder()), ids=lambda file: file.stem)
def test_of_a_shipped_policy_every_part_is_told(file):
    text, policy = run(file.stem).stdout, load_policy(file)

    for alias in policy.document.models:
        assert f"\n| `{alias}` | " in text
    for route in policy.document.routes:
        assert f". {route.name}\n" in text
        assert route.when is None or f"\n{route.when.strip()}\n" in text
    for gate in policy.gates:
        assert f"\n### {gate}\n" in text
    for name in Document.model_fields.keys() - {"version", "name", "description", "models", "routes", "gates"}:
        assert getattr(policy.document, name) is None or f"\n`{name}`: " in text


def test_what_a_strategy_was_told_is_in_the_document_with_its_defaults():
    text = run("ab_test").stdout

    assert "\nThe strategy `split` chooses: Shares of the traffic. " in text
    assert "\n    share: 0.1\nby: key\nseed: 1\n```\n" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is no file and no policy 'nowhere'; "),
        (["desk.yaml", "--date", "31.1.2026"], "'31.1.2026' does not match the format"),
        ([], "Missing argument 'POLICY'"),
    ],
)
def test_a_wrong_call_is_told_in_a_sentence(desk, arguments, message):
    result = run(*arguments)

    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_of_a_policy_that_cannot_be_used_nothing_is_written(desk):
    (desk / "desk.yaml").write_text("version: 2\n" + POLICY.replace("version: 1\n", ""))

    result = run("desk.yaml")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "desk.yaml:1:10: $.version: is 2; write 1\n"
