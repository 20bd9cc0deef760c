"""What was asked for one request and what came of it: the part of a run that is the same for a cascade and an ensemble."""

from __future__ import annotations

from dataclasses import dataclass, replace

from litellm_cascade.errors import LeftAloneError
from litellm_cascade.vocabulary import Attempt, Completion, Consultation, Decision, Gate, Judgement, Outcome, Reason, Turn, Usage, Verdict


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask this rung.

    ``turns`` follow the conversation in this call alone. ``beside`` is to be asked at the same time, before it is known whether its
    answer will be wanted: that one is ``spare``. ``judges``: the question is the run's own, not the client's.
    """

    rung: int
    alias: str
    turns: tuple[Turn, ...] = ()
    beside: Ask | None = None
    spare: bool = False
    judges: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Consult:
    """Ask the rung's model again how sure it is of what it said, and report the score with ``consulted``."""

    rung: int
    alias: str
    kind: str  # self_check | agreement
    completion: Completion
    complete: bool  # False: the completion is the held part of a stream
    gate: Gate


@dataclass(frozen=True, slots=True)
class Serve:
    """Give the client this rung's answer."""

    rung: int


@dataclass(frozen=True, slots=True)
class Fail:
    """No rung answered, or none well enough for a gate that abstains with an error; give the client this error as it is."""

    error: Exception


class Run:
    """One request's attempts, by rung. Whoever drives a run also tells it what only the driver knows: bills, times, late collapses."""

    def __init__(self, decision: Decision) -> None:
        self.gate: Gate | None = decision.gate
        self.has_failed = False  # the last step was Fail
        self._abstained: Reason | None = None
        self._degraded = list(decision.degraded)
        self._attempts: list[Attempt] = []
        self._served: int | None = None
        self._reason = Reason.DIRECT
        self._first_token_ms: float | None = None

    def judges(self, rung: int) -> bool:
        """Whether a rung's answer will be held against the gate: then its log-probabilities are wanted."""
        del rung
        return False

    def billed(self, rung: int, usage: Usage | None, cost_usd: float | None, dropped: tuple[str, ...] = ()) -> None:
        """Note what a rung consumed, once that is known, and which parameters it was asked without."""
        self._amend(rung, usage=usage, cost_usd=cost_usd, dropped=dropped)

    def held(self, rung: int, milliseconds: float) -> None:
        """A rung's first text waited this long for its verdict."""
        self._amend(rung, hold_ms=milliseconds)

    def shown_after(self, milliseconds: float) -> None:
        """The first text of the stream may be shown, this long after the first rung was asked."""
        self._first_token_ms = milliseconds

    def regretted(self, rung: int, score: float) -> None:
        """What followed the release of a rung scored below the threshold."""
        self._amend(rung, late_regret=score)

    def broke(self, error: Exception) -> None:
        """The rung that is served failed when some of its text had been shown: too late for another."""
        if self._served is not None:
            self._note_failure(self._served, error)
            self._reason = Reason.ERROR

    def outcome(self) -> Outcome:
        """What has happened so far."""
        return Outcome(
            alias=None if self._served is None else self._attempts[self._served].alias,
            reason=self._reason,
            abstained=self._abstained,
            attempts=tuple(self._attempts),
            degraded=tuple(self._degraded),
            first_token_ms=self._first_token_ms,
        )

    def noted(self, rung: int, consultation: Consultation) -> None:
        """Note what asking a rung's model again has come to."""
        self._amend(rung, consultations=(*self._attempts[rung].consultations, consultation))

    def forget(self) -> None:
        """Let go of what the request and the answers said: nothing will be judged any more."""

    def _fail(self, error: Exception, reason: Reason) -> Fail:
        self.has_failed, self._reason = True, reason
        return Fail(error)

    def _note_failure(self, rung: int, error: Exception, **changes: object) -> None:
        self._amend(rung, error=type(error).__name__, **changes)
        self._degraded.append(f"{self._attempts[rung].alias}_{how(error)}")

    def _amend(self, rung: int, **changes: object) -> None:
        self._attempts[rung] = replace(self._attempts[rung], **changes)  # type: ignore[arg-type]


def how(error: Exception) -> str:
    """In a word."""
    if isinstance(error, LeftAloneError):
        return "open"
    return "late" if isinstance(error, TimeoutError) else "failed"


def failure(error: Exception) -> Judgement:
    """What there is to say of a rung that failed or was late."""
    reason = Reason.TIMEOUT if isinstance(error, TimeoutError) else Reason.ERROR
    return Judgement(verdict=Verdict.ESCALATE, reason=reason)
