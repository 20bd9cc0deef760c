"""What a request cost, and what it would have cost."""

import pytest

from litellm_cascade.audit import costs_of
from litellm_cascade.vocabulary import AliasFacts, Asked, Attempt, Basis, Costs, Outcome, Reason, Usage

BASIS = Basis(
    aliases={
        "small": AliasFacts(input_usd_per_million=1.0, output_usd_per_million=2.0),
        "large": AliasFacts(input_usd_per_million=10.0, output_usd_per_million=20.0),
        "free": AliasFacts(),
    },
    smallest="small",
    largest="large",
)
USED = Usage(input_tokens=1000, output_tokens=100)


def costs(*attempts, basis=BASIS, asked=()):
    return costs_of(Outcome(alias="large", reason=Reason.DIRECT, attempts=attempts), basis, asked)


def test_a_cascade_costs_what_all_its_rungs_cost_and_is_compared_on_the_served_tokens():
    small = Attempt(rung=0, alias="small", cost_usd=0.5, usage=Usage(input_tokens=1000, output_tokens=7))
    large = Attempt(rung=1, alias="large", cost_usd=2.0, usage=USED, served=True)
    assert costs(small, large) == Costs(actual_usd=2.5, all_small_usd=0.0012, all_large_usd=0.012)


@pytest.mark.parametrize(
    ("attempts", "basis", "expected"),
    [
        ((), BASIS, Costs(actual_usd=0)),
        ((Attempt(rung=0, alias="small"),), BASIS, Costs()),
        ((Attempt(rung=0, alias="small", error="Timeout"),), BASIS, Costs(actual_usd=0.0)),
        ((Attempt(rung=0, alias="small", served=True),), BASIS, Costs()),
        ((Attempt(rung=0, alias="small", served=True, usage=Usage(), cost_usd=0.0),), BASIS, Costs(actual_usd=0.0)),
        ((Attempt(rung=0, alias="small", usage=USED, served=True, cost_usd=1.0),), Basis(smallest="small"), Costs(actual_usd=1.0)),
        (
            (Attempt(rung=0, alias="small", usage=USED, served=True, cost_usd=1.0),),
            Basis(aliases={"free": AliasFacts()}, largest="free"),
            Costs(actual_usd=1.0),
        ),
    ],
    ids=["nobody was asked", "no bill", "failed without a bill", "no usage", "no tokens", "no alias", "no prices"],
)
def test_what_is_not_known_is_not_guessed(attempts, basis, expected):
    assert costs(*attempts, basis=basis) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((), Costs(actual_usd=2.0, classifier_usd=0.0)),
        ((Asked(cost_usd=0.25), Asked(cost_usd=0.5)), Costs(actual_usd=2.75, classifier_usd=0.75)),
        ((Asked(cost_usd=0.25), Asked(usage=USED)), Costs(actual_usd=None, classifier_usd=None)),
    ],
    ids=["nobody was asked", "each answer counts", "one without a price"],
)
def test_what_a_classifier_asks_is_part_of_the_requests_costs(asked, expected):
    assert costs(Attempt(rung=0, alias="large", cost_usd=2.0, served=True), asked=asked) == expected


def test_a_classifier_is_paid_for_even_where_nobody_answers():
    assert costs(asked=(Asked(cost_usd=0.25),)) == Costs(actual_usd=0.25, classifier_usd=0.25)
