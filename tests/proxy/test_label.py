"""`cascade label` through a real proxy: LiteLLM says what each call cost, and passes log-probabilities on."""

import json

import pytest
from harness.configs import PRICES, model, plain_config
from typer.testing import CliRunner

from litellm_cascade.offline.cli import app
from litellm_cascade.testing.upstream import Reply


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server):
    config = plain_config(upstream_server.url)
    judge = model("judge", upstream_server.url, input_cost_per_token=2e-6, output_cost_per_token=2e-6)
    return start_proxy(config | {"model_list": [*config["model_list"], judge]})


@pytest.fixture
def labelled(proxy, upstream, tmp_path, monkeypatch):
    """What `cascade label` makes of two prompts, of which the small model copes with one."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", proxy.key)
    upstream.script("small", Reply("SMALL one two", logprob=-0.4))
    upstream.script("large", Reply("LARGE one two"))
    upstream.script("judge", judging)
    prompts = [{"id": word, "messages": [{"role": "user", "content": f"{word} question"}]} for word in ("easy", "hard")]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    files = ["--prompts", str(tmp_path / "prompts.jsonl"), "--out", str(tmp_path / "out.jsonl")]
    result = CliRunner().invoke(
        app, ["label", *files, "--aliases", "small,large", "--judge", "judge", "--url", proxy.url, "--max-usd", "1"]
    )
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]


def judging(seen):
    material = json.loads(seen.body["messages"][1]["content"])
    copes = "LARGE" in material["answer"] or "easy" in material["conversation"][0]["content"]
    return Reply(json.dumps({"ticket": material["ticket"], "copes": copes}))


def test_each_prompt_has_the_cheapest_that_copes_and_how_sure_it_was(labelled):
    found = {row["id"]: row for row in labelled}
    assert {name: row["label"] for name, row in found.items()} == {"easy": "small", "hard": "large"}
    assert found["hard"]["correct"] == {"small": False, "large": True}
    assert found["hard"]["scores"]["small"]["mean"] == pytest.approx(-0.4)


def test_what_litellm_bills_is_what_is_counted(labelled, upstream):
    """A fake answer has ten tokens in and a token for each of its words."""
    found = {row["id"]: row["labelled"]["cost_usd"] for row in labelled}
    small, large, judge = (PRICES["small"] * 13, PRICES["large"] * 13, 2e-6 * 14)
    assert found == pytest.approx({"easy": small + judge, "hard": small + large + 2 * judge})
