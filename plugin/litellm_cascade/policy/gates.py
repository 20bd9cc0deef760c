"""The ``gates:`` section: when an answer is good enough to be served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, ValidationInfo, field_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from litellm_cascade.policy.strict import Label, Strict
from litellm_cascade.vocabulary import Calibration, Gate, StreamJudging

AlsoEscalate = Literal["empty", "truncated"]


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
    "then": {"properties": {"accept_at": {"minimum": 0, "maximum": 1}}},
    "else": {"properties": {"accept_at": {"maximum": 0}}},
}
"""What ``accept_at`` may be, for editors."""


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
    stream: StreamRule = StreamRule()
    deadline: DeadlineRule = DeadlineRule()

    @field_validator("accept_at")
    @classmethod
    def _in_range(cls, accept_at: float, info: ValidationInfo) -> float:
        if info.data.get("calibration", "wrong in itself") is not None:
            if not 0 <= accept_at <= 1 and "calibration" in info.data:
                raise PydanticCustomError(
                    "not_a_probability", "accept_at is compared with a probability here, between 0 and 1, for the gate is calibrated"
                )
        elif accept_at > 0:
            raise PydanticCustomError(
                "not_a_log_probability", "accept_at is compared with a log-probability in nats, which is never above 0; write e.g. -0.35"
            )
        return accept_at

    @field_validator("also_escalate")
    @classmethod
    def _in_one_order(cls, reasons: tuple[AlsoEscalate, ...]) -> tuple[AlsoEscalate, ...]:
        return tuple(sorted(set(reasons)))

    def named(self, name: str, calibrations: Mapping[str, Calibration] | None = None) -> Gate:
        """The gate as the cascade uses it. ``calibrations`` by alias, from the files it names."""
        return Gate(
            name=name,
            score=self.confidence.score,
            of=self.confidence.of,
            accept_at=self.accept_at,
            unknown=self.unknown,
            also_escalate=frozenset(self.also_escalate),
            stream=StreamJudging(judge=self.stream.judge, tokens=self.stream.tokens, within_ms=self.stream.within_ms),
            whole_within_ms=self.deadline.whole_ms,
            first_chunk_within_ms=self.deadline.first_chunk_ms,
            calibrations=calibrations or {},
        )
