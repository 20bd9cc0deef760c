"""What may stand below ``choose``. Each mistake has its sentence, at its place."""

from __future__ import annotations

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import Known, Price, parse_policy
from litellm_cascade.policy.problems import did_you_mean
from litellm_cascade.policy.strategies import STRATEGIES, thresholds
from litellm_cascade.policy.variables import TASKS

POOL = """\
version: 1
name: example
models:
  small: {tier: budget, quality: {general: 0.7}, latency_ms: 60}
  large: {tier: premium, quality: {general: 0.9}, latency_ms: 600}
gates: {careful: {accept_at: -0.35}}
routes:
"""
TARGET = "must be an alias, or {cascade: [alias, alias], gate: name}, or {route: name}"
NAMES = "thresholds, utility, multi_objective, quality_first, neighbours, learned, split, per_caller"
MEASURES = "did you mean 'classification.complexity'?"


def problems(*routes: str, **options) -> list[str]:
    """What is wrong with routes, each written on a line of its own; the first is on line 8."""
    text = POOL + "".join(f"  - {{name: {name}, choose: {route}}}\n" for name, route in zip("abc", routes, strict=False))
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, name="p", **options)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("choose", "problem"),
    [
        ("utility", "8:23: $.routes[0].choose: must be a mapping (key: value), not text"),
        ("{}", f"8:23: $.routes[0].choose: has no strategy; add one of {NAMES}"),
        ("{strategy: utilty}", "8:34: $.routes[0].choose.strategy: is 'utilty'; did you mean 'utility'?"),
        ("{strategy: 3}", "8:34: $.routes[0].choose.strategy: is 3; known are " + ", ".join(sorted(NAMES.split(", ")))),
        ("{strategy: [a]}", "8:34: $.routes[0].choose.strategy: is ['a']; known are " + ", ".join(sorted(NAMES.split(", ")))),
        ("{strategy: utility}", "8:23: $.routes[0].choose.candidates: is missing; add it"),
        (
            "{strategy: utility, candidates: []}",
            "8:55: $.routes[0].choose.candidates: needs at least 2, has 0; to ask one alias alone write `send`",
        ),
        ("{strategy: utility, candidates: [small, small]}", "8:55: $.routes[0].choose.candidates: asks 'small' twice; keep one"),
        (
            "{strategy: utility, candidates: [small, larg]}",
            "8:63: $.routes[0].choose.candidates[1]: no alias 'larg' in models; did you mean 'large'?",
        ),
        (
            "{strategy: utility, candidates: [small, {cascade: [small, large], gate: careful}]}",
            "8:63: $.routes[0].choose.candidates[1]: must be text, not a mapping",
        ),
        (
            "{strategy: utility, candidates: [small, large], wieghts: {}}",
            "8:71: $.routes[0].choose.wieghts: unknown key; did you mean 'weights'?",
        ),
        (
            "{strategy: utility, candidates: [small, large], weights: {price: 1}}",
            "8:81: $.routes[0].choose.weights.price: unknown key; known are cost, latency, quality",
        ),
        (
            "{strategy: utility, candidates: [small, large], weights: {quality: 0}}",
            "8:90: $.routes[0].choose.weights.quality: must be above 0, not 0",
        ),
        (
            "{strategy: multi_objective, candidates: [small, large], weights: {quality: 0, cost: 0, latency: 0}}",
            "8:88: $.routes[0].choose.weights: all weights are 0, so nothing counts; give one of them a weight",
        ),
        ("{strategy: quality_first, candidates: [small, large], floor: 85}", "8:84: $.routes[0].choose.floor: must be at most 1, not 85"),
        (
            "{strategy: utility, candidates: [small, large], unsure: {below: 0.5, take: small}}",
            "8:87: $.routes[0].choose.unsure.below: must be above 0.5, not 0.5",
        ),
        (
            "{strategy: utility, candidates: [small, large], unsure: {below: 0.6, take: 3}}",
            f"8:98: $.routes[0].choose.unsure.take: {TARGET}",
        ),
        (
            "{strategy: utility, candidates: [small, large], unsure: {below: 0.6, take: {cascade: [small, large]}}}",
            "8:98: $.routes[0].choose.unsure.take.gate: is missing; add it",
        ),
        (
            "{strategy: utility, candidates: [small, large], unsure: {below: 0.6, take: {cascade: [small, large], gate: carefull}}}",
            "8:130: $.routes[0].choose.unsure.take.gate: no gate 'carefull' in gates; did you mean 'careful'?",
        ),
        (
            "{strategy: utility, candidates: [small, large], unsure: {below: 0.6, take: {cascade: [small, larg], gate: careful}}}",
            "8:116: $.routes[0].choose.unsure.take.cascade[1]: no alias 'larg' in models; did you mean 'large'?",
        ),
        (
            "{strategy: utility, candidates: [small, large], unsure: {below: 0.6, take: {cascade: [small, small], gate: careful}}}",
            "8:108: $.routes[0].choose.unsure.take.cascade: asks 'small' twice; keep one",
        ),
        (
            "{strategy: thresholds, cuts: [0.7, 0.4], candidates: [small, large, small]}",
            "8:52: $.routes[0].choose.cuts: 0.7 before 0.4: the bands overlap; write the cuts in rising order",
        ),
        (
            "{strategy: thresholds, cuts: [0.4, 0.4], candidates: [small, large, small]}",
            "8:52: $.routes[0].choose.cuts: 0.4 before 0.4: the bands overlap; write the cuts in rising order",
        ),
        (
            "{strategy: thresholds, cuts: [0.4], candidates: [small, large], overrides: ["
            "{tasks: [Extraction, Rewrite], cuts: [0.9], candidates: [small, large]}, "
            "{tasks: [Rewrite], cuts: [0.1], candidates: [small, large]}]}",
            "8:98: $.routes[0].choose.overrides: Rewrite has bands twice; leave it in one place",
        ),
        (
            "{strategy: thresholds, cuts: [], candidates: [small]}",
            "8:52: $.routes[0].choose.cuts: needs at least 1, has 0",
        ),
        (
            "{strategy: thresholds, cuts: [0.4], candidates: []}",
            "8:71: $.routes[0].choose.candidates: 2 bands need 2 candidates, not 0; one for each band",
        ),
        (
            "{strategy: thresholds, cuts: [0.4, 0.7], candidates: [small, large]}",
            "8:76: $.routes[0].choose.candidates: 3 bands need 3 candidates, not 2; one for each band",
        ),
        (
            "{strategy: thresholds, by: complexity, cuts: [0.4], candidates: [small, large]}",
            f"8:50: $.routes[0].choose.by: no number is called 'complexity'; {MEASURES}",
        ),
        (
            "{strategy: thresholds, by: complexiti, cuts: [0.4], candidates: [small, large]}",
            "8:50: $.routes[0].choose.by: no number is called 'complexiti'; " + did_you_mean("complexiti", thresholds.MEASURES),
        ),
        (
            "{strategy: thresholds, cuts: [0.4], candidates: [small, {send: large}]}",
            f"8:79: $.routes[0].choose.candidates[1]: {TARGET}",
        ),
        (
            "{strategy: thresholds, cuts: [0.4], candidates: [small, {route: 4, gate: careful}]}",
            "8:90: $.routes[0].choose.candidates[1].gate: unknown key; known are route",
        ),
        (
            "{strategy: thresholds, cuts: [0.4], candidates: [small, large], overrides: [{tasks: [SQL]}]}",
            "8:108: $.routes[0].choose.overrides[0].tasks[0]: is 'SQL'; write "
            + ", ".join(f"'{task}'" for task in TASKS[:-1])
            + f" or '{TASKS[-1]}'",
        ),
        (
            "{strategy: split, arms: {a: {take: small, share: 0.5}, b: {take: large, share: 0.4}}}",
            "8:47: $.routes[0].choose.arms: the shares add up to 0.9; make them add up to 1",
        ),
        (
            "{strategy: split, arms: {a: {take: small, share: 1}, b: {take: large, share: 0.4}}}",
            "8:72: $.routes[0].choose.arms.a.share: must be below 1, not 1",
        ),
        (
            "{strategy: split, arms: {a: {take: small, share: 0.5}}}",
            "8:47: $.routes[0].choose.arms: needs at least 2, has 1; to ask one alias alone write `send`",
        ),
        (
            "{strategy: split, arms: {a: {take: smal, share: 0.5}, b: {take: large, share: 0.5}}}",
            "8:58: $.routes[0].choose.arms.a.take: no alias 'smal' in models; did you mean 'small'?",
        ),
        (
            "{strategy: per_caller, by: tear, map: {gold: large}, default: small}",
            "8:50: $.routes[0].choose.by: is 'tear'; write 'key_alias', 'team', 'user', 'end_user', 'tier' or 'tag'",
        ),
        (
            "{strategy: per_caller, by: tier, map: {}, default: small}",
            "8:61: $.routes[0].choose.map: needs at least 1, has 0; say who gets what, or use another strategy",
        ),
        ("{strategy: per_caller, by: tier, map: {gold: large}}", "8:23: $.routes[0].choose.default: is missing; add it"),
        (
            "{strategy: per_caller, by: tier, map: {gold: lrge}, default: small}",
            "8:68: $.routes[0].choose.map.gold: no alias 'lrge' in models; did you mean 'large'?",
        ),
        (
            "{strategy: per_caller, by: tier, map: {gold: {route: z}}, default: small}",
            "8:76: $.routes[0].choose.map.gold.route: no route 'z'; known are a",
        ),
    ],
)
def test_a_mistake_is_named_where_it_is(choose, problem):
    assert problems(choose)[-1] == f"p:{problem}"


SEND_LARGE = "{strategy: per_caller, by: tier, map: {gold: large}, default: large}"


def to(route: str) -> str:
    return f"{{strategy: per_caller, by: tier, map: {{gold: {{route: {route}}}}}, default: small}}"


def test_routes_do_not_go_in_circles():
    assert problems(to("a"), SEND_LARGE)[0] == (
        "p:8:76: $.routes[0].choose.map.gold.route: goes in circles: 'a' is this route itself; name a later route"
    )
    assert problems(to("b"), to("a")) == [
        "p:9:76: $.routes[1].choose.map.gold.route: goes in circles: 'a' is routes[0], before this one; name a later route"
    ]


def test_behind_a_route_that_takes_everything_only_those_count_that_it_leads_to():
    assert problems(to("c"), SEND_LARGE, SEND_LARGE) == [
        "p:9:5: $.routes[1]: unreachable: routes[0] takes every request; move this route up, or give that one a `when`"
    ]


def test_a_route_that_others_lead_to_leads_on():
    text = POOL + "".join(
        f"  - {{name: {name}, choose: {choose}}}\n" for name, choose in zip("abc", (to("b"), to("c"), SEND_LARGE), strict=True)
    )

    assert len(parse_policy(text).routes) == 3


def test_a_condition_that_is_never_asked_is_refused():
    text = POOL + f"  - {{name: a, choose: {to('b')}}}\n  - {{name: b, when: request.stream, send: large}}\n"

    with pytest.raises(PolicyError) as caught:
        parse_policy(text, name="p")

    assert caught.value.problems == ("p:9:21: $.routes[1].when: is never asked: behind routes[0] only other routes lead here; remove it",)


def test_what_a_strategy_weighs_must_be_known():
    pool = "{small: {tier: budget, quality: {code: 0.7}}, large: {tier: premium}}"
    choose = "{strategy: multi_objective, candidates: [small, large], weights: {cost: 0}}"

    with pytest.raises(PolicyError) as caught:
        parse_policy(f"version: 1\nname: x\nmodels: {pool}\nroutes: [{{name: a, choose: {choose}}}]\n", name="p")

    assert caught.value.problems == (
        "p:3:17: $.models.small: has no latency_ms, which 'multi_objective' weighs; add it",
        "p:3:17: $.models.small: has no quality.general, which 'multi_objective' weighs; add `quality: {general: ...}`",
        "p:3:62: $.models.large: has no latency_ms, which 'multi_objective' weighs; add it",
        "p:3:62: $.models.large: has no quality.general, which 'multi_objective' weighs; add `quality: {general: ...}`",
    )


def test_a_price_must_be_known_where_the_table_is_at_hand():
    choose = "{strategy: utility, candidates: [small, large], weights: {cost: 1}}"
    price = Price(input_usd_per_million=1.0, output_usd_per_million=2.0)

    assert problems(choose, table={"large": Known(price=price)}) == [
        "p:4:10: $.models.small: has no price here or in LiteLLM's table, which 'utility' weighs; add `price`"
    ]
    assert parse_policy(POOL + f"  - {{name: a, choose: {choose}}}\n").name == "example"
    assert (
        parse_policy(POOL + f"  - {{name: a, choose: {choose}}}\n", table={"large": Known(price=price), "small": Known(price=price)}).name
        == "example"
    )


def test_limits_give_way_in_an_order_that_names_them_all():
    text = POOL.replace("routes:", "constraints: {relax: [cost, quality]}\nroutes:") + "  - {name: a, send: small}\n"

    with pytest.raises(PolicyError) as caught:
        parse_policy(text, name="p")

    assert caught.value.problems == ("p:7:22: $.constraints.relax: must name latency, cost and quality, each once",)


def test_there_are_eight_strategies():
    assert ", ".join(STRATEGIES) == NAMES
