"""Calibrations that gates name."""

import json

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import load_policy, parse_policy
from litellm_cascade.policy.calibration_file import CalibrationFile, sealed
from litellm_cascade.policy.source import MAX_BYTES
from litellm_cascade.vocabulary import Endpoint, Envelope, Evidence, Isotonic, Logistic

POLICY = """\
version: 1
name: example
models: {small: {tier: budget}, sql: {tier: standard}, large: {tier: premium}}
routes:
  - {name: all, cascade: [small, large], gate: careful}
gates:
  careful: {calibration: small.json, accept_at: 0.8}
"""
AT = "p:7:26: $.gates.careful.calibration:"
ISOTONIC = {"n": 60, "points": ((-2.0, 0.1), (-0.5, 0.6), (0.0, 0.9))}
CONTENT = {
    "version": 1,
    "card": "Made up.",
    "alias": "small",
    "score": "mean",
    "of": "reasoning_and_answer",
    "method": "isotonic",
    "n": 60,
    "data": "sha256:" + "0" * 64,
    "ece": 0.01,
    "brier": 0.1,
    "auroc": 0.8,
    "command": "by hand",
    "whole": {"pooled": ISOTONIC, "tasks": {"Open QA": ISOTONIC}},
}


def write(folder, name="small.json", **changes):
    text = json.dumps(sealed(CONTENT | changes).model_dump(mode="json"))
    (folder / name).write_text(text)
    return json.loads(text)


def problems(folder, policy=POLICY):
    with pytest.raises(PolicyError) as caught:
        parse_policy(policy, name="p", folder=folder)
    return list(caught.value.problems)


def gate_of(policy):
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="example")
    return policy.decide(Evidence(envelope=envelope)).gate


def test_a_gate_gets_the_curves_of_its_file_and_the_digest_covers_it(tmp_path):
    content = write(tmp_path)
    policy = parse_policy(POLICY, folder=tmp_path)
    calibration = gate_of(policy).calibrations["small"]
    assert calibration.id == content["id"]
    assert calibration.whole.pooled == Isotonic((-2.0, -0.5, 0.0), (0.1, 0.6, 0.9))
    assert (set(calibration.whole.by_task), calibration.prefix) == ({"Open QA"}, None)
    assert policy.files == ("small.json",)
    write(tmp_path, ece=0.02)
    assert parse_policy(POLICY, folder=tmp_path).digest != policy.digest


def test_a_file_beside_the_policy_is_found_from_anywhere(tmp_path):
    write(tmp_path)
    (tmp_path / "example.yaml").write_text(POLICY)
    assert "small" in gate_of(load_policy(tmp_path / "example.yaml")).calibrations


def test_each_judged_rung_has_its_own(tmp_path):
    write(tmp_path)
    logistic = {"n": 60, "intercept": 0.5, "weights": {"mean": 2.0}}
    write(tmp_path, "sql.json", alias="sql", method="logistic", whole={"pooled": logistic}, prefix={"pooled": ISOTONIC}, prefix_tokens=24)
    text = POLICY.replace("[small, large]", "[small, sql, large]").replace("small.json", "{small: small.json, sql: sql.json}")
    calibrations = gate_of(parse_policy(text, folder=tmp_path)).calibrations
    assert calibrations["sql"].whole.pooled == Logistic(0.5, {"mean": 2.0})
    assert calibrations["sql"].prefix.pooled == calibrations["small"].whole.pooled


def test_a_strict_gate_with_its_calibration_loads(tmp_path):
    write(tmp_path)
    assert gate_of(parse_policy(POLICY.replace("accept_at", "strict: true, accept_at"), folder=tmp_path)).accept_at == 0.8


def test_a_file_that_is_read_again_is_the_same(tmp_path):
    content = write(tmp_path)
    assert CalibrationFile.model_validate_json(json.dumps(content), strict=True).id == content["id"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            ("small.json, accept_at: 0.8", "small.json, accept_at: 1.2"),
            "p:7:49: $.gates.careful.accept_at: accept_at is compared with a probability here, between 0 and 1, for the gate is calibrated",
        ),
        (
            ("calibration: small.json, accept_at: 0.8", "strict: true, accept_at: -0.3"),
            "p:7:21: $.gates.careful.strict: there is no calibration of 'small', judged at this gate; "
            "fit one with `cascade calibrate` and name it under `calibration`",
        ),
        (
            ("[small, large]", "[small, sql, large]"),
            f"{AT} there is no calibration of 'sql', judged at this gate; fit one with `cascade calibrate` and name it under `calibration`",
        ),
        (
            ("small.json,", "{sql: small.json},"),
            "p:7:32: $.gates.careful.calibration.sql: 'small.json' calibrates 'small', not 'sql'; "
            "fit one with `cascade calibrate` for 'sql'",
        ),
        (
            ("calibration: small.json", "confidence: {score: sum}, calibration: small.json"),
            "p:7:52: $.gates.careful.calibration: 'small.json' was fitted for `score: mean`, and the gate has 'sum'; "
            "fit one with `cascade calibrate` for that",
        ),
        (
            ("calibration: small.json", "confidence: {of: answer}, calibration: small.json"),
            "p:7:52: $.gates.careful.calibration: 'small.json' was fitted for `of: reasoning_and_answer`, and the gate has 'answer'; "
            "fit one with `cascade calibrate` for that",
        ),
        (
            ("accept_at: 0.8", "accept_at: 0.8, abstain: {then: flag}"),
            f"{AT} there is no calibration of 'large', judged at this gate; "
            "fit one with `cascade calibrate` and name it under `calibration`",
        ),
        (
            ("accept_at: 0.8", "accept_at: 0.8, abstain: {below: -0.5, then: flag}"),
            "p:7:63: $.gates.careful.abstain: below is compared with a probability here, between 0 and 1, for the gate is calibrated",
        ),
        (("small.json,", "7,"), f"{AT} must be text, not a number"),
        (("small.json,", "{small: 7},"), "p:7:34: $.gates.careful.calibration.small: must be text, not a number"),
    ],
)
def test_what_is_wrong_between_a_gate_and_its_calibration_is_told(tmp_path, change, expected):
    write(tmp_path)
    assert expected in problems(tmp_path, POLICY.replace(*change))


def test_a_strict_gate_without_any_calibration_and_route_is_refused_too(tmp_path):
    text = POLICY.replace("cascade: [small, large], gate: careful", "send: large").replace(
        "calibration: small.json, accept_at: 0.8", "strict: true, accept_at: -1"
    )
    assert problems(tmp_path, text) == [
        "p:7:21: $.gates.careful.strict: there is no calibration at all; fit one with `cascade calibrate` and name it under `calibration`"
    ]


def test_an_alias_that_is_not_in_the_pool_is_told(tmp_path):
    write(tmp_path, alias="smal")
    assert problems(tmp_path) == [
        f"{AT} 'small.json' calibrates 'smal', which is no alias in models",
        f"{AT} there is no calibration of 'small', judged at this gate; fit one with `cascade calibrate` and name it under `calibration`",
    ]


def test_a_gate_that_is_no_mapping_is_told_once(tmp_path):
    assert problems(tmp_path, POLICY.replace("{calibration: small.json, accept_at: 0.8}", "0.8")) == [
        "p:7:12: $.gates.careful: must be a mapping (key: value), not a number"
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (None, "'small.json' cannot be read (no such file or directory); the path starts at the policy's folder"),
        (b"no json", "'small.json': $: is no JSON (expected ident at line 1 column 2)"),
        (b" " * (MAX_BYTES + 1), "'small.json' is larger than 1024 KiB; check the path"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path, data, sentence):
    if data is not None:
        (tmp_path / "small.json").write_bytes(data)
    assert problems(tmp_path) == [f"{AT} {sentence}"]


def pooled(**curve):
    return {"whole": {"pooled": {"n": 60} | curve}}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": 2}, "$.version: is 2, and this release reads 1; fit it again with this release, or update litellm-cascade"),
        ({"version": 0}, "$.version: is 0; write 1"),
        ({"n": 61}, "$: has the id {id}, which is not that of its content: it was changed by hand; fit it again"),
        ({"ece": float("nan")}, "$.ece: must be a finite number, not nan"),
        (pooled(points=[[0, float("nan")]]), "$.whole.pooled.points[0][1]: must be a finite number, not nan"),
        (pooled(), "$.whole.pooled: needs either points, or an intercept and weights"),
        (
            pooled(points=[[0, 0.5]], intercept=1, weights={"mean": 1}),
            "$.whole.pooled: needs either points, or an intercept and weights",
        ),
        (
            pooled(points=[[0, 0.5], [0, 0.6]]),
            "$.whole.pooled: has points whose scores do not rise; fit it again with `cascade calibrate`",
        ),
        (
            pooled(points=[[-1, 0.5], [0, 0.4]]),
            "$.whole.pooled: is not monotone: a higher score must not be less probable; fit it again with `cascade calibrate`",
        ),
        (
            pooled(points=[[-1, 0.5], [0, 1.4]]),
            "$.whole.pooled: has a probability outside 0 to 1; fit it again with `cascade calibrate`",
        ),
        (
            pooled(intercept=1, weights={"log_sum": 1, "moon_phase": 1}),
            "$.whole.pooled: weighs 'moon_phase', which this release does not know; fit it again with this release, or update it",
        ),
        (pooled(points=[[0, 0.5]] * 257), "$.whole.pooled.points: has more than 256 entries; keep the newest"),
    ],
)
def test_what_is_wrong_in_a_file_is_told(tmp_path, change, sentence):
    content = write(tmp_path)
    (tmp_path / "small.json").write_text(json.dumps(content | change))
    assert problems(tmp_path) == [f"{AT} 'small.json': {sentence.format(id=content['id'])}"]
