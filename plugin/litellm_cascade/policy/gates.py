"""The ``gates:`` section: when an answer is good enough to be served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, ValidationInfo, field_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from litellm_cascade.policy.strict import Label, Strict
from litellm_cascade.vocabulary import Abstention, Calibration, Gate, StreamJudging

AlsoEscalate = Literal["empty", "truncated", "refused", "invalid_json", "invalid_tool_call", "language_mismatch"]


class ConfidenceRule(Strict):
    """Which number says how sure the model was, and over which of its tokens."""

    score: Literal["mean", "min", "sum"] = Field(
        default="mean", description="Mean, smallest or sum of the tokens' log-probabilities, in nats (0 is certain)."
    )
    of: Literal["all", "answer", "reasoning_and_answer"] = Field(default="reasoning_and_answer", description="The tokens that are scored.")


class StreamRule(Strict):
    """How a stream is judged, since nothing that was shown can be taken back."""

    judge: Literal["prefix", "full", "off"] = Field(
        default="prefix", description="Hold back the first tokens and judge them; hold back everything; or do not judge streams."
    )
    tokens: int = Field(default=24, ge=1, le=4096, description="How many tokens are held back and judged.")
    within_ms: float = Field(default=400.0, gt=0, description="Milliseconds after which the tokens that have arrived are judged.")


class DeadlineRule(Strict):
    """How long a rung may take before the next one is asked."""

    whole_ms: float = Field(default=120_000.0, gt=0, description="Milliseconds for a whole answer.")
    first_chunk_ms: float = Field(default=30_000.0, gt=0, description="Milliseconds until a stream's first chunk.")


def _one_or_several(calibration: Any) -> str:
    return "several" if isinstance(calibration, dict) else "one"


CalibrationFiles = Annotated[
    Annotated[str, Tag("one")] | Annotated[dict[Label, str], Tag("several"), Field(min_length=1)], Discriminator(_one_or_several)
]
"""The file of the one alias that is judged, or a file for each."""


_RANGES: JsonDict = {
    "if": {"required": ["calibration"], "properties": {"calibration": {"not": {"type": "null"}}}},
    "then": {"properties": {"accept_at": {"minimum": 0, "maximum": 1}, "abstain": {"properties": {"below": {"minimum": 0, "maximum": 1}}}}},
    "else": {"properties": {"accept_at": {"maximum": 0}, "abstain": {"properties": {"below": {"maximum": 0}}}}},
}
"""What ``accept_at`` and ``abstain.below`` may be, for editors."""


class AbstainRule(Strict):
    """What to do when even the last rung's answer is not good enough. Without it, that answer is served unjudged."""

    below: float | None = Field(
        default=None,
        description="The last rung's answers below this are doubtful, and those with a defect of also_escalate. Default: accept_at.",
    )
    then: Literal["large", "flag", "error"] = Field(
        description="Ask the pool's largest alias too, unjudged; serve the answer with a header that says so; or answer with an error."
    )

    def over(self, accept_at: float, largest: str | None) -> Abstention:
        """The rule as the cascade uses it."""
        below = accept_at if self.below is None else self.below
        return Abstention(below=below, then=self.then, large=largest if self.then == "large" else None)


def _check_range(what: str, threshold: float, info: ValidationInfo, example: str) -> None:
    """A probability where the gate is calibrated, else a log-probability. Nothing is said where ``calibration`` itself is wrong."""
    calibrated = info.data.get("calibration") is not None
    if calibrated and not 0 <= threshold <= 1:
        sentence = f"{what} is compared with a probability here, between 0 and 1, for the gate is calibrated"
        raise PydanticCustomError("not_a_probability", "{sentence}", {"sentence": sentence})
    if not calibrated and "calibration" in info.data and threshold > 0:
        sentence = f"{what} is compared with a log-probability in nats, which is never above 0; write e.g. {example}"
        raise PydanticCustomError("not_a_log_probability", "{sentence}", {"sentence": sentence})


class GateRule(Strict):
    """One gate: a score, the value from which it is accepted, and what else counts."""

    model_config = ConfigDict(json_schema_extra=_RANGES)

    confidence: ConfidenceRule = ConfidenceRule()
    calibration: CalibrationFiles | None = Field(
        default=None,
        description="JSON files of `cascade calibrate`, relative to this policy: one, or alias: file. accept_at is then a probability.",
    )
    strict: bool = Field(default=False, description="Refuse to load without a calibration for each alias that is judged here.")
    accept_at: float = Field(
        description="Answers at this or more are served. Nats, at most 0, e.g. -0.35; with a calibration a probability, e.g. 0.8."
    )
    unknown: Literal["accept", "escalate"] = Field(
        default="accept", description="What to do with an answer whose provider sends no log-probabilities."
    )
    also_escalate: Annotated[tuple[AlsoEscalate, ...], Field(strict=False)] = Field(
        default=(), description="Answers that go on to the next rung whatever they score."
    )
    abstain: AbstainRule | None = Field(default=None, description="When even the last rung's answer is not good enough.")
    stream: StreamRule = StreamRule()
    deadline: DeadlineRule = DeadlineRule()

    @field_validator("accept_at")
    @classmethod
    def _in_range(cls, accept_at: float, info: ValidationInfo) -> float:
        _check_range("accept_at", accept_at, info, "-0.35")
        return accept_at

    @field_validator("abstain")
    @classmethod
    def _below_in_range(cls, abstain: AbstainRule | None, info: ValidationInfo) -> AbstainRule | None:
        if abstain is not None and abstain.below is not None:
            _check_range("below", abstain.below, info, "-1.5")
        return abstain

    @field_validator("also_escalate")
    @classmethod
    def _in_one_order(cls, reasons: tuple[AlsoEscalate, ...]) -> tuple[AlsoEscalate, ...]:
        return tuple(sorted(set(reasons)))

    def named(self, name: str, calibrations: Mapping[str, Calibration] | None = None, *, largest: str | None = None) -> Gate:
        """The gate as the cascade uses it. ``calibrations`` by alias, from the files it names; ``largest``: the alias of the pool that
        answers when even the last rung is in doubt.
        """
        return Gate(
            name=name,
            score=self.confidence.score,
            of=self.confidence.of,
            accept_at=self.accept_at,
            unknown=self.unknown,
            also_escalate=frozenset(self.also_escalate),
            abstain=self.abstain.over(self.accept_at, largest) if self.abstain is not None else None,
            stream=StreamJudging(judge=self.stream.judge, tokens=self.stream.tokens, within_ms=self.stream.within_ms),
            whole_within_ms=self.deadline.whole_ms,
            first_chunk_within_ms=self.deadline.first_chunk_ms,
            calibrations=calibrations or {},
        )
