"""A calibrated gate decides by the probability, and spans and headers name the calibration."""

import json
import re
from pathlib import Path
from random import Random

import pytest
from harness.configs import cascade_config
from harness.dialects import ALL, DIALECTS, every
from harness.looking import attempts, bills

from litellm_cascade.escalation import judge
from litellm_cascade.offline.constructed_prompts import construct
from litellm_cascade.policy import load_policy
from litellm_cascade.policy.calibration_file import sealed
from litellm_cascade.policy.variables import TASKS
from litellm_cascade.simulated.answers import Ask, answer
from litellm_cascade.testing.upstream import Reply
from waiting import until

POLICIES = Path(__file__).parents[2] / "policies"
POLICY = """
version: 1
name: calibrated
models: {small: {tier: budget}, large: {tier: premium}}
routes: [{name: all, cascade: [small, large], gate: sure}]
gates: {sure: {calibration: calibrations/small.json, accept_at: 0.8, strict: true, stream: {tokens: 2, within_ms: 2000}}}
"""
THREE = """
version: 1
name: three
models: {small: {tier: budget}, sql: {tier: standard}, large: {tier: premium}}
routes: [{name: all, cascade: [small, sql, large], gate: sure}]
gates:
  sure:
    calibration: {small: calibrations/small.json, sql: calibrations/sql.json}
    accept_at: 0.8
    strict: true
    stream: {tokens: 2, within_ms: 2000}
"""
POINTS = ((-2.0, 0.3), (-1.0, 0.9))
"""A model whose -1 nat is worth 0.9, which no uncalibrated gate of ours would accept."""
OF_SQL = ((-2.0, 0.1), (-1.0, 0.5), (-0.5, 0.9))
"""A model that is surer of itself than it should be."""


def calibration(points=POINTS, alias="small"):
    content = {
        "version": 1,
        "card": "Made up.",
        "alias": alias,
        "score": "mean",
        "of": "reasoning_and_answer",
        "method": "isotonic",
        "n": 60,
        "data": "sha256:" + "0" * 64,
        "ece": 0.01,
        "brier": 0.1,
        "auroc": 0.8,
        "command": "by hand",
        "whole": {"pooled": {"n": 60, "points": points}},
    }
    return sealed(content)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrated")
    (folder / "calibrations").mkdir()
    (folder / "calibrations/small.json").write_text(calibration().model_dump_json())
    (folder / "calibrations/sql.json").write_text(calibration(OF_SQL, "sql").model_dump_json())
    (folder / "test.yaml").write_text(POLICY)
    (folder / "three.yaml").write_text(THREE)
    return folder


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server, folder):
    settings = {"policies": str(folder), "debug_headers": True, "reload_seconds": 0.1}
    config = cascade_config(upstream_server.url, callback_settings={"cascade": settings})
    config["model_list"].append({"model_name": "three", "litellm_params": {"model": "cascade/three"}, "model_info": {"mode": "chat"}})
    return start_proxy(config)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("logprob", "probability", "model"), [(-1.0, 0.9, "small"), (-1.5, 0.6, "large")])
def test_the_probability_decides_and_the_span_names_the_calibration(
    client, upstream, collector, trace, stream, logprob, probability, model
):
    upstream.script("small", Reply("well maybe so", logprob=logprob))
    heard = DIALECTS["chat"].ask(client, "hello", stream=stream, headers=trace.headers)
    assert (heard.status, heard.cascade("model")) == (200, model)
    assert heard.cascade("confidence") == (
        f"mean={logprob:.4f}; accept_at=0.8; probability={probability:.4f}; calibration={calibration().id}"
    )
    spans = collector.wait_for_trace(trace.trace_id, "cascade.route", "cascade.attempt small")
    span = next(span for span in spans if span.name == "cascade.attempt small")
    assert span.attributes["cascade.confidence.probability"] == pytest.approx(probability)
    assert span.attributes["cascade.confidence.calibration"] == calibration().id
    assert span.attributes["cascade.confidence.score"] == pytest.approx(logprob)
    assert span.attributes["cascade.confidence.threshold"] == 0.8
    assert span.attributes["cascade.confidence.band"] == ("high" if model == "small" else "low")


@every(*ALL)
@pytest.mark.parametrize(
    ("small", "sql", "chances", "served"),
    [
        (-1.0, -1.0, {"small": 0.9}, "small"),
        (-1.5, -0.5, {"small": 0.6, "sql": 0.9}, "sql"),
        (-1.5, -1.0, {"small": 0.6, "sql": 0.5}, "large"),
    ],
)
def test_each_judged_rung_of_three_has_a_calibration_of_its_own(
    client, upstream, collector, trace, spend, dialect, stream, small, sql, chances, served
):
    upstream.script("small", Reply("well maybe so", logprob=small))
    upstream.script("sql", Reply("it could be", logprob=sql))
    heard = dialect.ask(client, "hello", model="three", stream=stream, headers=trace.headers)
    asked = list(dict.fromkeys([*chances, served]))
    assert (heard.status, heard.cascade("model"), heard.cascade("attempts")) == (200, served, ",".join(asked))
    _, tried = attempts(collector, trace)
    judged = {alias: span.attributes for alias, span in tried.items() if "cascade.confidence.probability" in span.attributes}
    assert {alias: of["cascade.confidence.probability"] for alias, of in judged.items()} == pytest.approx(chances)
    fitted = {"small": calibration().id, "sql": calibration(OF_SQL, "sql").id}
    assert {alias: of["cascade.confidence.calibration"] for alias, of in judged.items()} == {alias: fitted[alias] for alias in chances}
    rungs, _ = bills(spend, heard, trace, len(asked) + 1)
    assert sorted(rungs) == sorted(asked)


def test_a_calibration_that_is_fitted_again_is_swapped_in_and_a_broken_one_refused(client, upstream, folder):
    path = folder / "calibrations/small.json"

    def answered_by(model):
        upstream.script("small", Reply("well maybe so", logprob=-1.5))
        return DIALECTS["chat"].ask(client, "hello").cascade("model") == model

    assert answered_by("large")
    path.write_text(calibration(points=((-2.0, 0.85), (-1.0, 0.9))).model_dump_json())
    until(lambda: answered_by("small"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"n": 61}))
    (problem,) = until(lambda: client.get("/cascade/policies").raise_for_status().json()[0]["problems"])
    assert "it was changed by hand; fit it again" in problem
    assert answered_by("small"), "the policy before stays"
    path.write_text(calibration().model_dump_json())
    until(lambda: answered_by("large"))


@pytest.fixture(scope="module")
def simulated_proxy(start_proxy):
    """The shipped policy in front of the simulated deployments, at once."""
    config = cascade_config("http://127.0.0.1:9", callback_settings={"cascade": {"policies": str(POLICIES), "debug_headers": True}})
    config["litellm_settings"]["custom_provider_map"].append(
        {"provider": "simulated", "custom_handler": "litellm_cascade.proxy.simulated_provider.simulated"}
    )
    aliases = [{"model_name": name, "litellm_params": {"model": f"simulated/{name}?latency_ms=0"}} for name in ("small", "sql", "large")]
    virtual = {"model_name": "auto", "litellm_params": {"model": "cascade/balanced"}}
    return start_proxy(config | {"model_list": [virtual, *aliases]})


def test_the_shipped_calibration_says_in_the_proxy_what_it_says_outside_and_serves_what_is_right(simulated_proxy):
    gate = load_policy(POLICIES / "balanced.yaml").gates["careful"]
    prompts = [constructed.prompt for constructed in construct(Random(5), (), each=12)][:120]
    judged = right = 0
    with simulated_proxy.client() as client:
        for prompt in prompts:
            heard = DIALECTS["chat"].ask(client, prompt)
            if heard.cascade("band") != "cascade":
                continue
            judged += 1
            small, large = (answer(prompt, role, ask=Ask(top=1)) for role in ("small", "large"))
            expected = {judge(gate, small.completion, complete=True, alias="small", task=task).confidence.probability for task in TASKS}
            told = float(re.search(r"probability=([0-9.]+)", heard.cascade("confidence"))[1])
            assert any(told == pytest.approx(probability, abs=1e-4) for probability in expected)
            assert heard.cascade("model") == ("small" if told >= gate.accept_at else "large")
            right += (small if heard.cascade("model") == "small" else large).correct
    assert judged > 60
    assert right / judged > 0.88
