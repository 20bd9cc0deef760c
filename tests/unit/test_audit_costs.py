"""What a request cost, and what it would have cost."""

import pytest

from litellm_cascade.audit import costs_of
from litellm_cascade.vocabulary import AliasFacts, Attempt, Basis, Costs, Outcome, Reason, Usage

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


def costs(*attempts, basis=BASIS):
    return costs_of(Outcome(alias="large", reason=Reason.DIRECT, attempts=attempts), basis)


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
