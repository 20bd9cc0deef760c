"""What the models said, how it was judged, and how the request ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import fsum
from typing import NamedTuple


def total_of(costs: Sequence[float | None]) -> float | None:
    """A sum that is unknown as soon as one of its parts is."""
    known = [cost for cost in costs if cost is not None]
    return fsum(known) if len(known) == len(costs) else None


class TokenLogprob(NamedTuple):
    """One generated token. ``logprob`` in nats, <= 0; ``top`` the alternatives' log-probabilities, best first, this token's included.

    A named tuple, because an answer has hundreds, and a frozen dataclass takes twice as long to make.
    """

    token: str
    logprob: float
    top: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model called; ``arguments`` is the text it wrote, which ought to be JSON. ``id`` where somebody needs it."""

    name: str
    arguments: str = "{}"
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens in and out, as the provider counted them."""

    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """An answer, whole or the part of it that has arrived. ``tokens`` is None when the provider sends no log-probabilities."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    refused: bool = False  # the provider says so, in a field of its own
    tokens: tuple[TokenLogprob, ...] | None = None
    finish_reason: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """How sure the model was. ``score`` is None when there was nothing to score: unknown is not low.

    With a ``calibration`` (its id) the threshold is a ``probability``, that the answer is right or no worse than the next rung's;
    None where the calibration cannot say.
    """

    name: str
    score: float | None
    threshold: float
    tokens: int = 0
    probability: float | None = None
    calibration: str | None = None

    @property
    def value(self) -> float | None:
        """What is compared with the threshold."""
        return self.score if self.calibration is None else self.probability

    @property
    def band(self) -> str:
        """``high`` at or above the threshold, ``low`` below it, ``unknown`` without a value: for searches by equality."""
        if self.value is None:
            return "unknown"
        return "high" if self.value >= self.threshold else "low"


class Verdict(StrEnum):
    """What becomes of an answer."""

    ACCEPT = "accept"
    ESCALATE = "escalate"
    ABSTAIN = "abstain"  # not good enough, and no rung above


class Reason(StrEnum):
    """Why, from a closed list: a metric label and a search term."""

    CONFIDENT = "confident"
    LOW_CONFIDENCE = "low_confidence"
    UNKNOWN_CONFIDENCE = "unknown_confidence"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    INVALID_JSON = "invalid_json"
    INVALID_TOOL_CALL = "invalid_tool_call"
    LANGUAGE_MISMATCH = "language_mismatch"
    ERROR = "error"
    TIMEOUT = "timeout"
    LAST_RUNG = "last_rung"
    NOT_JUDGED = "not_judged"
    DIRECT = "direct"
    VOTE = "vote"  # how one answer of an ensemble was picked
    LONGEST = "longest"
    JUDGE = "judge"
    KEPT_EARLIER = "kept_earlier"  # a later rung failed or said nothing, so the best earlier answer is served
    CLIENT_GONE = "client_gone"
    CACHED = "cached"  # LiteLLM's response cache had the answer: no model was asked
    OVER_BUDGET = "over_budget"  # the policy's limits leave no escalation for an answer like this one
    RUNG_OPEN = "rung_open"  # the rungs above are ill, so this answer was kept
    NO_ACCESS = "no_access"  # the caller's key may call no alias that was chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict with its reason and the confidence behind it. ``degraded`` names what could not be judged."""

    verdict: Verdict
    reason: Reason
    confidence: Confidence | None = None
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Consultation:
    """How sure a rung's model said it was when it was asked again. ``score`` lies in 0..1; None: it did not say, or not in time."""

    kind: str  # self_check | agreement
    score: float | None = None
    calls: int = 1
    usage: Usage | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One rung that was asked, as it ended. ``usage`` and ``cost_usd`` are those of its answer and its consultations together.

    Times in milliseconds; None where nothing was held back, or nothing collapsed.
    """

    rung: int
    alias: str
    judgement: Judgement | None = None
    error: str | None = None  # the exception's class name, never its message
    usage: Usage | None = None
    cost_usd: float | None = None
    dropped: tuple[str, ...] = ()  # parameters that the alias's deployments refuse: left out, or a limit lowered
    consultations: tuple[Consultation, ...] = ()
    served: bool = False
    spare: bool = False  # asked beside another and not for want of a better answer: a hedge nobody needed, the members of an ensemble
    hold_ms: float | None = None  # how long the first text of a stream was held back for its verdict
    late_regret: float | None = None  # the lowest score of what followed the release, where that fell below the threshold


CHOOSY_BELOW = 0.5
"""What must be left of a budget for every escalation to be granted; below it, the least confident go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLeft:
    """What one limit still allowed when it was last asked for a request. ``remaining_ratio``: 1 is all of it, 0 nothing."""

    limit: str
    remaining_ratio: float
    shared: bool = False  # whether other processes' consumption is in it

    @property
    def band(self) -> str:
        """``within``; ``short`` when not every escalation is granted; ``over`` when none is."""
        if self.remaining_ratio <= 0:
            return "over"
        return "within" if self.remaining_ratio >= CHOOSY_BELOW else "short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a request ended: who answered, what was tried, and why.

    ``abstained``: why what is served is not good enough by the gate's ``abstain``, or what is withheld; None where it is, or has none.
    """

    alias: str | None
    reason: Reason
    abstained: Reason | None = None
    attempts: tuple[Attempt, ...] = ()
    degraded: tuple[str, ...] = ()
    budgets: tuple[BudgetLeft, ...] = ()
    first_token_ms: float | None = None  # of a stream: from the first call to when its first text could be shown

    @property
    def escalated(self) -> bool:
        """True when more than one rung was asked, one for want of a better answer from the other."""
        return sum(not attempt.spare for attempt in self.attempts) > 1

    def answered_by(self, *, cache: str, nobody: str) -> str:
        """The alias; without one the word for LiteLLM's response cache, which does not say who had given the answer, or for nobody."""
        return self.alias or (cache if self.reason is Reason.CACHED else nobody)

    @property
    def wasted(self) -> tuple[Attempt, ...]:
        """The attempts whose answers nobody saw."""
        return tuple(attempt for attempt in self.attempts if not attempt.served)

    @property
    def cost_usd(self) -> float | None:
        """What the attempts cost together; None where that is not known of one. What failed without a bill cost nothing."""
        return total_of([0.0 if attempt.cost_usd is None and attempt.error is not None else attempt.cost_usd for attempt in self.attempts])

    @property
    def verdict(self) -> Verdict | None:
        """Abstain, or accept when an answer is served without reservation; None when nobody answered."""
        if self.abstained is not None:
            return Verdict.ABSTAIN
        return Verdict.ACCEPT if self.alias is not None else None
