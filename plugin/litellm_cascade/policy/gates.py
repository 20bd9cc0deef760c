"""The ``gates:`` section: when an answer is good enough to be served."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from litellm_cascade.policy.strict import Strict
from litellm_cascade.vocabulary import Abstention, Gate, StreamJudging

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


class AbstainRule(Strict):
    """What to do when even the last rung's answer is not good enough. Without it, that answer is served unjudged."""

    below: float | None = Field(
        default=None,
        description="The last rung's answers that score less are doubtful, and those with a defect of also_escalate. Default: accept_at.",
        json_schema_extra={"maximum": 0},
    )
    then: Literal["large", "flag", "error"] = Field(
        description="Ask the pool's largest alias too, unjudged; serve the answer with a header that says so; or answer with an error."
    )

    @field_validator("below")
    @classmethod
    def _a_log_probability(cls, below: float | None) -> float | None:
        if below is not None and below > 0:
            raise PydanticCustomError(
                "not_a_log_probability", "below is compared with a log-probability in nats, which is never above 0; write e.g. -1.5"
            )
        return below

    def over(self, accept_at: float, largest: str | None) -> Abstention:
        """The rule as the cascade uses it."""
        below = accept_at if self.below is None else self.below
        return Abstention(below=below, then=self.then, large=largest if self.then == "large" else None)


class GateRule(Strict):
    """One gate: a score, the value from which it is accepted, and what else counts."""

    confidence: ConfidenceRule = ConfidenceRule()
    accept_at: float = Field(
        description="Answers scoring this or more are served; nats, at most 0, e.g. -0.35.", json_schema_extra={"maximum": 0}
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
    def _a_log_probability(cls, accept_at: float) -> float:
        if accept_at > 0:
            raise PydanticCustomError(
                "not_a_log_probability", "accept_at is compared with a log-probability in nats, which is never above 0; write e.g. -0.35"
            )
        return accept_at

    @field_validator("also_escalate")
    @classmethod
    def _in_one_order(cls, reasons: tuple[AlsoEscalate, ...]) -> tuple[AlsoEscalate, ...]:
        return tuple(sorted(set(reasons)))

    def named(self, name: str, *, largest: str | None = None) -> Gate:
        """The gate as the cascade uses it. ``largest``: the alias of the pool that answers when even the last rung is in doubt."""
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
        )
