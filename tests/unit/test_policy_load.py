"""Conditions that read how busy an alias is."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import parse_policy
from litellm_cascade.policy.conditions import compiled, context_of
from litellm_cascade.policy.samples import EMPTY, FULL, SAMPLES, UNKNOWN
from litellm_cascade.policy.testing import run_policy_tests
from litellm_cascade.policy.trial import checked
from litellm_cascade.policy.variables import variable_of
from litellm_cascade.vocabulary import Load

POLICY = """
version: 1
name: busy
models: {{small: {{tier: budget}}, gpt-4.1: {{tier: premium}}}}
routes:
  - name: rest
    when: {when}
    send: gpt-4.1
  - {{name: all, send: small}}
"""
BUSY = Load(cooling_down=True, in_flight=7, available=0)


def holds(text, evidence):
    condition, faults = compiled(text)
    assert faults == []
    return condition.holds(context_of(evidence, condition.names))


def faults(text):
    return [(fault.offset, fault.message) for fault in checked(text)[1]]


@pytest.mark.parametrize("text", ["load.small.cooling_down", 'load["small"].cooling_down', "load['small'].cooling_down"])
def test_an_alias_is_written_either_way(text):
    assert holds(text, replace(UNKNOWN, load={"small": BUSY})) is True
    assert compiled(text)[0].names == {"load.small.cooling_down"}


@pytest.mark.parametrize("evidence", [UNKNOWN, EMPTY, FULL, replace(UNKNOWN, load={"other": BUSY})])
def test_an_alias_nothing_is_known_of_is_idle_and_there(evidence):
    assert holds("!load.small.cooling_down && load.small.in_flight == 0 && load.small.available == 1", evidence) is True


def test_several_aliases_are_read_together():
    evidence = replace(UNKNOWN, load={"small": Load(in_flight=3), "gpt-4.1": Load(in_flight=5)})
    text = 'load.small.in_flight < load["gpt-4.1"].in_flight && load["gpt-4.1"].available == 1 && request.requested_model == "auto"'
    assert holds(text, evidence) is True


@pytest.mark.parametrize("field", [field.name for field in fields(Load)])
def test_a_field_has_the_type_it_claims_for_every_request(field):
    variable = variable_of(f"load.gpt-4.1.{field}")
    evidences = [*SAMPLES, replace(UNKNOWN, load={"gpt-4.1": BUSY})]
    assert {type(variable.read(evidence)).__name__ for evidence in evidences} == {variable.type}


def test_a_route_sees_a_cooldown():
    policy = parse_policy(POLICY.format(when='load["small"].cooling_down'))
    assert policy.decide(UNKNOWN).route == "all"
    assert policy.decide(replace(UNKNOWN, load={"small": BUSY})).route == "rest"


ALONE = "'load' is read alias by alias; write load.alias.in_flight, or load[\"alias\"].in_flight"


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("load.small.in_flght > 3", 0, "unknown name 'load.small.in_flght'; did you mean 'in_flight'?"),
        ('load["small"].in_flght > 3', 0, "unknown name 'load.small.in_flght'; did you mean 'in_flight'?"),
        ("request.stream || size(load) > 3", 23, ALONE),
        ("load[caller.team].in_flight > 3", 0, ALONE),
        ('load["a\\"b"].in_flight > 3', 0, ALONE),
        ("load.small", 0, ALONE),
        ('load["small"]', 0, ALONE),
        ("load.exists(x, true)", 0, ALONE),
        ("load.small.in_flight", 0, "`load.small.in_flight` is a whole number, not true or false; compare it, e.g. with > or =="),
        ("signals.markup.exists(load, true)", 22, "'load' is a name of the request; call the element something else, e.g. item"),
    ],
)
def test_what_cannot_be_read_is_refused_where_it_stands(text, offset, message):
    assert (offset, message) in faults(text)


def test_the_load_of_an_alias_outside_the_pool_is_refused():
    with pytest.raises(PolicyError) as caught:
        parse_policy(POLICY.format(when="load.smal.cooling_down"), name="p")
    assert list(caught.value.problems) == ["p:7:11: $.routes[0].when: no alias 'smal' in models; did you mean 'small'?"]


def test_a_case_beside_a_policy_may_give_a_load(tmp_path):
    (tmp_path / "busy.yaml").write_text(POLICY.format(when="load.small.cooling_down && caller.budget_left_usd == 0.5"))
    case = "{name: busy, given: {load: {small: {cooling_down: true}}, caller: {budget_left_usd: 0.5}}, expect: {route: rest}}"
    (tmp_path / "busy_test.yaml").write_text(f"policy: busy.yaml\ncases: [{case}, {{name: idle, expect: {{route: all}}}}]")
    assert [result.differences for result in run_policy_tests(tmp_path)] == [(), ()]
