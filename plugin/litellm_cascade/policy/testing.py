"""Tests that stand beside a policy: given this evidence, expect that decision.

```yaml
policy: balanced.yaml
cases:
  - name: a picture goes to the large model
    given: {signals: {modalities: [text, image]}}
    expect: {band: large, ladder: [large]}
```
``given`` has the names that conditions have; what it leaves out is unknown. A case without ``classification`` was not classified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy.deciding import Policy
from litellm_cascade.policy.loader import load_policy
from litellm_cascade.policy.problems import policy_error
from litellm_cascade.policy.source import open_source
from litellm_cascade.policy.strict import Label, Strict
from litellm_cascade.policy.validation import shaped
from litellm_cascade.vocabulary import (
    UNCLASSIFIED,
    Band,
    Caller,
    Classification,
    Constraints,
    Decision,
    Endpoint,
    Envelope,
    Evidence,
    Load,
    Overrides,
    Session,
    Signals,
)


class GivenRequest(Strict):
    """The outside of the request."""

    endpoint: Annotated[Endpoint, Field(strict=False)] = Endpoint.CHAT
    requested_model: str = "auto"
    stream: bool = False


def _given(noun: type[Any]) -> type[BaseModel]:
    """A noun of the vocabulary as it may be written in YAML: the same fields, lists for tuples, no unknown keys."""
    hints = get_type_hints(noun)
    written: Mapping[str, Any] = {field.name: (hints[field.name], getattr(noun(), field.name)) for field in fields(noun)}
    return create_model(f"Given{noun.__name__}", __config__=ConfigDict(extra="forbid", frozen=True), **written)


class Given(Strict):
    """Evidence, as far as the case cares."""

    request: GivenRequest = GivenRequest()
    caller: _given(Caller) | None = None  # type: ignore[valid-type]
    signals: _given(Signals) | None = None  # type: ignore[valid-type]
    classification: _given(Classification) | None = None  # type: ignore[valid-type]
    constraints: _given(Constraints) | None = None  # type: ignore[valid-type]
    overrides: _given(Overrides) | None = None  # type: ignore[valid-type]
    session: _given(Session) | None = None  # type: ignore[valid-type]
    load: Mapping[str, _given(Load)] = Field(default_factory=dict, description="By alias; an alias that is left out is idle.")  # type: ignore[valid-type]
    direct_only: str | None = Field(default=None, description="Why the request cannot pass through a cascade.")

    def evidence(self, case: str) -> Evidence:
        """The evidence a policy would see."""
        envelope = Envelope(request_id=case, policy="", **self.request.model_dump())
        return Evidence(
            envelope=envelope,
            caller=Caller(**_written(self.caller)),
            signals=Signals(**_written(self.signals)),
            classification=Classification(**_written(self.classification)) if self.classification is not None else UNCLASSIFIED,
            constraints=Constraints(**_written(self.constraints)),
            load={alias: Load(**_written(given)) for alias, given in self.load.items()},
            direct_only=self.direct_only,
            overrides=Overrides(**_written(self.overrides)),
            session=Session(**_written(self.session)),
        )


class Expected(Strict):
    """What must come out; what is left out may be anything."""

    route: str | None = None
    band: Annotated[Band | None, Field(strict=False)] = None
    ladder: Annotated[tuple[str, ...] | None, Field(strict=False)] = None
    gate: str | None = None
    hedge: bool | None = None
    carry_over: bool | None = None
    picked_by: str | None = Field(default=None, description="How an ensemble's answer is picked: vote, longest or judge.")
    degraded: Annotated[tuple[str, ...] | None, Field(strict=False)] = None


class Case(Strict):
    """One named example."""

    name: Label
    given: Given = Given()
    expect: Expected


class PolicyTests(Strict):
    """A ``*_test.yaml`` file."""

    policy: str = Field(description="The policy file, relative to this one.")
    cases: Annotated[tuple[Case, ...], Field(strict=False, min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """How one case went. ``differences`` has one sentence for each expectation that was not met."""

    file: str
    case: str
    decision: Decision
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """True when the decision is the expected one."""
        return not self.differences


def run_policy_tests(path: str | Path) -> list[CaseResult]:
    """The cases of one ``*_test.yaml`` file, or of all those in a folder.

    Raises PolicyError when a test file or the policy it names cannot be used.
    """
    files = case_files(path) if Path(path).is_dir() else [Path(path)]
    return [result for file in files for result in _run(file)]


def case_files(folder: str | Path) -> list[Path]:
    """The files of a folder that hold cases."""
    return [path for path in sorted(Path(folder).glob("*.yaml")) if holds_cases(path)]


def policy_files(folder: str | Path) -> list[Path]:
    """The files of a folder that hold policies: all the others."""
    return [path for path in sorted(Path(folder).glob("*.yaml")) if not holds_cases(path)]


def holds_cases(path: Path) -> bool:
    """Whether a file is a ``*_test.yaml`` of cases. A policy may be called ``ab_test``, so the name alone does not tell."""
    if not path.name.endswith("_test.yaml"):
        return False
    try:
        raw = open_source(path).raw
    except PolicyError:
        return True  # whoever runs it is told what is wrong
    return not isinstance(raw, dict) or "routes" not in raw


def _run(file: Path) -> list[CaseResult]:
    source = open_source(file)
    tests, problems = shaped(source.raw, PolicyTests)
    if tests is None or source.problems:
        raise policy_error(source, [*source.problems, *problems])
    policy = load_policy(file.parent / tests.policy)
    return [_try(str(file), policy, case) for case in tests.cases]


def _try(file: str, policy: Policy, case: Case) -> CaseResult:
    decision = policy.decide(case.given.evidence(case.name))
    return CaseResult(file=file, case=case.name, decision=decision, differences=_differences(case.expect, decision))


def _differences(expected: Expected, decision: Decision) -> tuple[str, ...]:
    got = {
        "route": decision.route,
        "band": decision.band,
        "ladder": decision.ladder,
        "gate": decision.gate.name if decision.gate else None,
        "hedge": decision.hedge,
        "carry_over": decision.carry_over,
        "picked_by": decision.ensemble.by if decision.ensemble else None,
        "degraded": decision.degraded,
    }
    asked = {name: getattr(expected, name) for name in got if name in expected.model_fields_set}
    return tuple(f"{name}: expected {_shown(want)}, got {_shown(got[name])}" for name, want in asked.items() if want != got[name])


def _shown(value: Any) -> str:
    return repr(value.value if isinstance(value, Band) else list(value) if isinstance(value, tuple) else value)


def _written(given: BaseModel | None) -> dict[str, Any]:
    return {} if given is None else given.model_dump()
