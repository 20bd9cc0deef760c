"""The ``gates:`` section: when an answer is good enough to be served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Discriminator, Field, Tag, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from litellm_cascade.policy.strict import Label, Strict
from litellm_cascade.vocabulary import Abstention, Calibration, Consulting, Gate, StreamJudging

AlsoEscalate = Literal["empty", "truncated", "refused", "invalid_json", "invalid_tool_call", "language_mismatch"]
Consulted = Literal["self_check", "agreement"]
"""Scores that take further calls of the model."""
Score = Literal["mean", "min", "sum", "quantile", "lowest_group", "margin", "entropy", Consulted]
WINDOW = 16
"""Tokens that `lowest_group` takes together where the policy says nothing."""
FRACTIONS = frozenset({"margin", "entropy", *get_args(Consulted)})
"""Scores between 0 and 1; the others are log-probabilities in nats, at most 0."""


class ConfidenceRule(Strict):
    """Which number says how sure the model was, and over which of its tokens."""

    score: Score = Field(
        default="mean",
        description="How sure the model was. In nats, 0 is certain: mean, min, sum, quantile, lowest_group. Between 0 and 1, 1 is certain: "
        "margin, entropy, and with further calls of the model self_check, agreement.",
    )
    of: Literal["all", "answer", "reasoning_and_answer", "tool_arguments", "json_values", "numbers"] = Field(
        default="reasoning_and_answer", description="The tokens that are scored."
    )
    q: float = Field(default=0.1, ge=0, le=1, description="Which quantile the score `quantile` takes.")
    window: int = Field(default=WINDOW, ge=1, le=4096, description="How many neighbouring tokens the score `lowest_group` takes together.")


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


class ConsultRule(Strict):
    """The further calls of the model behind `self_check` and `agreement`."""

    accept_at: float = Field(
        default=0.5, ge=0, le=1, description="Where `unknown` names one of the two: answers it gives this or more are served."
    )
    samples: int = Field(default=5, ge=1, le=20, description="How many more answers `agreement` asks for.")
    max_tokens: int = Field(default=256, ge=1, le=4096, description="The most tokens of one of them.")
    within_ms: float = Field(default=10_000.0, gt=0, description="Milliseconds for all calls of one kind together.")
    failed: Literal["accept", "escalate"] = Field(
        default="accept", description="Where `unknown` names one of the two: what to do when it comes to nothing."
    )


_SCORED_BY_A_FRACTION = {"properties": {"score": {"enum": sorted(FRACTIONS)}}, "required": ["score"]}
_CALIBRATED = {"properties": {"calibration": {"not": {"type": "null"}}}, "required": ["calibration"]}


def _within(**bounds: float) -> dict[str, Any]:
    return {"properties": {"accept_at": bounds, "abstain": {"properties": {"below": bounds}}}}


_RANGES: dict[str, Any] = {
    "if": {"anyOf": [_CALIBRATED, {"properties": {"confidence": _SCORED_BY_A_FRACTION}, "required": ["confidence"]}]},
    "then": _within(minimum=0, maximum=1),
    "else": _within(maximum=0),
}
"""What ``accept_at`` and ``abstain.below`` may be, for editors."""


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
        description="Answers at this or more are served. Nats, at most 0, e.g. -0.35; for the other scores between 0 and 1; with a "
        "calibration a probability, e.g. 0.8.",
    )
    unknown: Literal["accept", "escalate", Consulted] = Field(
        default="accept",
        description="What to do with an answer that has no score, as when its provider sends no log-probabilities: accept it, escalate, "
        "or ask the model again (self_check, agreement).",
    )
    consult: ConsultRule = ConsultRule()
    also_escalate: Annotated[tuple[AlsoEscalate, ...], Field(strict=False)] = Field(
        default=(), description="Answers that go on to the next rung whatever they score."
    )
    abstain: AbstainRule | None = Field(default=None, description="When even the last rung's answer is not good enough.")
    stream: Annotated[StreamRule, Field(validate_default=True)] = StreamRule()
    deadline: DeadlineRule = DeadlineRule()

    @field_validator("calibration")
    @classmethod
    def _knows_the_score(cls, calibration: Any, info: ValidationInfo) -> Any:
        confidence = info.data.get("confidence")
        if calibration is None or confidence is None:
            return calibration
        if confidence.score == "quantile" or (confidence.score == "lowest_group" and confidence.window != WINDOW):
            sentence = (
                f"a calibration knows scores by name, not their q or window; write mean, min, sum or lowest_group with window {WINDOW}"
            )
            raise PydanticCustomError("unknown_to_calibrations", "{sentence}", {"sentence": sentence})
        return calibration

    @field_validator("accept_at")
    @classmethod
    def _in_range(cls, accept_at: float, info: ValidationInfo) -> float:
        return _in_reach(accept_at, "accept_at", info)

    @field_validator("unknown")
    @classmethod
    def _another_way(cls, unknown: str, info: ValidationInfo) -> str:
        confidence = info.data.get("confidence")
        if confidence is not None and unknown == confidence.score:
            raise PydanticCustomError(
                "not_another_way",
                "{score} is the score already, and this says what to do when that comes to nothing; write accept, escalate or {other}",
                {"score": unknown, "other": next(kind for kind in get_args(Consulted) if kind != unknown)},
            )
        return unknown

    @field_validator("stream")
    @classmethod
    def _whole_where_answers_are_compared(cls, stream: StreamRule, info: ValidationInfo) -> StreamRule:
        confidence, unknown = info.data.get("confidence"), info.data.get("unknown")
        if stream.judge == "prefix" and "agreement" in (unknown, confidence and confidence.score):
            raise PydanticCustomError(
                "no_answer_yet", "agreement compares whole answers, and a prefix has none yet; write stream: {judge: full} or {judge: off}"
            )
        return stream

    @field_validator("abstain")
    @classmethod
    def _below_in_range(cls, abstain: AbstainRule | None, info: ValidationInfo) -> AbstainRule | None:
        if abstain is not None and abstain.below is not None:
            _in_reach(abstain.below, "below", info)
        return abstain

    @field_validator("also_escalate")
    @classmethod
    def _in_one_order(cls, reasons: tuple[AlsoEscalate, ...]) -> tuple[AlsoEscalate, ...]:
        return tuple(sorted(set(reasons)))

    def named(self, name: str, calibrations: Mapping[str, Calibration] | None = None, *, largest: str | None = None) -> Gate:
        """The gate as the cascade uses it. ``calibrations`` by alias, from the files it names; ``largest``: the alias of the pool that
        answers when even the last rung is in doubt.
        """
        consult = self.consult
        kinds = tuple(kind for kind in (self.confidence.score, self.unknown) if kind in get_args(Consulted))
        return Gate(
            name=name,
            score=self.confidence.score,
            of=self.confidence.of,
            q=self.confidence.q,
            window=self.confidence.window,
            accept_at=self.accept_at,
            unknown=consult.failed if self.unknown in get_args(Consulted) else self.unknown,
            consulting=Consulting(
                kinds=kinds,
                accept_at=consult.accept_at,
                samples=consult.samples,
                max_tokens=consult.max_tokens,
                within_ms=consult.within_ms,
            ),
            also_escalate=frozenset(self.also_escalate),
            abstain=self.abstain.over(self.accept_at, largest) if self.abstain is not None else None,
            stream=StreamJudging(judge=self.stream.judge, tokens=self.stream.tokens, within_ms=self.stream.within_ms),
            whole_within_ms=self.deadline.whole_ms,
            first_chunk_within_ms=self.deadline.first_chunk_ms,
            calibrations=calibrations or {},
        )


def _in_reach(bound: float, name: str, info: ValidationInfo) -> float:
    """The bound, if what is compared with it can reach it. Nothing is said where that is itself wrong, which is told already."""
    if not {"confidence", "calibration"} <= info.data.keys():
        return bound
    score, calibrated = info.data["confidence"].score, info.data["calibration"] is not None
    if calibrated and not 0 <= bound <= 1:
        raise _out_of_reach(f"{name} is compared with a probability here, between 0 and 1, for the gate is calibrated")
    if not calibrated and score in FRACTIONS and not 0 <= bound <= 1:
        raise _out_of_reach(f"{name} is compared with the score {score}, which lies between 0 and 1; write e.g. 0.7")
    if not calibrated and score not in FRACTIONS and bound > 0:
        raise _out_of_reach(f"{name} is compared with a log-probability in nats, which is never above 0; write e.g. -0.35")
    return bound


def _out_of_reach(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("out_of_reach", "{sentence}", {"sentence": sentence})
