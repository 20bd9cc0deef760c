import pytest

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.simulated.deployment import Deployment, Faults, parse_deployment

SETTINGS = "fail, hang, refuse, truncate, omit_logprobs, latency_ms, seed or after"


def test_a_bare_role_has_no_faults() -> None:
    assert parse_deployment("sql") == Deployment(role="sql")


def test_every_setting_is_read() -> None:
    name = "small?fail=0.1&hang=0&refuse=0.05&truncate=1&omit_logprobs=1&latency_ms=0&seed=7&after=12"
    faults = Faults(fail=0.1, refuse=0.05, truncate=1.0)
    assert parse_deployment(name) == Deployment(role="small", faults=faults, omit_logprobs=True, latency_ms=0.0, seed=7, after=12)


@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("tiny", ["there is no simulated role 'tiny'; use small, sql or large."]),
        ("", ["there is no simulated role ''; use small, sql or large."]),
        ("small?fial=1", [f"'fial' is not a setting; use {SETTINGS}."]),
        ("small?fail", ["'fail' is not of the form setting=value."]),
        ("small?seed=1&", ["'' is not of the form setting=value."]),
        ("small?fail=0&fail=1", ["'fail' is given 2 times; give it once."]),
        ("small?fail=1.1", ["fail must be a probability from 0 to 1, not '1.1'."]),
        ("small?hang=nan", ["hang must be a probability from 0 to 1, not 'nan'."]),
        ("small?refuse=", ["refuse must be a probability from 0 to 1, not ''."]),
        ("small?omit_logprobs=yes", ["omit_logprobs must be 0 or 1, not 'yes'."]),
        ("small?latency_ms=-1", ["latency_ms must be milliseconds from 0 to 600000, not '-1'."]),
        ("small?latency_ms=inf", ["latency_ms must be milliseconds from 0 to 600000, not 'inf'."]),
        ("small?seed=1.5", ["seed must be a whole number, 0 or more, not '1.5'."]),
        ("small?after=-1", ["after must be a number of tokens, 0 or more, not '-1'."]),
        ("tiny?fial=1", ["there is no simulated role 'tiny'; use small, sql or large.", f"'fial' is not a setting; use {SETTINGS}."]),
    ],
)
def test_what_cannot_be_read_is_said_all_at_once(name: str, problems: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_deployment(name)
    assert list(caught.value.problems) == [f"simulated/{name}: {problem}" for problem in problems]
