"""The lab against a real proxy: question sets are asked of it, and what it records of an experiment says what each arm would bring."""

import json
from pathlib import Path

import pytest
from harness.configs import cascade_config
from typer.testing import CliRunner

from litellm_cascade.audit.ledger.reading import feedback_in, requests_in
from litellm_cascade.offline.cli import app
from litellm_cascade.testing.upstream import Reply
from waiting import until

POOL = """\
version: 1
name: {name}
models:
  small: {{tier: budget, quality: {{general: 0.6}}}}
  large: {{tier: premium, quality: {{general: 0.9}}}}
"""
LOTS = """\
routes:
  - {name: queries, when: '"sql" in signals.markup', send: large}
  - {name: choices, when: '"json" in signals.markup', send: small}
  - name: lots
    choose: {strategy: split, by: request, arms: {cheap: {take: {route: cheap}, share: 0.5}, dear: {take: {route: dear}, share: 0.5}}}
  - {name: cheap, send: small}
  - {name: dear, send: large}
"""
REQUESTS = 260
QUERY = "SELECT count(*) FROM orders"


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lots") / "lots"
    folder.mkdir()
    (folder / "test.yaml").write_text(POOL.format(name="test") + LOTS)
    config = cascade_config(upstream_server.url)
    config["callback_settings"]["cascade"] |= {"policies": "lots", "record": {"folder": "record", "fsync_ms": 50}}
    return start_proxy(config, files=[folder])


@pytest.fixture(autouse=True)
def scripted(upstream, proxy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LITELLM_MASTER_KEY", proxy.key)
    upstream.script("small", Reply("The answer is B."))
    upstream.script("large", lambda seen: Reply("42" if "number" in seen.body["messages"][0]["content"] else "The answer is A."))


def run(*arguments):
    return CliRunner().invoke(app, [*arguments])


def mmlu(proxy, folder, *more):
    """Six questions that the routed model gives to small, which does not know them, and four that it gives to large, which does."""
    questions = [{"prompt": f'Question {number}: {{"choices": ["A", "B"]}}', "answer": "A"} for number in range(6)]
    questions += [{"prompt": f"Question {number}: which number? {QUERY}", "answer": 42} for number in range(4)]
    (folder / "exam.jsonl").write_text("".join(json.dumps(question) + "\n" for question in questions))
    return run("bench", "mmlu", "--questions", "exam.jsonl", "--url", proxy.url, "--draws", "20", "--json", "out.json", *more)


def test_a_question_set_is_asked_of_each_model_and_of_the_routed_one(proxy, tmp_path):
    result = mmlu(proxy, tmp_path, "--html", "out.html")
    assert result.exit_code == 0, result.output
    rows = {row["method"]: row for row in json.loads((tmp_path / "out.json").read_text())["rows"]}
    assert {name: row["accuracy"] for name, row in rows.items() if name != "auto"} == {"small": 0.0, "large": 1.0}
    assert (rows["small"]["usage"], rows["large"]["usage"]) == ({"small": 1.0}, {"large": 1.0})
    routed = rows["auto"]
    assert routed["usage"] == {"small": 0.6, "large": 0.4}, "the proxy says who answered"
    assert routed["accuracy"] == pytest.approx(0.4)
    assert rows["small"]["cost_usd"] < routed["cost_usd"] < rows["large"]["cost_usd"], "as LiteLLM bills it"
    assert min(row["latency_ms"] for row in rows.values()) > 0
    assert "large" in (tmp_path / "out.html").read_text()


def test_what_was_asked_before_an_interruption_is_not_asked_again(proxy, upstream, tmp_path):
    failed = Reply(status=500, error="out of order")
    upstream.script("large", lambda seen: failed if "Question 3: w" in seen.body["messages"][0]["content"] else Reply("42"))
    broken = mmlu(proxy, tmp_path, "--models", "small,large")
    assert (broken.exit_code, "'large' did not answer a question (HTTP 500)" in broken.stderr) == (1, True), broken.output
    upstream.clear()
    upstream.script("large", Reply("42"))
    resumed = mmlu(proxy, tmp_path, "--models", "small,large")
    assert resumed.exit_code == 0, resumed.output
    asked = [seen.body["model"] for seen in upstream.requests]
    assert "small" not in asked, "all ten were answered"
    assert 1 <= len(asked) <= 2, "that which failed, and one that was under way beside it"


def test_a_model_that_is_not_there_and_a_key_that_is_wrong_are_told(proxy, tmp_path, monkeypatch):
    unknown = mmlu(proxy, tmp_path, "--models", "nobody")
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-wrong")
    refused = mmlu(proxy, tmp_path)
    nowhere = run("bench", "mmlu", "--questions", "exam.jsonl", "--url", "http://127.0.0.1:9")
    assert (unknown.exit_code, refused.exit_code, nowhere.exit_code) == (1, 1, 1)
    assert [len(one.stderr.splitlines()) for one in (unknown, refused, nowhere)] == [1, 1, 1]
    assert "has no model 'nobody'" in unknown.stderr


@pytest.fixture
def experiment(proxy, tmp_path):
    """Requests that the proxy dealt by lot, each rated; the record, once all of it is written. Their ids are given, and so is the lot."""
    with proxy.client() as client:
        for number in range(REQUESTS):
            body = {"model": "auto", "messages": [{"role": "user", "content": f"Question {number}: which number?"}]}
            answer = client.post("/v1/chat/completions", json=body, headers={"x-litellm-call-id": f"lot-{number}"})
            said = answer.json()["choices"][0]["message"]["content"]  # the rest of the body may hold any number
            right = "42" in said or number % 2 == 0
            rating = {"request_id": answer.headers["x-litellm-call-id"], "outcome": "right" if right else "wrong"}
            assert client.post("/cascade/feedback", json=rating).status_code == 200

    def rated():
        return {line["feedback"]["answer"]["request_id"] for line in feedback_in([proxy.folder / "record"])}

    until(lambda: len(rated()) >= REQUESTS, told=lambda: proxy.log()[-3000:])
    for name, alias in (("cheap", "small"), ("dear", "large")):
        (tmp_path / f"{name}.yaml").write_text(POOL.format(name=name) + f"routes: [{{name: all, send: {alias}}}]\n")
    return proxy.folder / "record"


def replayed(record, policy):
    result = run("replay", "--traces", str(record), "--policy", policy, "--json", "replay.json")
    assert result.exit_code == 0, result.output
    told = json.loads(Path("replay.json").read_text())
    return {one["reward"]: one for one in told["off_policy"]["estimates"]}, result.stdout


def test_the_record_of_an_experiment_says_what_each_arm_would_bring(experiment):
    decisions = [line["record"]["plan"]["decision"] for line in requests_in([experiment])]
    assert {one["propensity"] for one in decisions if one["route"] in ("cheap", "dear")} == {0.5}
    for policy, quality in (("cheap.yaml", 0.5), ("dear.yaml", 1.0)):
        found, told = replayed(experiment, policy)
        one = found["quality"]
        assert one["n"] >= REQUESTS
        assert 100 < one["effective_n"] < 0.6 * one["n"], "about half was decided so"
        for name in ("inverse_propensity", "self_normalised", "doubly_robust"):
            assert one[name]["low"] <= quality <= one[name]["high"], (policy, name)
        assert one["self_normalised"]["low"] <= one["self_normalised"]["value"] <= one["self_normalised"]["high"]
        assert found["cost_usd"]["self_normalised"]["value"] > 0
        assert "1 caller sent all of it" in told
